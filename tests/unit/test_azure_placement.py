from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import HOME, SIZES, make_compute, make_location, make_size
from wordings import Wording, names

from hyperscale.azure_placement import check_control, choose
from hyperscale.errors import PlanError
from hyperscale.locations import Control, Location, Wanted

F4 = "Standard_F4s_v2"


def wanted(nodes: int, *, size: str = F4, tier: str = "low_priority", per_cluster: int = 100) -> Wanted:
    return Wanted(size, tier, nodes, per_cluster, 8)


def refused(*locations: Location, nodes: int, tier: str = "low_priority", size: str = F4) -> PlanError:
    with pytest.raises(PlanError) as raised:
        choose(wanted(nodes, tier=tier, size=size), locations, None)
    return raised.value


@given(st.integers(1, 400), st.lists(st.integers(0, 900), min_size=1, max_size=4), st.integers(1, 150))
def test_no_location_gets_more_cores_than_are_free(nodes: int, free: list[int], per_cluster: int):
    locations = [make_location(f"place{number}", low_priority=cores) for number, cores in enumerate(free)]

    if sum(cores // 4 for cores in free) < nodes:
        with pytest.raises(PlanError) as refused:
            choose(wanted(nodes, per_cluster=per_cluster), locations, None)
        names(refused, f"{nodes * 4:,} low-priority cores")
        return
    choices = choose(wanted(nodes, per_cluster=per_cluster), locations, None)

    assert sum(choice.nodes for choice in choices) == nodes
    limits = {location.name: cores for location, cores in zip(locations, free, strict=True)}
    assert all(choice.nodes * 4 <= limits[choice.candidate.location] for choice in choices)
    assert all(choice.clusters == math.ceil(choice.nodes / per_cluster) for choice in choices)


def test_the_workspaces_location_comes_first_then_the_one_with_most_room(wording: Wording):
    locations = [
        make_location(HOME, low_priority=400),
        make_location("eastus", low_priority=40),
        make_location("westus2", low_priority=800),
    ]

    choices = choose(wanted(150), locations, None)

    chosen = {choice.candidate.location: (choice.nodes, choice.clusters) for choice in choices}
    assert chosen == {HOME: (100, 1), "westus2": (50, 1), "eastus": (0, 0)}
    names([choice.reason for choice in choices], "100 nodes", "150 nodes")
    wording([choice.reason for choice in choices])


def test_low_priority_is_one_number_over_all_families():
    location = make_location(low_priority=40, families={})

    (choice,) = choose(wanted(10), [location], None)

    assert choice.nodes == 10
    names(refused(location, nodes=11), "40 in westeurope")


def test_dedicated_is_counted_by_family_and_over_all_families(wording: Wording):
    by_family = make_location(families={"standardFSv2Family": 40}, dedicated=300)
    over_all = make_location(families={"standardFSv2Family": 400}, dedicated=40)

    assert "40 in westeurope" in str(refused(by_family, nodes=11, tier="dedicated"))
    names(refused(by_family, nodes=11, tier="dedicated"), "dedicated cores", "standardFSv2Family")
    names(refused(over_all, nodes=11, tier="dedicated"), "dedicated cores")
    wording(refused(over_all, nodes=11, tier="dedicated"))


def test_seed_and_teardown_keep_their_cores_where_they_are_of_the_same_quota(wording: Wording):
    control = Control(HOME, SIZES[0], 2, 2)
    location = make_location(families={"standardFSv2Family": 40}, dedicated=300)
    other = make_location("eastus", families={"standardFSv2Family": 40})

    (choice,) = choose(wanted(8, tier="dedicated"), [location], control)
    (elsewhere,) = choose(wanted(10, tier="dedicated"), [other], control)
    (cheap,) = choose(wanted(100), [location], control)

    assert (choice.nodes, elsewhere.nodes, cheap.nodes) == (8, 10, 100)
    with pytest.raises(PlanError) as refused:
        choose(wanted(9, tier="dedicated"), [location], control)
    names(refused, 32, "westeurope")
    wording(refused)


def test_a_shortfall_says_what_is_missing_what_to_ask_for_and_what_fits(wording: Wording):
    error = refused(make_location(low_priority=400, used=8), nodes=500)

    names(
        error,
        "compute.size Standard_F4s_v2",
        "2,000 low-priority cores",
        "500 nodes",
        "392 in westeurope",
        "98 nodes",
        "--set parallelism.workers=784",
        "1,608",
        "2,008",
        "compute.locations",
    )
    wording(error)


def test_the_limit_to_ask_for_is_enough():
    location = make_location(families={"standardFSv2Family": 40}, dedicated=60)

    error = refused(location, nodes=20, tier="dedicated")

    assert error.hint is not None
    names(error, "40 more", "dedicated cores of standardFSv2Family", 80)
    names(error, "20 more", "dedicated cores of all families")
    enough = make_location(families={"standardFSv2Family": 80}, dedicated=80)
    (choice,) = choose(wanted(20, tier="dedicated"), [enough], None)
    assert choice.nodes == 20


def test_each_location_says_what_to_ask_for_there():
    error = refused(make_location(low_priority=40), make_location("eastus", low_priority=20), nodes=20)

    names(error, "40 in westeurope", "20 in eastus")
    assert error.hint is not None
    names(error, "15 nodes", "--set parallelism.workers=120")
    names(error, "20 more", "low-priority cores", "60", "westeurope")
    names(error, "20 more", "low-priority cores", "40", "eastus")


def test_idle_clusters_that_hold_quota_are_named(wording: Wording):
    computes = (make_compute("old-a", 40), make_compute("busy", 20, nodes=3), make_compute("cpu", 50, tier="dedicated"))

    error = refused(make_location(low_priority=400, computes=computes), nodes=60)

    names(error, 160)
    assert error.hint is not None
    names(error, "old-a", "westeurope", "40 nodes")
    wording(error)
    assert "busy" not in error.hint
    assert "cpu" not in error.hint


def test_the_other_tier_is_named_where_it_has_room(wording: Wording):
    error = refused(make_location(low_priority=40), nodes=50)
    hopeless = refused(make_location(low_priority=40), nodes=51)

    assert error.hint is not None
    names(error, "--set compute.tier=dedicated", "$0.2")
    wording(error)
    assert hopeless.hint is not None
    assert "compute.tier" not in hopeless.hint


def test_nothing_fits_without_a_node(wording: Wording):
    error = refused(make_location(low_priority=3), nodes=1)

    assert error.hint is not None
    assert "fit" not in error.hint
    names(error, "1 more", "low-priority cores", 4, "westeurope")
    wording(error)


def test_clusters_are_counted_too(wording: Wording):
    location = make_location(low_priority=100_000, clusters=3)

    error = refused(location, nodes=301)

    names(error, "301 nodes", "4 clusters", "3 in westeurope")
    wording(error)
    assert error.hint is not None
    names(error, "compute.max_nodes_per_cluster")


def test_a_quota_that_azure_does_not_list_is_no_limit_but_said():
    (choice,) = choose(wanted(1_000, per_cluster=1_000), [make_location(low_priority=None)], None)

    assert choice.nodes == 1_000
    assert choice.candidate.unlisted == ("low-priority cores",)


def test_a_location_without_the_size_is_rejected_with_the_reason():
    locations = [make_location(sizes=SIZES[1:]), make_location("eastus")]

    first, second = choose(wanted(5), locations, None)

    assert (first.nodes, first.reason) == (0, "not offered")
    assert (second.candidate.location, second.nodes) == ("eastus", 5)


GONE = [
    ("Standard_F4_v2", "low_priority", "westeurope", "Standard_F4s_v2"),
    ("Standard_NC6s_v3", "dedicated", ("2025-09-30", "westeurope"), "Standard_NC4as_T4_v3"),
    ("Standard_M8", "low_priority", "westeurope", "Standard_F8s_v2"),
]


@pytest.mark.parametrize(("size", "tier", "parts", "nearest"), GONE)
def test_a_size_that_cannot_be_had_is_refused_with_the_nearest_ones(
    size: str, tier: str, parts: str | tuple[str, ...], nearest: str, wording: Wording
):
    more = (make_size("Standard_NC6s_v3", 6, 3.4, gpus=1), make_size("Standard_M8", 8, takes_low_priority=False))

    error = refused(make_location(sizes=(*SIZES, *more)), nodes=3, size=size, tier=tier)

    names(error, f"compute.size {size}", parts, nearest, "$")
    wording(error)


def test_seed_and_teardown_need_two_nodes_of_quota(wording: Wording):
    enough = make_location(families={"standardDSv2Family": 4})
    short = make_location(families={"standardDSv2Family": 3})

    assert check_control(enough, "Standard_DS2_v2", nodes=2, clusters=2).clusters == 2
    with pytest.raises(PlanError) as raised:
        check_control(short, "Standard_DS2_v2", nodes=2, clusters=2)
    names(raised, "4 dedicated cores of standardDSv2Family", "westeurope")
    wording(raised)
    assert raised.value.hint is not None
    names(raised, "1 more", 4)


def test_seed_and_teardown_need_a_size_that_is_offered_and_two_clusters(wording: Wording):
    with pytest.raises(PlanError) as refused:
        check_control(make_location(), "Standard_DS2", nodes=2, clusters=2)
    names(refused, "compute.control.size Standard_DS2")
    wording(refused)
    with pytest.raises(PlanError) as refused:
        check_control(make_location(clusters=1), "Standard_DS2_v2", nodes=2, clusters=2)
    names(refused, "westeurope")
    wording(refused)
    assert check_control(make_location(clusters=0), "Standard_DS2_v2", nodes=2, clusters=0).clusters == 0
