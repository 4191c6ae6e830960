"""Says where a run on Azure goes, and what its plan knows from there: quota, locations, time and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hyperscale.azure_plan import AzurePlan, LocationUse
from hyperscale.cost import NOT_IN_COST, Estimate, Range
from hyperscale.experiment import Azure
from hyperscale.figures import counted, usd, usd_per_rows

#: Hours below this are said in minutes.
_FEW_HOURS = 2


def place_pairs(azure: Azure, sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a plan for which nobody was asked: the workspace, and who named it.

    Args:
        azure: of the experiment.
        sources: key of `azure` to who gave its value; keys that nobody gave are not in it.
    """
    if azure.workspace_name is None:
        return
    yield "workspace", f"{azure.workspace_name}, not asked (--azure asks it for quota and prices)"
    parts = (("resource group", azure.resource_group), ("subscription", azure.subscription_id))
    yield "", ", ".join(f"{what} {value or 'not given'}" for what, value in parts)
    yield from _sources(sources)


def azure_pairs(known: AzurePlan, rows: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of a plan's table that Azure was asked for, each with its name; `rows` are those of the run."""
    group = f"resource group {known.resource_group}, subscription {known.subscription_id}"
    yield "workspace", f"{known.workspace_name} in {known.location}"
    yield "", group
    yield from _sources(known.sources)
    for use in known.locations:
        yield ("chosen", _chosen(use)) if use.nodes else ("rejected", f"{use.location}: {use.reason}")
        for line in _quotas(use):
            yield "", line
        if use.nodes and len(use.usd_by_tier) > 1:
            yield "", f"list price of {known.size}: {_prices(use)}"
    if known.control is not None:
        yield "control", f"needs {counted(known.control.nodes, 'node')} of {known.control.reason} in {known.location}"
        for line in _quotas(known.control):
            yield "", line
    if known.estimate is not None:
        yield from expected_pairs(known.estimate, rows)


def _sources(sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for source in dict.fromkeys(sources.values()):
        yield "", f"{', '.join(key for key, given_by in sources.items() if given_by == source)}: {source}"


def _chosen(use: LocationUse) -> str:
    price = "price unknown" if use.usd_per_node_hour is None else f"${use.usd_per_node_hour:.4g} a node and hour"
    clusters = f" in {counted(use.clusters, 'cluster')}" if use.clusters else ""
    return f"{use.location}: {counted(use.nodes, 'node')}{clusters}, {price} ({use.reason})"


def _prices(use: LocationUse) -> str:
    return ", ".join(f"{tier} ${price:.4g}" for tier, price in sorted(use.usd_by_tier.items()))


def _quotas(use: LocationUse) -> Iterator[str]:
    for quota in use.quotas:
        used = [f"{quota.told:,} used"] * bool(quota.told)
        if quota.claimed > quota.told:
            used.append(f"computes of the workspace may grow to {quota.claimed:,}")
        if quota.kept:
            used.append(f"{quota.kept:,} for seed and teardown")
        why = f" ({', '.join(used)})" if used else ""
        yield f"{quota.what}: {quota.needed:,} needed, {quota.free:,} of {quota.limit:,} free{why}"


def expected_pairs(expected: Estimate, rows: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of a table that say how long a run of `rows` rows takes, what it costs, and by what figures."""
    yield "time", f"{_hours(expected.hours)} ({expected.source})"
    nodes = f"{expected.node_hours.low:,.1f} to {expected.node_hours.high:,.1f} node-hours"
    if expected.usd is None:
        yield "cost", f"unknown ({nodes}, and those of seed and teardown)"
        return
    yield "cost", f"{cost_text(expected.usd, rows)} (list price; {NOT_IN_COST})"
    control = expected.control_usd
    if control is None:
        yield "", f"{nodes}; the nodes of seed and teardown are not included: their price is unknown"
    else:
        yield "", f"{nodes}; {usd(control.low)} to {usd(control.high)} of it for the nodes of seed and teardown"


def cost_text(cost: Range, rows: int) -> str:
    """Return what a run of `rows` rows costs, and what so many rows of it do that people can compare it."""
    return f"{usd(cost.low)} to {usd(cost.high)}, {usd_per_rows(rows, cost.low, cost.high)}"


def _hours(hours: Range) -> str:
    if hours.high < _FEW_HOURS:
        return f"{60 * hours.low:,.0f} to {60 * hours.high:,.0f} minutes"
    return f"{hours.low:,.1f} to {hours.high:,.1f} hours"
