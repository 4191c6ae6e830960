"""Says what is missing when nodes do not fit: how much, how much to ask Azure for, and what would fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hyperscale.errors import PlanError
from hyperscale.locations import Bound, Candidate, Control, Location, Wanted, candidate

#: More idle clusters than these would hide what else is said.
_MAX_NAMED = 3


def shortfall(
    wanted: Wanted, candidates: Sequence[Candidate], locations: Sequence[Location], control: Control | None
) -> PlanError:
    """Return the error for nodes that are more than `candidates`, which are of `locations`, have room for.

    Args:
        wanted: the nodes.
        candidates: the locations that offer such nodes.
        locations: the same, as Azure answered.
        control: what seed and teardown need, if anything.
    """
    fitting = {found.location: found.room(wanted.nodes).fits(wanted.nodes_per_cluster) for found in candidates}
    missing = wanted.nodes - sum(fitting.values())
    advice = [_fewer_workers(wanted, sum(fitting.values()))] if sum(fitting.values()) else []
    advice += [ask for found in candidates for ask in _asks(wanted, found, fitting[found.location] + missing)]
    advice += [*_idle(wanted, locations), *_other_tier(wanted, locations, control)]
    advice.append("add another location to compute.locations")
    return PlanError(_message(wanted, candidates), hint="; or ".join(advice))


def _message(wanted: Wanted, candidates: Sequence[Candidate]) -> str:
    tightest = [found.bounds[0] for found in candidates if found.bounds]
    if not tightest or any(bound.nodes >= wanted.nodes for bound in tightest):
        free = ", ".join(f"{found.free_clusters:,} in {found.location}" for found in candidates)
        needed = -(-wanted.nodes // wanted.nodes_per_cluster)
        return f"{wanted.nodes:,} nodes need {needed:,} clusters, more than Azure ML lets us make: {free}"
    bound = tightest[0]
    free = ", ".join(f"{found.bounds[0].free:,} in {found.location}" for found in candidates if found.bounds)
    return (
        f"compute.size {wanted.size} needs {wanted.nodes * bound.a_node:,} {bound.what} for {wanted.nodes:,} nodes, "
        f"free are {free}{' beside what seed and teardown need' if bound.kept else ''}"
    )


def _fewer_workers(wanted: Wanted, nodes: int) -> str:
    return f"{nodes:,} nodes fit: --set parallelism.workers={nodes * wanted.workers_per_node}"


def _asks(wanted: Wanted, found: Candidate, nodes: int) -> Iterator[str]:
    """Yield what to ask for so that `found` can have `nodes` nodes."""
    asks = [_ask(bound, nodes) for bound in found.bounds if bound.nodes < nodes]
    if asks:
        yield f"ask for {' and '.join(asks)} in {found.location}"
    elif found.free_clusters * wanted.nodes_per_cluster < nodes:
        yield f"raise compute.max_nodes_per_cluster, or delete computes in {found.location} (`hyperscale gc`)"


def _ask(bound: Bound, nodes: int) -> str:
    limit = bound.limit_for(nodes)
    return f"{limit - (bound.amount.limit or 0):,} more {bound.what} (a limit of {limit:,})"


def _idle(wanted: Wanted, locations: Sequence[Location]) -> Iterator[str]:
    """Yield which computes without nodes hold quota that these nodes count against."""
    idle = [
        f"{compute.name} in {location.name} (up to {compute.max_nodes:,} nodes)"
        for location in locations
        for compute in sorted(location.computes, key=lambda compute: -compute.max_nodes)
        if compute.nodes == 0 and compute.tier == wanted.tier and compute.max_nodes
    ]
    if idle:
        more = f" and {len(idle) - _MAX_NAMED} others" if len(idle) > _MAX_NAMED else ""
        yield f"delete idle clusters, which count: {', '.join(idle[:_MAX_NAMED])}{more}"


def _other_tier(wanted: Wanted, locations: Sequence[Location], control: Control | None) -> Iterator[str]:
    """Yield that the other tier has room, and what it costs, if it has."""
    tier = "dedicated" if wanted.tier == "low_priority" else "low_priority"
    found = [candidate(location, wanted.size, tier, control) for location in locations]
    if sum(other.room(wanted.nodes).fits(wanted.nodes_per_cluster) for other in found) >= wanted.nodes:
        prices = [other.size.usd_per_hour.get(tier) for other in found if other.size and other.problem is None]
        cost = f" (${prices[0]:.4g} a node and hour)" if prices and prices[0] is not None else ""
        yield f"take the other tier, which has room: --set compute.tier={tier}{cost}"
