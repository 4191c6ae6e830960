"""Says what a trial has measured, and what the full run will be like by that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hyperscale.control.azure.azure_lines import cost_text
from hyperscale.control.failed.failure_lines import failure_text
from hyperscale.control.known_sizes import known_capacity
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
#: The part of a node's memory that its workers can have: the rest is for the system, the consumer and files.
MEMORY_FOR_WORKERS = 0.9


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
            "workers_per_node": plan.workers_per_node,
            "advised_workers_per_node": advised_workers_per_node(trial, full),
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
    yield "memory", _memory_text(trial, full)
    yield "results", f"about {size_text(round(trial.result_bytes * plan.rows))}"
    yield (
        "time",
        f"{duration(3600 * expected.hours.low)} to {duration(3600 * expected.hours.high)}, with starting nodes",
    )
    yield "tail", f"about {length(trial.slowest_row_seconds)}: the last rows, while other workers have nothing to do"
    unknown = "`hyperscale plan --azure` looks up prices and quota"
    yield "cost", cost_text(expected.usd, plan.rows) if expected.usd else unknown
    if is_here and not experiment.compute.existing:
        size = experiment.compute.size
        yield "but", f"seconds, and so time and cost, are others on {size}; memory and sizes are the same"


def _here(trial: Trial, tried: Plan, full: Plan) -> Iterator[tuple[str, str]]:
    each = full.rows / tried.workers
    low, high = (trial.set_up_seconds + each * one for one in (trial.seconds_per_row_median, trial.seconds_per_row_p95))
    times = dict.fromkeys((duration(low), duration(high)))
    yield "here", f"{' to '.join(times)} for all rows on this machine, {counted(tried.workers, 'worker')}"


def _expected(trial: Trial, full: Planned) -> Estimate:
    return estimate(full.checked.loaded.experiment, full.plan, trial.times)


def advised_rows_per_message(trial: Trial, plan: Plan) -> int:
    """Return how many rows a message had better have: so many that its requests take no more time than its rows.

    A message costs a receive, renewals and a delete: with less work than `LEAST_MESSAGE_SECONDS` in it, workers wait
    for those. But every worker is to have several messages, so that the last ones end together.
    """
    wanted = math.ceil(LEAST_MESSAGE_SECONDS / max(trial.seconds_per_row_median, 1e-6))
    most = plan.rows // (LEAST_MESSAGES_PER_WORKER * plan.workers)
    return max(plan.rows_per_message, min(wanted, most))


def advised_workers_per_node(trial: Trial, full: Planned) -> int:
    """Return how many workers a node has memory for, at most as many as planned; 0 when not even one fits.

    Where the memory of a node is not known, that is as many as planned.
    """
    planned, memory_mb = full.plan.workers_per_node, _node_memory_mb(full)
    if not memory_mb or not trial.worker_memory_mb:
        return planned
    return min(planned, int(MEMORY_FOR_WORKERS * memory_mb / trial.worker_memory_mb))


def _node_memory_mb(full: Planned) -> float:
    """Return the memory of a node of the full run, by Azure if it was asked, else by our table; 0 is unknown."""
    compute = full.checked.loaded.experiment.compute
    known = full.azure.capacity if full.azure else None if compute.existing else known_capacity(compute.size)
    return known.memory_gb * 1024 if known else 0.0


def _memory_text(trial: Trial, full: Planned) -> str:
    planned, advised = full.plan.workers_per_node, advised_workers_per_node(trial, full)
    said = f"{planned * trial.worker_memory_mb:,.0f} MB on each node for {counted(planned, 'worker')}"
    if advised == planned:
        return said
    remedy = f"set parallelism.workers_per_node: {advised}" if advised else "choose a compute.size with more memory"
    return f"{said}, a node has {_node_memory_mb(full):,.0f} MB: {remedy}"


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
