from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.spreading import Room, fewest_clusters, spread

ROOMS = st.lists(st.builds(Room, st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=3)


def clusters_of(shares: tuple[int, ...] | list[int], per_cluster: int) -> int:
    return sum(math.ceil(share / per_cluster) for share in shares)


def every_spread(nodes: int, rooms: list[Room], per_cluster: int) -> list[tuple[int, ...]]:
    possible = [range(room.fits(per_cluster) + 1) for room in rooms]
    return [shares for shares in itertools.product(*possible) if sum(shares) == nodes]


@given(st.integers(1, 20), ROOMS, st.integers(1, 6))
def test_no_spread_has_fewer_clusters_and_none_prefers_the_first_location_more(
    nodes: int, rooms: list[Room], per_cluster: int
):
    shares = spread(nodes, rooms, per_cluster)

    possible = every_spread(nodes, rooms, per_cluster)
    if not possible:
        assert shares is None
        return
    assert shares is not None
    fewest = min(clusters_of(other, per_cluster) for other in possible)
    best = max(other for other in possible if clusters_of(other, per_cluster) == fewest)
    assert tuple(shares) == best


@given(st.integers(1, 20_000), st.lists(st.builds(Room, st.integers(0, 9_000), st.integers(0, 500)), max_size=5))
def test_many_nodes_are_spread_whole(nodes: int, rooms: list[Room]):
    shares = spread(nodes, rooms, 100)

    fitting = [room.fits(100) for room in rooms]
    assert (shares is None) == (sum(fitting) < nodes)
    if shares is not None:
        assert sum(shares) == nodes
        assert all(share <= fit for share, fit in zip(shares, fitting, strict=True))
        assert clusters_of(shares, 100) == fewest_clusters(nodes, rooms, 100)


SPREADS = [
    (80, [Room(80, 9), Room(900, 9)], [80, 0]),
    (80, [Room(60, 9), Room(900, 9)], [0, 80]),
    (250, [Room(120, 9), Room(900, 9)], [100, 150]),
    (250, [Room(150, 9), Room(900, 9)], [150, 100]),
    (150, [Room(900, 1), Room(900, 9)], [100, 50]),
    (200, [Room(150, 9), Room(100, 9), Room(80, 9)], [100, 100, 0]),
    (1, [Room(0, 9), Room(0, 9)], None),
    (10, [Room(900, 0)], None),
]


@pytest.mark.parametrize(("nodes", "rooms", "shares"), SPREADS)
def test_nodes_go_where_the_fewest_clusters_hold_them(nodes: int, rooms: list[Room], shares: list[int] | None):
    assert spread(nodes, rooms, 100) == shares
