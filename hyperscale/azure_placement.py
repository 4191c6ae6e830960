"""Chooses the locations of a run's clusters so that no node waits for quota, or says exactly what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hyperscale.errors import PlanError
from hyperscale.locations import Candidate, Control, Location, Wanted, candidate, control_bounds
from hyperscale.node_sizes import find_size, nearest_sizes
from hyperscale.shortfall import shortfall
from hyperscale.spreading import Room, spread


@dataclass(frozen=True)
class Choice:
    """A candidate, and what it is used for.

    Attributes:
        candidate: the location.
        nodes: that it gets; none when it was rejected.
        clusters: that they are in.
        reason: why.
    """

    candidate: Candidate
    nodes: int
    clusters: int
    reason: str


def choose(wanted: Wanted, locations: Sequence[Location], control: Control | None) -> tuple[Choice, ...]:
    """Return what each of `locations` is used for: the fewest clusters, the first location before the others.

    Args:
        wanted: the nodes.
        locations: that may be used, the workspace's own first if it is one of them.
        control: what seed and teardown need, if anything.

    Raises:
        PlanError: when no location offers such nodes, or they are more than quota allows.
    """
    own, others = locations[:1], locations[1:]
    found = [candidate(location, wanted.size, wanted.tier, control) for location in own]
    rest = [candidate(location, wanted.size, wanted.tier, control) for location in others]
    # sorted() keeps the order of the file among locations that have the same room.
    found += sorted(rest, key=lambda other: -other.room(wanted.nodes).nodes)
    if all(other.problem is not None for other in found):
        raise _cannot_be_had(wanted, locations, found)
    rooms = [room_of(other, wanted) for other in found]
    shares = spread(wanted.nodes, rooms, wanted.nodes_per_cluster)
    if shares is None:
        usable = [other for other in found if other.problem is None]
        raise shortfall(wanted, usable, [location for location in locations if _is_among(location, usable)], control)
    return tuple(_choice(wanted, *pair) for pair in zip(found, shares, strict=True))


def check_control(location: Location, size_name: str, *, nodes: int, clusters: int) -> Control:
    """Return what seed and teardown need in the workspace's location.

    Args:
        location: of the workspace.
        size_name: of their nodes.
        nodes: how many they need, beside those of clusters that are there.
        clusters: how many are to be made for them.

    Raises:
        PlanError: when it cannot be had.
    """
    size = find_size(location.sizes, size_name)
    found = candidate(location, size_name, "dedicated", None)
    if size is None or found.problem is not None:
        wanted = Wanted(size_name, "dedicated", nodes, nodes, 1)
        raise _cannot_be_had(wanted, [location], [found], key="compute.control.size")
    for bound in control_bounds(location, size):
        missing = nodes * size.cores - bound.free
        if missing > 0:
            raise PlanError(
                f"compute.control.size {size.name} needs {nodes * size.cores} {bound.what} in "
                f"{location.name} for seed and teardown, {bound.free} are free",
                hint=f"ask for {missing} more (a limit of {bound.limit_for(nodes):,}), choose another "
                "compute.control.size, or name a cluster that exists as compute.control.existing",
            )
    if clusters > found.free_clusters:
        raise PlanError(
            f"clusters that can be made in {location.name}: {found.free_clusters:,}; seed and teardown need {clusters}",
            hint="delete some: `hyperscale gc` finds what runs left behind; or give compute.control.existing",
        )
    return Control(location.name, size, nodes, clusters)


def room_of(found: Candidate, wanted: Wanted) -> Room:
    """Return what a candidate can take of the nodes."""
    room = found.room(wanted.nodes)
    return room if wanted.needs_clusters else Room(room.nodes, math.ceil(room.nodes / wanted.nodes_per_cluster))


def _is_among(location: Location, candidates: Sequence[Candidate]) -> bool:
    return location.name in {found.location for found in candidates}


def _choice(wanted: Wanted, found: Candidate, nodes: int) -> Choice:
    clusters = math.ceil(nodes / wanted.nodes_per_cluster)
    if found.problem is not None:
        return Choice(found, 0, 0, found.problem)
    room = room_of(found, wanted).fits(wanted.nodes_per_cluster)
    if nodes == 0:
        why = "not needed" if room else "no room: " + (found.bounds[0].what if found.bounds else "clusters")
        return Choice(found, 0, 0, why)
    return Choice(found, nodes, clusters, "has room" if nodes == wanted.nodes else f"has room for {room:,} nodes")


def _cannot_be_had(
    wanted: Wanted, locations: Sequence[Location], found: Sequence[Candidate], key: str = "compute.size"
) -> PlanError:
    """Return the error for nodes that no location has, with the nearest ones that they have."""
    sizes = {size.name: size for location in locations for size in location.sizes}
    known = find_size(sizes.values(), wanted.size)
    nearest = nearest_sizes(wanted.size, wanted.tier, sizes.values(), known)
    reasons = "; ".join(f"{other.problem} in {other.location}" for other in found)
    offered = ", ".join(size.describe(wanted.tier) for size in nearest)
    return PlanError(
        f"{key} {wanted.size} cannot be had: {reasons}",
        hint=f"nearest to it: {offered}" if offered else "choose another size, tier or location",
    )
