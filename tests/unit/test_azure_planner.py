from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from experiments import WORKSPACE, make_experiment, make_facts
from sites import HOME, SIZES, make_compute, make_location, make_site, make_size
from wordings import Wording, names

from hyperscale.azure_nodes import Site
from hyperscale.azure_plan import AzurePlan
from hyperscale.azure_planner import misfits, plan_on_azure
from hyperscale.cost import RowTimes
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.node_sizes import Capacity
from hyperscale.plan import Plan, make_plan
from hyperscale.quota import Compute

FACTS = make_facts(20_000)
TIMES = RowTimes(60, 90, 0, "a test")


def make(workers: int = 100, **parts: Any) -> Experiment:
    compute = {
        "size": "Standard_F4s_v2",
        "tier": "low_priority",
        "max_nodes_per_cluster": 10,
        **parts.pop("compute", {}),
    }
    given = {"parallelism": {"workers": workers, "workers_per_node": 4}, "azure": WORKSPACE, **parts}
    return make_experiment(compute={key: value for key, value in compute.items() if value is not None}, **given)


def planned(experiment: Experiment, site: Site, times: RowTimes | None = TIMES) -> tuple[Plan, AzurePlan]:
    return plan_on_azure(experiment, FACTS, site, times, version="1", templates_hash="t")


def offline(experiment: Experiment) -> Plan:
    return make_plan(experiment, FACTS, version="1", templates_hash="t")


EXISTING = {"size": None, "tier": None, "max_nodes_per_cluster": None}


def test_where_one_location_has_room_the_plan_is_the_one_that_nobody_was_asked_for():
    experiment = make()

    plan, known = planned(experiment, make_site())

    assert dataclasses.replace(
        plan, usd_per_node_hour=None, usd_per_control_hour=None, notes=()
    ) == dataclasses.replace(offline(experiment), notes=())
    assert (plan.usd_per_node_hour, plan.usd_per_control_hour) == (0.04, 0.1)
    assert [(use.location, use.nodes, use.clusters) for use in known.locations] == [(HOME, 25, 3)]


def test_nodes_that_one_location_cannot_take_are_spread_and_named_anew():
    experiment = make(workers=160, compute={"locations": ["eastus", HOME]})
    dear = make_size("Standard_F4s_v2", 4, 0.4)
    site = make_site(make_location(low_priority=120), make_location("eastus", sizes=(dear,)))

    plan, known = planned(experiment, site)

    assert [(cluster.location, cluster.nodes) for cluster in plan.clusters] == [
        (HOME, 10), (HOME, 10), (HOME, 10), ("eastus", 10)
    ]  # fmt: skip
    assert plan.render_id != offline(experiment).render_id
    assert all(plan.render_id in cluster.name for cluster in plan.clusters)
    assert len(set(plan.places)) == 4
    # 30 nodes at $0.04, 10 at $0.08.
    assert plan.usd_per_node_hour == pytest.approx(0.05)
    assert known.estimate is not None
    assert known.estimate.usd is not None
    control_usd = known.estimate.control_hours.low * 0.1
    assert known.estimate.usd.low == pytest.approx(known.estimate.node_hours.low * 0.05 + control_usd, abs=1e-4)


def test_a_note_on_locations_that_is_true_of_another_placement_is_not_repeated():
    experiment = make(workers=40, compute={"locations": ["eastus", HOME]})

    plan, known = planned(experiment, make_site(make_location(), make_location("eastus")))

    assert any("not used" in note for note in offline(experiment).notes)
    assert plan.notes == ()
    assert [(use.location, use.reason) for use in known.locations] == [(HOME, "has room"), ("eastus", "not needed")]


def test_existing_clusters_tell_their_tier_their_price_and_how_far_they_go():
    computes = (
        make_compute("gpu-a", 20, size="Standard_NC4as_T4_v3"),
        make_compute("gpu-b", 5, size="Standard_NC4as_T4_v3"),
    )
    experiment = make(compute={"existing": ["gpu-a", "gpu-b"], **EXISTING})

    plan, known = planned(experiment, make_site(computes=computes))

    assert [(cluster.name, cluster.nodes, cluster.owned) for cluster in plan.clusters] == [
        ("gpu-a", 20, False),
        ("gpu-b", 5, False),
    ]
    assert known.tier == "low_priority"
    assert plan.spare_consumers == 13
    assert plan.usd_per_node_hour == pytest.approx(0.12)


def test_existing_low_priority_clusters_end_jobs_after_a_week():
    experiment = make(compute={"existing": ["gpu-a"], **EXISTING}, limits={"max_hours": 200})
    dedicated = make_compute("gpu-a", 30, tier="dedicated")

    plan, _ = planned(experiment, make_site(computes=(dedicated,)))

    assert plan.spare_consumers == 0
    with pytest.raises(PlanError, match="after 168 hours"):
        planned(experiment, make_site(computes=(make_compute("gpu-a", 30),)))


def test_existing_clusters_that_may_wait_for_quota_are_said():
    computes = (make_compute("gpu-a", 30), make_compute("other", 90))
    experiment = make(compute={"existing": ["gpu-a"], **EXISTING})

    plan, _ = planned(experiment, make_site(computes=computes))

    names([note for note in plan.notes if "480" in note], "480 low-priority cores", "westeurope", 400)


def test_serverless_nodes_count_against_quota_and_have_a_price(wording: Wording):
    experiment = make(compute={"serverless": True, "max_nodes_per_cluster": None})

    plan, known = planned(experiment, make_site(make_location(clusters=2)))

    assert [(cluster.name, cluster.nodes) for cluster in plan.clusters] == [("serverless", 25)]
    assert plan.usd_per_node_hour == 0.04
    assert known.locations[0].quotas[0].needed == 100
    with pytest.raises(PlanError) as refused:
        planned(experiment, make_site(make_location(low_priority=80)))
    names(refused, "100 low-priority cores", "25 nodes", "80 in westeurope")
    wording(refused)


def test_control_clusters_that_exist_need_no_more_quota():
    experiment = make()
    plan = offline(experiment)
    there = tuple(
        make_compute(name, nodes, size="Standard_DS2_v2", tier="dedicated")
        for name, nodes in ((plan.control_cluster, 4), (plan.seed_cluster, 2))
    )
    families = {"standardDSv2Family": 0}

    def on(*computes: Compute) -> AzurePlan:
        location = make_location(families=families, computes=computes)
        return planned(experiment, make_site(location, computes=computes))[1]

    assert on(*there).control is None
    with pytest.raises(PlanError) as refused:
        on()
    names(refused, "compute.control.size Standard_DS2_v2", "4 dedicated cores")
    with pytest.raises(PlanError) as refused:
        on(there[0])
    names(refused, "compute.control.size Standard_DS2_v2", "2 dedicated cores")


def shared(nodes: int, **compute: Any) -> tuple[Experiment, Site]:
    """Return an experiment whose seed and teardown share a cluster of so many nodes, and its site."""
    cpu = make_compute("cpu", nodes, size="Standard_DS2_v2", tier="dedicated")
    return make(compute={"control": {"existing": "cpu"}, **compute}), make_site(computes=(cpu,))


@pytest.mark.parametrize(
    ("nodes", "consumers_per_pipeline", "runs"), [(2, 250, "1 run fits"), (5, 250, "4 runs fit"), (9, 20, "4 runs fit")]
)
def test_a_plan_says_how_many_runs_share_a_cluster_for_seeds_and_teardowns(
    nodes: int, consumers_per_pipeline: int, runs: str
):
    experiment, site = shared(nodes, consumers_per_pipeline=consumers_per_pipeline)

    plan, _ = planned(experiment, site)

    assert [note for note in plan.notes if "share" in note] == [f"seeds and teardowns share cpu: {runs} at once"]
    assert any("as many runs fit at once" in note for note in offline(experiment).notes)


@pytest.mark.parametrize(("nodes", "consumers_per_pipeline", "needed"), [(1, 250, "2"), (3, 10, "5")])
def test_one_run_that_could_keep_its_own_seed_from_a_node_is_refused(
    nodes: int, consumers_per_pipeline: int, needed: str, wording: Wording
):
    experiment, site = shared(nodes, consumers_per_pipeline=consumers_per_pipeline)

    with pytest.raises(PlanError) as refused:
        planned(experiment, site)
    names(refused, "compute.control.existing cpu", str(nodes), needed)
    wording(refused)


def test_a_plan_says_how_many_runs_a_small_quota_has_room_for():
    serverless = make(compute={"control": {"serverless": True}})
    small, large = (make_site(make_location(dedicated=cores)) for cores in (8, 10))

    notes = [note for each in (serverless, make()) for note in planned(each, small)[0].notes if "share" in note]

    said = "seeds and teardowns share a quota of 4 nodes of Standard_DS2_v2: 3 runs fit at once"
    assert notes == [said, said]
    assert not [note for note in planned(make(), large)[0].notes if "share" in note]


def test_what_nobody_knows_is_said(wording: Wording):
    experiment = make(limits={"max_cost_usd": 5})
    priceless = tuple(dataclasses.replace(size, usd_per_hour={}) for size in SIZES)

    plan, known = planned(experiment, make_site(make_location(low_priority=None, sizes=priceless)), None)

    assert plan.usd_per_node_hour is None
    assert known.estimate is None
    names(
        plan.notes,
        "`hyperscale trial`",
        "--seconds-per-row",
        "low-priority cores in westeurope",
        "Standard_F4s_v2, low_priority",
        "limits.max_cost_usd",
    )
    wording(plan.notes)


def test_a_run_that_costs_too_much_is_refused():
    with pytest.raises(PlanError, match=r"limits\.max_cost_usd is 3"):
        planned(make(limits={"max_cost_usd": 3}), make_site())


def test_what_a_plan_knows_survives_json():
    _, known = planned(make(), make_site())

    assert AzurePlan.from_document(json.loads(json.dumps(known.to_document()))) == known


CHANGES = [
    (make_site(), []),
    (make_site(make_location(low_priority=100)), []),
    (
        make_site(make_location(low_priority=99)),
        ["quota has room for 24 of 25 nodes in westeurope (99 low-priority cores are free)"],
    ),
    (make_site(make_location(sizes=SIZES[1:])), ["Standard_F4s_v2 is not offered in westeurope"]),
    (make_site(make_location(clusters=3)), ["1 of 3 clusters can be made in westeurope"]),
    (
        make_site(make_location(dedicated=3)),
        [
            "compute.control.size Standard_DS2_v2 needs 4 dedicated cores of all families in westeurope for seed and "
            "teardown, 3 are free"
        ],
    ),
]


@pytest.mark.parametrize(("now", "said"), CHANGES, ids=["same", "enough", "quota", "size", "clusters", "control"])
def test_a_plan_that_does_not_fit_any_more_says_why(now: Site, said: list[str]):
    experiment = make()
    plan, _ = planned(experiment, make_site())

    assert misfits(experiment, plan, now) == said
    assert misfits(experiment, offline(experiment), now) == said


def test_a_plan_of_existing_clusters_fits_as_long_as_they_are_there(wording: Wording):
    experiment = make(compute={"existing": ["gpu-a"], **EXISTING})
    plan, _ = planned(experiment, make_site(computes=(make_compute("gpu-a", 30),)))

    assert misfits(experiment, plan, make_site(computes=(make_compute("gpu-a", 25),))) == []
    names(misfits(experiment, plan, make_site(computes=(make_compute("gpu-a", 24),)))[0], 24)
    wording(misfits(experiment, plan, make_site())[0])


def test_auto_workers_are_the_cores_that_azure_tells_and_1_on_clusters_that_exist():
    ten_cores = make_location(sizes=(make_size("Standard_F4s_v2", 10), *SIZES[1:]))
    auto = {"parallelism": {"workers": 40}}
    computes = (make_compute("gpu-a", 50), make_compute("gpu-b", 50, size="Standard_F8s_v2"))

    own, known = planned(make(**auto), make_site(ten_cores))
    existing, _ = planned(
        make(compute={"existing": ["gpu-a", "gpu-b"], **EXISTING}, **auto), make_site(computes=computes)
    )

    assert (own.nodes, own.workers_per_node) == (4, 10)
    assert known.capacity == Capacity(10, 0, 20)
    assert (existing.nodes, existing.workers_per_node) == (40, 1)
    names(
        existing.notes, "workers_per_node", "existing clusters", "4, the cores of Standard_F4s_v2 and Standard_F8s_v2"
    )


def test_the_hint_of_a_plan_that_does_not_fit_counts_with_the_workers_of_auto():
    with pytest.raises(PlanError) as refused:
        planned(make(parallelism={"workers": 400}, compute={"tier": "dedicated"}), make_site())

    names(refused, "--set parallelism.workers=200")  # 50 nodes of 4 cores
