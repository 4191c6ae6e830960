from __future__ import annotations

import json
import math
from typing import Any

import pytest
from experiments import WORKSPACE, make_experiment, make_facts
from hypothesis import assume, given
from hypothesis import strategies as st
from wordings import Wording
from wordings import names as message_names

from hyperscale import names
from hyperscale.body import MAX_BODY_BYTES, Body
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.input_facts import InputFacts
from hyperscale.node_sizes import Capacity
from hyperscale.placement import even_sizes
from hyperscale.plan import Plan, make_plan, plan_for_this_machine

ONE_CORE = Capacity(1, 0, 2)


def plan_of(experiment: Experiment, facts: InputFacts, capacity: Capacity | None = ONE_CORE) -> Plan:
    return make_plan(experiment, facts, version="1", templates_hash="t", capacity=capacity)


@st.composite
def placeable(draw: st.DrawFn) -> tuple[Experiment, InputFacts]:
    """An experiment that fits into its own limits, and its facts."""
    workers = draw(st.integers(1, 5_000))
    workers_per_node = draw(st.integers(1, 64))
    nodes = math.ceil(workers / workers_per_node)
    experiment = make_experiment(
        name=draw(st.sampled_from(["a", "digits-sweep", "a-1-b-2"])),
        parallelism={
            "workers": workers,
            "workers_per_node": workers_per_node,
            "rows_per_message": draw(st.just("auto") | st.integers(1, 100_000)),
        },
        activity={"entry": "sweep:fit", "rows_per_call": draw(st.integers(1, 100))},
        compute={
            "tier": draw(st.sampled_from(["dedicated", "low_priority"])),
            "max_nodes": draw(st.integers(nodes, 65_000)),
            "max_nodes_per_cluster": draw(st.integers(max(1, math.ceil(nodes / 1_000)), 1_000)),
            "locations": draw(st.lists(st.sampled_from(["westeurope", "eastus", "uksouth"]), unique=True)),
            "spare_consumers": draw(st.integers(0, 50) | st.sampled_from(["0%", "7%", "50%", "100%"])),
        },
        azure=WORKSPACE,
    )
    facts = make_facts(
        draw(st.integers(1, 10_000_000)), row_bytes=draw(st.floats(1, 200_000)), estimated=draw(st.booleans())
    )
    return experiment, facts


@given(placeable())
def test_no_worker_that_was_asked_for_and_has_a_row_is_lost(given_: tuple[Experiment, InputFacts]):
    experiment, facts = given_

    plan = plan_of(experiment, facts)

    assert plan.workers == min(experiment.parallelism.workers, facts.rows)
    assert plan.nodes * plan.workers_per_node >= plan.workers
    assert (plan.nodes - 1) * plan.workers_per_node < plan.workers


@given(placeable())
def test_clusters_are_as_few_as_the_limits_allow_and_of_even_size(given_: tuple[Experiment, InputFacts]):
    experiment, facts = given_
    limit = experiment.compute.max_nodes_per_cluster

    plan = plan_of(experiment, facts)

    sizes = [cluster.nodes for cluster in plan.clusters]
    assert sum(sizes) == plan.nodes <= experiment.compute.max_nodes
    assert max(sizes) <= limit
    assert max(sizes) - min(sizes) <= 1
    assert (len(sizes) - 1) * limit < plan.nodes


@given(placeable())
def test_clusters_take_the_regions_in_turn(given_: tuple[Experiment, InputFacts]):
    experiment, facts = given_
    regions = experiment.compute.locations or (None,)

    plan = plan_of(experiment, facts)

    used = [cluster.location for cluster in plan.clusters]
    counts = [used.count(region) for region in regions]
    assert sum(counts) == len(used)
    assert max(counts) - min(counts) <= 1


@given(placeable())
def test_every_row_travels_and_every_consumer_has_a_place(given_: tuple[Experiment, InputFacts]):
    experiment, facts = given_

    plan = plan_of(experiment, facts)

    assert plan.rows_per_message >= 1
    assert (plan.messages - 1) * plan.rows_per_message < facts.rows <= plan.messages * plan.rows_per_message
    assert plan.consumers == plan.nodes + plan.spare_consumers == len(plan.places)
    assert set(plan.places) == {cluster.name for cluster in plan.clusters}
    assert experiment.compute.tier == "low_priority" or plan.spare_consumers == 0


@given(placeable())
def test_the_same_arguments_give_the_same_plan(given_: tuple[Experiment, InputFacts]):
    experiment, facts = given_

    first, second = plan_of(experiment, facts), plan_of(experiment, facts)

    assert first == second
    assert Plan.from_document(json.loads(json.dumps(first.to_document()))) == first


@given(st.integers(1, 10_000), st.integers(1, 200))
def test_even_sizes_sum_up_and_differ_by_at_most_one(total: int, count: int):
    sizes = even_sizes(total, count)

    assert sum(sizes) == total
    assert len(sizes) == count
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 3_000), st.integers(1, 40), st.integers(1, 2_000))
def test_a_planned_message_fits_into_the_queue(columns: int, width: int, rows: int):
    names_of = tuple(f"c{number}" for number in range(columns))
    values = ["x" * width] * columns
    row_bytes = len(json.dumps(values, separators=(",", ":")))
    assume(row_bytes + columns * 8 < 50_000)
    facts = make_facts(rows, row_bytes=row_bytes, columns=names_of)

    plan = plan_of(make_experiment(parallelism={"rows_per_message": 100_000}), facts)

    body = Body("r" * 63, "s" * 32, 1_000_000, names_of, dict.fromkeys(range(plan.rows_per_message), values))
    assert len(body.encode()) <= MAX_BODY_BYTES


SAID = [
    ({"workers": 500}, 288, "workers trimmed from 500 to 288: there are 288 rows"),
    ({"workers": 10, "workers_per_node": 4}, 288, "3 nodes of 4 workers have room for 12 workers, 10 were asked for"),
    ({"rows_per_message": 90_000}, 200_000, "rows per message lowered from 90,000 to "),
    ({"workers": 500}, 1, "workers trimmed from 500 to 1: there is 1 row"),
    (
        {"workers": 40, "rows_per_message": 50},
        1_000,
        "20 messages for 40 workers: the others have nothing to do; lower parallelism.rows_per_message to 25",
    ),
]


@pytest.mark.parametrize(("parallelism", "rows", "note"), SAID, ids=["trimmed", "room", "lowered", "one", "idle"])
def test_what_was_changed_is_said(parallelism: dict[str, Any], rows: int, note: str):
    experiment = make_experiment(parallelism={"workers": 8, **parallelism}, azure=WORKSPACE)

    plan = plan_of(experiment, make_facts(rows))

    assert any(note in said for said in plan.notes), plan.notes


def test_an_estimate_is_marked_where_it_is_said():
    experiment = make_experiment(parallelism={"workers": 500})

    plan = plan_of(experiment, make_facts(288, estimated=True))

    assert "there are ~288 rows" in plan.notes[0]


REFUSED = [
    (
        {"parallelism": {"workers": 500}, "compute": {"max_nodes": 100}},
        "500 workers at 1 a node need 500 nodes, compute.max_nodes is 100",
        "raise compute.max_nodes to 500, lower parallelism.workers to 100, or raise parallelism.workers_per_node to 5",
    ),
    (
        {"compute": {"tier": "low_priority"}, "limits": {"max_hours": 169}},
        "limits.max_hours is 169, Azure ML ends a job on a low_priority node after 168 hours",
        "lower limits.max_hours to 168 or set compute.tier to dedicated (504 hours)",
    ),
    (
        {"limits": {"max_hours": 504.5}},
        "limits.max_hours is 504.5, Azure ML ends a job on a dedicated node after 504 hours",
        "lower limits.max_hours to 504",
    ),
    (
        {"parallelism": {"workers": 5_000}, "compute": {"max_nodes": 5_000, "max_nodes_per_cluster": 4}},
        "5,000 nodes at 4 a cluster need 1,250 clusters, 1,000 can be named",
        "raise compute.max_nodes_per_cluster to 5",
    ),
    (
        {
            "parallelism": {"workers": 20_000},
            "compute": {"tier": "low_priority", "max_nodes": 20_000, "max_nodes_per_cluster": 100},
        },
        "20,000 nodes and 10,000 spare consumers are 30,000 jobs, a run takes 29,998",
        "raise parallelism.workers_per_node",
    ),
]


@pytest.mark.parametrize(
    ("parts", "message", "hint"), REFUSED, ids=["nodes", "low_hours", "hours", "clusters", "steps"]
)
def test_what_cannot_be_placed_is_refused_with_figures(parts: dict[str, Any], message: str, hint: str):
    experiment = make_experiment(**parts)

    with pytest.raises(PlanError) as raised:
        plan_of(experiment, make_facts(1_000_000))

    assert message in str(raised.value)
    assert hint in (raised.value.hint or "")


def test_the_longest_life_of_a_job_is_allowed():
    low = make_experiment(compute={"tier": "low_priority"}, limits={"max_hours": 168})
    dedicated = make_experiment(limits={"max_hours": 504})

    plans = [plan_of(experiment, make_facts()) for experiment in (low, dedicated)]

    assert len(plans) == 2


def test_an_input_without_rows_has_no_plan():
    with pytest.raises(PlanError, match="no rows"):
        plan_of(make_experiment(), make_facts(0))


@given(placeable())
def test_there_is_a_message_for_every_worker_unless_the_experiment_says_otherwise(
    given_: tuple[Experiment, InputFacts],
):
    experiment, facts = given_

    plan = plan_of(experiment, facts)

    assert plan.messages >= plan.workers or any("have nothing to do" in note for note in plan.notes)
    assert plan.messages >= plan.workers or experiment.parallelism.rows_per_message != "auto"


def test_about_twenty_messages_a_worker_are_planned():
    plan = plan_of(make_experiment(parallelism={"workers": 10}), make_facts(20_000))

    assert (plan.rows_per_message, plan.messages) == (100, 200)


def test_a_message_fills_whole_calls():
    experiment = make_experiment(parallelism={"workers": 10}, activity={"entry": "sweep:fit", "rows_per_call": 64})

    plan = plan_of(experiment, make_facts(20_000))

    assert plan.rows_per_message == 128


def test_calls_get_fewer_rows_before_a_worker_gets_none(wording: Wording):
    activity = {"entry": "sweep:fit", "rows_per_call": 64}
    experiment = make_experiment(parallelism={"workers": 100}, activity=activity, azure=WORKSPACE)

    plan = plan_of(experiment, make_facts(1_000))

    assert (plan.rows_per_message, plan.messages) == (10, 100)
    message_names(plan.notes, "10 rows", 64, "100 workers", "1,000 rows")
    wording(plan.notes)


def test_low_priority_gets_spare_consumers_and_dedicated_none():
    parallelism = {"workers": 9}
    low = make_experiment(parallelism=parallelism, compute={"tier": "low_priority", "spare_consumers": "50%"})
    dedicated = make_experiment(parallelism=parallelism, compute={"spare_consumers": "50%"})

    spare = [plan_of(experiment, make_facts()).spare_consumers for experiment in (low, dedicated)]

    assert spare == [5, 0]


def test_serverless_gets_no_spare_consumers_because_each_would_have_a_node():
    experiment = make_experiment(compute={"serverless": True, "tier": "low_priority", "spare_consumers": 5})

    assert plan_of(experiment, make_facts()).spare_consumers == 0


def test_existing_clusters_share_the_nodes_and_are_not_owned():
    experiment = make_experiment(
        parallelism={"workers": 5}, compute={"existing": ["gpu-a", "gpu-b"], "control": {"existing": "cpu"}}
    )

    plan = plan_of(experiment, make_facts())

    assert [(cluster.name, cluster.nodes) for cluster in plan.clusters] == [("gpu-a", 3), ("gpu-b", 2)]
    assert plan.owned_clusters == ()
    assert (plan.control_cluster, plan.seed_cluster) == ("cpu", "cpu")


def test_serverless_owns_no_cluster():
    experiment = make_experiment(
        parallelism={"workers": 2_000}, compute={"serverless": True, "control": {"serverless": True}}
    )

    plan = plan_of(experiment, make_facts(3_000))

    assert set(plan.places) == {"serverless"}
    assert plan.owned_clusters == ()
    assert (plan.control_cluster, plan.seed_cluster) == ("serverless", "serverless")


@pytest.mark.parametrize(
    "change",
    [
        {"description": "another"},
        {"azure": {**WORKSPACE, "workspace_name": "other"}},
        {"azure": {**WORKSPACE, "subscription_id": "other"}},
    ],
    ids=["experiment", "workspace", "subscription"],
)
def test_another_experiment_or_workspace_has_another_render_id(change: dict[str, Any]):
    one = plan_of(make_experiment(azure=WORKSPACE), make_facts())

    other = plan_of(make_experiment(**{"azure": WORKSPACE, **change}), make_facts())

    assert one.render_id != other.render_id
    assert one.clusters != other.clusters


def test_other_rows_templates_or_code_of_nodes_have_another_render_id():
    experiment = make_experiment(azure=WORKSPACE)
    made = [
        make_plan(experiment, make_facts(rows), version=version, templates_hash=templates)
        for rows, version, templates in [(10, "1", "t"), (11, "1", "t"), (10, "2", "t"), (10, "1", "u")]
    ]

    assert len({plan.render_id for plan in made}) == 4


def test_without_a_workspace_the_plan_says_that_names_may_be_taken(wording: Wording):
    plan = plan_of(make_experiment(), make_facts())

    message_names(plan.notes[0], "workspace")
    wording(plan.notes[0])


@given(st.integers(1, 500), st.integers(1, 1_000), st.integers(1, 16), st.integers(1, 64), st.integers(1, 5))
def test_a_local_plan_stays_within_the_cores(workers: int, rows: int, per_node: int, cores: int, nodes: int):
    experiment = make_experiment(parallelism={"workers": workers, "workers_per_node": per_node})

    plan = plan_for_this_machine(experiment, make_facts(rows), cores=cores, nodes=nodes)

    assert plan.workers == min(workers, rows, cores)
    assert plan.nodes == plan.consumers == min(nodes, plan.workers)
    assert plan.workers <= plan.nodes * plan.workers_per_node < plan.workers + plan.nodes
    assert plan.owned_clusters == ()


def test_a_local_plan_takes_more_workers_than_cores_when_told():
    plan = plan_for_this_machine(make_experiment(), make_facts(), cores=2, workers=8)

    assert (plan.workers, plan.workers_per_node, plan.nodes) == (8, 8, 1)


def test_the_lease_is_short_here_and_longer_on_azure_unless_given():
    auto, given_ = make_experiment(), make_experiment(parallelism={"lease_seconds": 77})

    leases = [
        plan_for_this_machine(auto, make_facts(), cores=2).lease_seconds,
        plan_of(auto, make_facts()).lease_seconds,
        plan_for_this_machine(given_, make_facts(), cores=2).lease_seconds,
        plan_of(given_, make_facts()).lease_seconds,
    ]

    assert leases == [30, 300, 77, 77]


def test_every_name_in_a_plan_keeps_the_rules_of_azure():
    experiment = make_experiment(
        name="a-very-long-name-of-experiment",
        parallelism={"workers": 1_000},
        compute={"max_nodes": 1_000, "max_nodes_per_cluster": 1},
    )

    plan = plan_of(experiment, make_facts())

    assert len(plan.clusters) == 1_000
    assert not [cluster for cluster in plan.clusters if names.COMPUTE.problem(cluster.name)]


# ---- how many workers a node has


def shape_of(plan: Plan) -> tuple[int, int]:
    return plan.nodes, plan.workers_per_node


@pytest.mark.parametrize(
    ("capacity", "workers", "shape"),
    [(Capacity(8, 0, 16), 48, (6, 8)), (Capacity(64, 4, 440), 48, (12, 4)), (Capacity(8, 0, 16), 5, (1, 5))],
    ids=["cores", "gpus", "few"],
)
def test_a_node_has_a_worker_for_each_of_its_cores_or_gpus(capacity: Capacity, workers: int, shape: tuple[int, int]):
    plan = plan_of(make_experiment(parallelism={"workers": workers}), make_facts(), capacity)

    assert shape_of(plan) == shape


def test_the_number_that_a_file_gives_stands():
    experiment = make_experiment(parallelism={"workers": 6, "workers_per_node": 3})

    assert shape_of(plan_of(experiment, make_facts(), Capacity(16, 0, 32))) == (2, 3)


ONE_EACH = [
    ({"size": "Standard_M416_v9"}, None, ["Standard_M416_v9", "--azure"]),
    ({"existing": ["cpu-a"]}, None, ["existing clusters"]),
    ({"existing": ["cpu-a"], "size": None}, Capacity(16, 0, 32), ["existing clusters", "16"]),
    ({"serverless": True, "size": "Standard_NC48ads_A100_v4"}, Capacity(48, 2, 440), ["serverless", "2", "GPUs"]),
]


@pytest.mark.parametrize(("compute", "capacity", "named"), ONE_EACH, ids=["unknown", "existing", "asked", "serverless"])
def test_where_cores_are_unknown_or_not_the_runs_own_a_node_has_one_worker_and_that_is_said(
    compute: dict[str, Any], capacity: Capacity | None, named: list[str]
):
    given = {key: value for key, value in compute.items() if value is not None}

    plan = plan_of(make_experiment(parallelism={"workers": 7}, compute=given, azure=WORKSPACE), make_facts(), capacity)

    assert shape_of(plan) == (7, 1)
    message_names(plan.notes, "workers_per_node", "auto", *named)


UNUSED = [
    (4, 1, Capacity(2, 0, 4), "4 nodes x 2 cores, 1 worker each: half of the cores idle"),
    (12, 3, Capacity(4, 0, 8), "4 nodes x 4 cores, 3 workers each: a quarter of the cores idle"),
    (10, 1, Capacity(16, 0, 32), "10 nodes x 16 cores, 1 worker each: 15 of 16 cores idle"),
    (6, 2, Capacity(96, 8, 900), "3 nodes x 8 GPUs, 2 workers each: three quarters of the GPUs idle"),
    (2, "auto", Capacity(4, 0, 8), "1 node x 4 cores, 2 workers each: half of the cores idle"),
    (16, 8, Capacity(2, 0, 4), "2 nodes x 2 cores, 8 workers each: 8 workers share 2 cores"),
]


@pytest.mark.parametrize(("workers", "per_node", "capacity", "said"), UNUSED)
def test_cores_that_a_file_leaves_unused_or_shared_are_said(
    workers: int, per_node: int | str, capacity: Capacity, said: str
):
    experiment = make_experiment(parallelism={"workers": workers, "workers_per_node": per_node})

    plan = plan_of(experiment, make_facts(), capacity)

    assert any(note.startswith(said) for note in plan.notes), plan.notes


@pytest.mark.parametrize(
    ("workers", "per_node", "rows"), [(8, 4, 1_000), (8, "auto", 1_000), (8, "auto", 3)], ids=["file", "auto", "rows"]
)
def test_nothing_is_said_of_cores_that_are_all_used_or_for_which_there_are_no_rows(
    workers: int, per_node: int | str, rows: int
):
    experiment = make_experiment(parallelism={"workers": workers, "workers_per_node": per_node})

    assert not [note for note in plan_of(experiment, make_facts(rows), Capacity(4, 0, 8)).notes if "cores" in note]


def test_the_advice_on_idle_cores_uses_them_all():
    experiment = make_experiment(parallelism={"workers": 4, "workers_per_node": 1})

    note = next(note for note in plan_of(experiment, make_facts(), Capacity(2, 0, 4)).notes if "idle" in note)
    better = make_experiment(parallelism={"workers": 4, "workers_per_node": 2})

    message_names(note, "parallelism.workers_per_node: 2")
    assert not [note for note in plan_of(better, make_facts(), Capacity(2, 0, 4)).notes if "idle" in note]
