"""Says what a trial has measured, and what the full run will be like by that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hyperscale.control.failed.failure_lines import failure_text
from hyperscale.control.planning import Planned
from hyperscale.control.trial.figures import Trial
from hyperscale.control.trial.measures import Measured
from hyperscale.cost import Estimate, estimate
from hyperscale.figures import counted, duration, length, size_text
from hyperscale.plan import Plan

#: A time-out that leaves so much room for rows that are slower than any of the trial.
ROOM_OF_TIMEOUT = 10
LEAST_TIMEOUT_SECONDS = 10
#: Requests of a message to a storage account take a tenth of a second or two, all together.
LEAST_MESSAGE_SECONDS = 1.0
LEAST_MESSAGES_PER_WORKER = 4


def measured_lines(measured: Measured, tried: Planned, full: Planned, *, is_here: bool) -> list[str]:
    """Return the first failure, if there is one, and what was measured; arguments as for `trial_lines`."""
    failed = measured.first_failure
    return [
        *([*first_failure_lines(failed), ""] if failed else []),
        *trial_lines(measured.trial, tried, full, is_here=is_here),
    ]


def trial_lines(trial: Trial, tried: Planned, full: Planned, *, is_here: bool) -> list[str]:
    """Return what was measured, and what is to be expected.

    Args:
        trial: the figures.
        tried: the plan of the trial.
        full: the plan of all rows on the file's compute.
        is_here: it was measured on this machine, and not on that compute.
    """
    expected = _expected(trial, full)
    return [
        *_table(_measured(trial, tried, full)),
        "",
        f"The full run: {full.plan.rows_text} rows, {counted(full.plan.workers, 'worker')}, {_nodes(full)}",
        *_table(_predicted(trial, full, expected, is_here=is_here)),
        *(["", *_table(_here(trial, tried.plan, full.plan))] if is_here else []),
    ]


def measured_document(measured: Measured, full: Planned) -> dict[str, Any]:
    """Return the same for `--json`: the figures, what the full run will be like, and the first failure."""
    trial, plan = measured.trial, full.plan
    return {
        "trial": trial.to_document(),
        "full_run": {
            "rows": plan.rows,
            "workers": plan.workers,
            "nodes": plan.nodes,
            "rows_per_message": plan.rows_per_message,
            "advised_rows_per_message": advised_rows_per_message(trial, plan),
            "lease_seconds": plan.lease_seconds,
            "timeout_seconds": _timeout(trial),
            "tail_seconds": trial.slowest_row_seconds,
            "result_bytes": round(trial.result_bytes * plan.rows),
            "expected": asdict(_expected(trial, full)),
        },
        "first_failure": measured.first_failure,
    }


def first_failure_lines(outcome: Mapping[str, Any]) -> list[str]:
    """Return all that is known of why a row failed, with the lines of the user's own code first."""
    attempts = counted(int(outcome["attempts"]), "attempt")
    return [
        f"row {outcome['row_index']:,} failed after {attempts}:",
        *failure_text(outcome.get("failure") or {}),
    ]


def _table(pairs: Iterator[tuple[str, str]]) -> list[str]:
    return [f"{key:<10}  {value}" for key, value in pairs]


def _measured(trial: Trial, tried: Planned, full: Planned) -> Iterator[tuple[str, str]]:
    loaded = full.checked.loaded
    median, p95, slowest = map(
        length, (trial.seconds_per_row_median, trial.seconds_per_row_p95, trial.slowest_row_seconds)
    )
    yield "experiment", f"{loaded.experiment.name} ({loaded.file.name})"
    yield "tried", f"{counted(trial.rows, 'row')} of {full.plan.rows_text}: first, last, longest, others at random"
    yield "succeeded", f"{trial.rows - trial.rows_failed:,} of {trial.rows:,}"
    yield "a row", f"{median} (median), {p95} (95% are faster), {slowest} (slowest)"
    yield "a worker", f"{length(trial.set_up_seconds)} to start, up to {trial.worker_memory_mb:,.0f} MB of memory"
    yield "a result", size_text(round(trial.result_bytes))
    yield "measured", f"on {trial.measured_on}, {counted(tried.plan.workers, 'worker')} at the same time"


def _predicted(trial: Trial, full: Planned, expected: Estimate, *, is_here: bool) -> Iterator[tuple[str, str]]:
    plan, experiment = full.plan, full.checked.loaded.experiment
    yield "message", _message_text(trial, plan)
    yield "lease", f"{plan.lease_seconds:,} s: so long the rows of a lost node wait"
    yield "time-out", _timeout_text(trial, experiment.activity.timeout_seconds)
    yield "memory", f"{plan.workers_per_node * trial.worker_memory_mb:,.0f} MB on each node, of its workers"
    yield "results", f"about {size_text(round(trial.result_bytes * plan.rows))}"
    yield (
        "time",
        f"{duration(3600 * expected.hours.low)} to {duration(3600 * expected.hours.high)}, with starting nodes",
    )
    yield "tail", f"about {length(trial.slowest_row_seconds)}: the last rows, while other workers have nothing to do"
    usd = expected.usd
    unknown = "`hyperscale plan --azure` looks up prices and quota"
    yield "cost", f"${usd.low:,.2f} to ${usd.high:,.2f}" if usd else unknown
    if is_here and not experiment.compute.existing:
        size = experiment.compute.size
        yield "but", f"seconds, and so time and cost, are others on {size}; memory and sizes are the same"


def _here(trial: Trial, tried: Plan, full: Plan) -> Iterator[tuple[str, str]]:
    each = full.rows / tried.workers
    low, high = (trial.set_up_seconds + each * one for one in (trial.seconds_per_row_median, trial.seconds_per_row_p95))
    times = dict.fromkeys((duration(low), duration(high)))
    yield "here", f"{' to '.join(times)} for all rows on this machine, {counted(tried.workers, 'worker')}"


def _expected(trial: Trial, full: Planned) -> Estimate:
    experiment, price = full.checked.loaded.experiment, full.plan.usd_per_node_hour
    return estimate(experiment, full.plan, trial.times, usd_per_node_hour=price, control_usd_per_hour=None)


def advised_rows_per_message(trial: Trial, plan: Plan) -> int:
    """Return how many rows a message had better have: so many that its requests take no more time than its rows.

    A message costs a receive, renewals and a delete: with less work than `LEAST_MESSAGE_SECONDS` in it, workers wait
    for those. But every worker is to have several messages, so that the last ones end together.
    """
    wanted = math.ceil(LEAST_MESSAGE_SECONDS / max(trial.seconds_per_row_median, 1e-6))
    most = plan.rows // (LEAST_MESSAGES_PER_WORKER * plan.workers)
    return max(plan.rows_per_message, min(wanted, most))


def _message_text(trial: Trial, plan: Plan) -> str:
    advised = advised_rows_per_message(trial, plan)
    work = length(plan.rows_per_message * trial.seconds_per_row_median)
    said = f"up to {counted(plan.rows_per_message, 'row')}, {work} of work"
    if advised < 2 * plan.rows_per_message:
        return said
    return f"{said}; parallelism.rows_per_message: {advised:,} would save requests"


def _timeout(trial: Trial) -> int:
    return max(LEAST_TIMEOUT_SECONDS, math.ceil(ROOM_OF_TIMEOUT * trial.slowest_row_seconds))


def _timeout_text(trial: Trial, now: float) -> str:
    enough = _timeout(trial)
    if now < trial.slowest_row_seconds * 2:
        return f"{now:g} s is tight: set activity.timeout_seconds to {enough:,}, ten times the slowest row"
    if now > 2 * enough:
        return f"{now:g} s; activity.timeout_seconds: {enough:,} would find rows that hang sooner"
    return f"{now:g} s leaves room"


def _nodes(full: Planned) -> str:
    compute = full.checked.loaded.experiment.compute
    kind = "" if compute.existing else f" of {compute.size}, {compute.tier}"
    return f"{counted(full.plan.nodes, 'node')}{kind}"
