"""What a run costs: one sum of the paid hours of all its nodes, for plans beforehand, and for runs as they go.

In it are the list prices of the nodes of consumers, seed and teardown. Storage (requests, space) and egress are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperscale.errors import PlanError

if TYPE_CHECKING:  # nodes import this module, and need no plans
    from hyperscale.experiment import Experiment
    from hyperscale.plan import Plan

#: Until a node works, in minutes: Azure ML finds it, starts it and pulls the image. Clusters take about five
#: (how-to-create-attach-compute-cluster.md); the first run of an environment builds its image before that.
START_MINUTES = (3.0, 15.0)
#: The part of that in which the node is there, and is paid for.
PAID_START_MINUTES = (1.0, 5.0)
#: Fields of teardown's heartbeat: for how long the steps of consumers, and those of seed and teardown, were starting on
#: their nodes before they were heard of, as Azure ML tells it.
CONSUMER_START_SECONDS, CONTROL_START_SECONDS = "consumer_start_seconds", "control_start_seconds"
#: For so long nodes of control clusters stay without work; `compute.idle_seconds` is for the nodes of a run.
CONTROL_IDLE_SECONDS = 120
#: What no sum of ours holds, for people.
NOT_IN_COST = "storage and egress not included"


@dataclass(frozen=True)
class Rates:
    """What the nodes of a run cost, and how long they are paid for without work.

    Attributes:
        usd_per_node_hour: list price of a consumer's node; None when it is unknown.
        usd_per_control_hour: that of a node of seed or teardown; None when it is unknown.
        idle_seconds: for so long a consumer's node stays after its last consumer; 0 where it is not the run's own.
        control_idle_seconds: for so long a node of seed or teardown stays.
    """

    usd_per_node_hour: float | None
    usd_per_control_hour: float | None = None
    idle_seconds: float = 0.0
    control_idle_seconds: float = 0.0


@dataclass(frozen=True)
class NodeHours:
    """Paid hours of nodes: of those of consumers, and of those of seed and teardown."""

    consumers: float
    control: float


def total_usd(hours: NodeHours, rates: Rates) -> float | None:
    """Return what `hours` cost, to a hundredth of a cent; None when the price of consumers' nodes is unknown.

    Control nodes whose price is unknown are not in it: they are few and small.
    """
    if rates.usd_per_node_hour is None:
        return None
    control = hours.control * (rates.usd_per_control_hour or 0.0)
    return round(hours.consumers * rates.usd_per_node_hour + control, 4)


def spent_hours(beats: Iterable[Mapping[str, Any]], rates: Rates, now: float | None) -> NodeHours:
    """Return for how long the nodes of a run have been paid for, as far as heartbeats tell.

    A node is paid for while a process of the run lives on it, before the first one as long as Azure ML tells that its
    step was starting, and after the last one until its idle time is over.

    Args:
        beats: fields of the heartbeats of seed, consumers and teardown.
        rates: say how long nodes stay idle.
        now: Unix seconds; None of a run that is over: then each node is idle for as long as it may be.
    """
    every = list(beats)
    consumers = [fields for fields in every if fields.get("role") == "consume"]
    control = [fields for fields in every if fields.get("role") in ("seed", "teardown")]
    starts = {
        name: max((float(fields.get(name) or 0) for fields in control), default=0.0)
        for name in (CONSUMER_START_SECONDS, CONTROL_START_SECONDS)
    }
    return NodeHours(
        (_paid_seconds(consumers, rates.idle_seconds, now) + starts[CONSUMER_START_SECONDS]) / 3600,
        (_paid_seconds(control, rates.control_idle_seconds, now) + starts[CONTROL_START_SECONDS]) / 3600,
    )


def spent_usd(beats: Iterable[Mapping[str, Any]], rates: Rates | None, now: float | None) -> float | None:
    """Return what a run has cost; arguments as for `spent_hours`, None when a price is not known."""
    return None if rates is None else total_usd(spent_hours(beats, rates, now), rates)


def _paid_seconds(beats: Iterable[Mapping[str, Any]], idle_seconds: float, now: float | None) -> float:
    """Return how long nodes were paid for with processes on them, and idle between and after them.

    Processes of one machine follow each other on one node, unless they overlap: then they have one each.
    """
    paid = 0.0
    ends: dict[str, list[float]] = {}
    for start, end, machine in sorted(_lives(beats)):
        paid += end - start
        nodes = ends.setdefault(machine, [])
        before = max((other for other in nodes if other <= start), default=None)
        if before is not None:
            nodes.remove(before)
            paid += min(idle_seconds, start - before)
        nodes.append(end)
    over = math.inf if now is None else now
    return paid + sum(min(idle_seconds, max(0.0, over - end)) for nodes in ends.values() for end in nodes)


def _lives(beats: Iterable[Mapping[str, Any]]) -> Iterator[tuple[float, float, str]]:
    """Yield when each process began and was heard of last, and its machine; one of its own where none is told."""
    for number, fields in enumerate(beats):
        start = float(fields.get("started_at") or 0)
        yield start, start + float(fields.get("seconds") or 0), str(fields.get("node") or f"#{number}")


@dataclass(frozen=True)
class RowTimes:
    """How long rows take.

    Attributes:
        median_seconds: of a row, in one worker.
        p95_seconds: of all but the slowest twentieth.
        set_up_seconds: of each worker, before its first row.
        source: who says so, for people.
    """

    median_seconds: float
    p95_seconds: float
    set_up_seconds: float
    source: str


@dataclass(frozen=True)
class Range:
    """A low and a high end."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        source: of the figures that it is made from, for people.
        hours: from the submission to the results.
        node_hours: of the nodes that work, all together; they are paid for.
        usd: list price of all nodes, those of seed and teardown too; None when that of the working ones is unknown.
        control_hours: of the nodes of seed and teardown.
        control_usd: the part of `usd` that is for them; None when their price is unknown.
    """

    source: str
    hours: Range
    node_hours: Range
    usd: Range | None
    control_hours: Range
    control_usd: Range | None


def estimate(experiment: Experiment, plan: Plan, times: RowTimes) -> Estimate:
    """Return what the run of `plan` will take.

    The low end: every row takes the median, all workers have work until the end, and nodes start fast and are given
    back at once. The high end: every row takes the 95th percentile, the last one begins when all others are over, nodes
    start slowly, and are idle for `compute.idle_seconds` twice: their consumers wait for more rows, then Azure ML does.
    Teardown has a node for all of that time, and seed one for a moment.

    Args:
        experiment: says how long a node may be idle, and how many rows a worker has in flight.
        plan: says rows, workers and nodes, and list prices as far as they are known.
        times: of its rows.
    """
    in_flight = plan.workers * experiment.activity.concurrency
    work = (
        times.set_up_seconds + plan.rows * times.median_seconds / in_flight,
        times.set_up_seconds + plan.rows * times.p95_seconds / in_flight + times.p95_seconds,
    )
    idle = (0.0, float(experiment.compute.idle_seconds))
    hours = Range(*((60 * START_MINUTES[end] + work[end]) / 3600 for end in (0, 1)))
    a_node = (60 * PAID_START_MINUTES[end] + work[end] + 2 * idle[end] for end in (0, 1))
    node_hours = Range(*(plan.nodes * seconds / 3600 for seconds in a_node))
    control_hours = Range(
        hours.low + PAID_START_MINUTES[0] / 60,
        hours.high + PAID_START_MINUTES[1] / 60 + 2 * CONTROL_IDLE_SECONDS / 3600,
    )
    rates = Rates(plan.usd_per_node_hour, plan.usd_per_control_hour)
    return Estimate(
        source=times.source,
        hours=hours,
        node_hours=node_hours,
        usd=_priced(node_hours, control_hours, rates),
        control_hours=control_hours,
        control_usd=None
        if plan.usd_per_control_hour is None
        else _priced(Range(0, 0), control_hours, Rates(0.0, plan.usd_per_control_hour)),
    )


def check_limits(experiment: Experiment, plan: Plan, expected: Estimate | None, is_priced: bool) -> Iterator[str]:
    """Yield what should be known of the limits of `experiment`.

    Args:
        experiment: has the limits.
        plan: of it.
        expected: None when nobody knows how long rows take.
        is_priced: whether the price of its nodes is known.

    Raises:
        PlanError: when even the low end is above a limit.
    """
    most_usd, most_hours = experiment.limits.max_cost_usd, experiment.limits.max_hours
    if most_usd is not None and not is_priced:
        yield "limits.max_cost_usd cannot hold: the price of the nodes is unknown"
    if expected is None:
        return
    if most_usd is not None and expected.usd is not None:
        low, high = expected.usd.low, expected.usd.high
        if low > most_usd:
            rows = max(1, int(plan.rows * most_usd / low))
            raise PlanError(
                f"the run costs at least ${low:,.2f} ({expected.source}), limits.max_cost_usd is {most_usd:.15g}",
                hint=f"raise limits.max_cost_usd, run fewer rows (--set input.limit={rows}), "
                "or choose another compute.size or compute.tier",
            )
        if high > most_usd:
            limit = f"limits.max_cost_usd, {most_usd:.15g},"
            yield f"the run may cost up to ${high:,.2f}: it drains when {limit} is reached"
    if expected.hours.low > most_hours:
        raise PlanError(
            f"the run takes at least {expected.hours.low:,.1f} hours ({expected.source}), "
            f"limits.max_hours is {most_hours:.15g}",
            hint=f"raise limits.max_hours, or raise parallelism.workers to about "
            f"{int(plan.workers * expected.hours.low / most_hours) + 1:,}",
        )
    if expected.hours.high > most_hours:
        yield (
            f"the run may take up to {expected.hours.high:,.1f} hours: it drains when limits.max_hours, "
            f"{most_hours:.15g}, are over"
        )


def unpriced_notes(experiment: Experiment, plan: Plan) -> tuple[str, ...]:
    """Return what should be known of files that are rendered from a plan without a price."""
    if experiment.limits.max_cost_usd is None or plan.usd_per_node_hour is not None:
        return ()
    return (
        "rendered files without a price cannot hold limits.max_cost_usd: `submit` looks it up, and so does "
        "`plan --azure --out`, for `render`",
    )


def _priced(consumers: Range, control: Range, rates: Rates) -> Range | None:
    low = total_usd(NodeHours(consumers.low, control.low), rates)
    high = total_usd(NodeHours(consumers.high, control.high), rates)
    return None if low is None or high is None else Range(low, high)
