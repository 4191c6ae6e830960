from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import make_compute
from wordings import Wording, names

from hyperscale.errors import PlanError
from hyperscale.existing_clusters import find_clusters, share_existing

COMPUTES = [
    make_compute("gpu-a", 10),
    make_compute("gpu-b", 2),
    make_compute("broken", 4, state="Failed"),
    make_compute("closed", 0),
    make_compute("ada-laptop", 1, kind="ComputeInstance"),
]


def test_clusters_are_found_by_name_whatever_its_case():
    assert [found.name for found in find_clusters(["GPU-B", "gpu-a"], COMPUTES, "compute.existing")] == [
        "gpu-b",
        "gpu-a",
    ]


UNUSABLE = [
    ("gpu-c", "compute.existing gpu-c: the workspace has no such compute"),
    ("ada-laptop", "compute.existing ada-laptop: it is no cluster: ComputeInstance"),
    ("broken", "compute.existing broken cannot be used: its state is Failed"),
    ("closed", "compute.existing closed cannot be used: it may have no nodes"),
]


@pytest.mark.parametrize(("name", "said"), UNUSABLE)
def test_what_cannot_be_used_is_refused_with_the_reason(name: str, said: str):
    with pytest.raises(PlanError) as raised:
        find_clusters(["gpu-a", name], COMPUTES, "compute.existing")

    assert str(raised.value) == said


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.data())
def test_nodes_are_shared_evenly_as_far_as_each_cluster_may_grow(most: list[int], data: st.DataObject):
    clusters = [make_compute(f"c{number}", nodes) for number, nodes in enumerate(most)]
    nodes = data.draw(st.integers(1, sum(most)))

    shared = share_existing(clusters, nodes, 1)

    by_name = {cluster.name: cluster.nodes for cluster in shared}
    shares = [by_name.get(f"c{number}", 0) for number in range(len(most))]
    assert sum(shares) == nodes
    assert all(share <= limit for share, limit in zip(shares, most, strict=True))
    growing = [share for share, limit in zip(shares, most, strict=True) if share < limit]
    assert not growing or max(shares) - min(growing) <= 1
    assert not any(cluster.owned for cluster in shared)


def test_more_nodes_than_clusters_may_have_are_refused_with_what_fits(wording: Wording):
    with pytest.raises(PlanError) as raised:
        share_existing(COMPUTES[:2], 13, 4)
    names(raised, "13 nodes", 12)
    wording(raised)

    assert raised.value.hint is not None
    assert "--set parallelism.workers=48" in raised.value.hint
