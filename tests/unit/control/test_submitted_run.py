from __future__ import annotations

import pytest
from experiments import WORKSPACE, make_experiment, make_facts

from hyperscale.control.submit.submitted_run import job_names, with_own_clusters, without_clusters
from hyperscale.pipeline_parts import parts_of
from hyperscale.plan import Plan, make_plan

RUN = "digits-20261122-190000-abcd"


def plan_of(workers: int, **compute: object) -> Plan:
    experiment = make_experiment(parallelism={"workers": workers}, compute=compute, azure=WORKSPACE)
    return make_plan(experiment, make_facts(10_000), version="1", templates_hash="t")


def test_clusters_are_named_after_the_run_and_keep_their_places():
    plan = plan_of(5, max_nodes_per_cluster=2)

    first, other = (with_own_clusters(plan, "digits", run) for run in (RUN, RUN.replace("abcd", "abce")))

    names = [cluster.name for cluster in first.clusters]
    assert [name[-4:] for name in names] == ["-c00", "-c01", "-c02"]
    assert not {*names} & {cluster.name for cluster in (*other.clusters, *plan.clusters)}
    assert [cluster.nodes for cluster in first.clusters] == [cluster.nodes for cluster in plan.clusters]


def test_existing_clusters_keep_their_names():
    plan = plan_of(2, existing=["gpu-a", "gpu-b"])

    assert with_own_clusters(plan, "digits", RUN) == plan


def test_lost_clusters_take_their_nodes_and_their_share_of_spare_jobs_along():
    plan = plan_of(40, max_nodes_per_cluster=10, tier="low_priority", spare_consumers="50%")
    lost = plan.clusters[1].name

    left = without_clusters(plan, [lost])

    assert (left.nodes, left.spare_consumers, left.consumers, left.workers) == (30, 15, 45, 30)
    assert len(left.places) == 45
    assert lost not in left.places


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_jobs_of_a_run_are_called_like_it(count: int):
    names = job_names(RUN, count)

    assert len(names) == count
    assert names == (RUN,) if count == 1 else names[0] == f"{RUN}-p1"


def test_every_consumer_is_in_one_pipeline_and_only_the_first_seeds():
    plan = plan_of(7, max_nodes_per_cluster=3)

    parts = parts_of(plan.places, 3)

    assert [place for part in parts for place in part.places] == list(plan.places)
    assert [part.first_number for part in parts] == [0, 3, 5]
    assert [part.begins_with for part in parts] == ["seed", "gate", "gate"]
    assert [part.suffix for part in parts] == ["", "_p2", "_p3"]


def test_a_pipeline_that_would_have_no_consumer_left_is_left_out():
    assert len(parts_of(plan_of(1).places, 3)) == 1
