"""Spreads nodes over locations: the fewest clusters that find room, as many nodes as possible in the first location."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """What a location can take.

    Attributes:
        nodes: as quota allows.
        clusters: as may still be made.
    """

    nodes: int
    clusters: int

    def fits(self, nodes_per_cluster: int) -> int:
        """Return how many nodes fit, in clusters of at most `nodes_per_cluster`."""
        return min(self.nodes, self.clusters * nodes_per_cluster)


def fewest_clusters(nodes: int, rooms: Sequence[Room], nodes_per_cluster: int) -> int | None:
    """Return how few clusters hold `nodes` nodes; None when they do not fit.

    Whole clusters first, wherever they are; then the largest of those that a location's quota cuts short. No cluster
    holds more, so no choice has fewer.
    """
    fitting = [room.fits(nodes_per_cluster) for room in rooms]
    whole = sum(count // nodes_per_cluster for count in fitting)
    if nodes <= whole * nodes_per_cluster:
        return math.ceil(nodes / nodes_per_cluster)
    clusters, missing = whole, nodes - whole * nodes_per_cluster
    for partial in sorted((count % nodes_per_cluster for count in fitting), reverse=True):
        if missing <= 0 or partial == 0:
            break
        clusters, missing = clusters + 1, missing - partial
    return clusters if missing <= 0 else None


def spread(nodes: int, rooms: Sequence[Room], nodes_per_cluster: int) -> list[int] | None:
    """Return how many nodes each location gets, in the order of `rooms`; None when they do not fit.

    Args:
        nodes: of all locations together.
        rooms: of the locations, the preferred one first: of the choices with the fewest clusters, the one that gives it
            most is taken, then the one that gives the next one most.
        nodes_per_cluster: at most.
    """
    clusters = fewest_clusters(nodes, rooms, nodes_per_cluster)
    if clusters is None:
        return None
    shares = []
    for number in range(len(rooms)):
        share = _largest_share(nodes, clusters, rooms[number:], nodes_per_cluster)
        shares.append(share)
        nodes, clusters = nodes - share, clusters - math.ceil(share / nodes_per_cluster)
    return shares


def _largest_share(nodes: int, clusters: int, rooms: Sequence[Room], nodes_per_cluster: int) -> int:
    """Return how many nodes the first of `rooms` can get so that the others take the rest with what is left."""
    fitting = min(rooms[0].fits(nodes_per_cluster), nodes)
    for own in range(math.ceil(fitting / nodes_per_cluster), 0, -1):
        share = min(fitting, own * nodes_per_cluster)
        others = fewest_clusters(nodes - share, rooms[1:], nodes_per_cluster)
        if others is not None and own + others <= clusters:
            return share
    return 0
