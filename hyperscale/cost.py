"""How long a run will take and what it will cost, from how long its rows take: a low and a high end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.plan import Plan

#: Until a node works, in minutes: Azure ML finds it, starts it and pulls the image. Clusters take about five
#: (how-to-create-attach-compute-cluster.md); the first run of an environment builds its image before that.
START_MINUTES = (3.0, 15.0)
#: The part of that in which the node is there, and is paid for.
PAID_START_MINUTES = (1.0, 5.0)


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
        usd: list price of those; None when a price is unknown.
        control_usd: list price of the node of teardown, beside that; None when it is unknown.
    """

    source: str
    hours: Range
    node_hours: Range
    usd: Range | None
    control_usd: Range | None


def estimate(
    experiment: Experiment,
    plan: Plan,
    times: RowTimes,
    *,
    usd_per_node_hour: float | None,
    control_usd_per_hour: float | None,
) -> Estimate:
    """Return what the run of `plan` will take.

    The low end: every row takes the median, all workers have work until the end, and nodes start fast and are given
    back at once. The high end: every row takes the 95th percentile, the last one begins when all others are over, nodes
    start slowly, and are idle for `compute.idle_seconds` twice: their consumers wait for more rows, then Azure ML does.

    Args:
        experiment: says how long a node may be idle, and how many rows a worker has in flight.
        plan: says rows, workers and nodes.
        times: of its rows.
        usd_per_node_hour: list price of a node; None is unknown.
        control_usd_per_hour: that of a node of seed and teardown.
    """
    in_flight = plan.workers * experiment.activity.concurrency
    work = (
        times.set_up_seconds + plan.rows * times.median_seconds / in_flight,
        times.set_up_seconds + plan.rows * times.p95_seconds / in_flight + times.p95_seconds,
    )
    idle = (0.0, 2 * experiment.compute.idle_seconds)
    hours = Range(*((60 * START_MINUTES[end] + work[end]) / 3600 for end in (0, 1)))
    a_node = (60 * PAID_START_MINUTES[end] + work[end] + idle[end] for end in (0, 1))
    node_hours = Range(*(plan.nodes * seconds / 3600 for seconds in a_node))
    return Estimate(
        source=times.source,
        hours=hours,
        node_hours=node_hours,
        usd=_priced(node_hours, usd_per_node_hour),
        control_usd=_priced(hours, control_usd_per_hour),
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


def _priced(hours: Range, usd_per_hour: float | None) -> Range | None:
    return None if usd_per_hour is None else Range(hours.low * usd_per_hour, hours.high * usd_per_hour)
