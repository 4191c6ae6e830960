"""The tables of a report, as texts: what a run came to, by time, duration, consumer, attempt, failure, row and plan."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.cost import NOT_IN_COST
from hyperscale.figures import counted, length, rate_text, usd, usd_per_rows
from hyperscale.node.report.charts import PERCENTILES, short_name
from hyperscale.node.report.curves import SPANS, joined
from hyperscale.node.report.facts import RunFacts, percent

#: Points of the table beside a chart over time.
TIME_ROWS = 24
DURATION_ROWS = 20
MAX_CONSUMERS = 200
UNKNOWN = "–"

Cells = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table: names of its columns, texts of its rows, the columns with numbers, and what stands below."""

    header: Cells
    rows: Sequence[Cells]
    numbers: frozenset[int] = frozenset()
    note: str = ""


def _numbers(*columns: int) -> frozenset[int]:
    return frozenset(columns)


def time_table(facts: RunFacts) -> Table:
    """Return rows by time since the start of the run."""
    spans, times = facts.curves.spans, SPANS // TIME_ROWS
    seconds = spans.seconds * times
    counts = zip(
        joined(spans.succeeded, times), joined(spans.failed, times), joined(spans.busy_workers(), times), strict=True
    )
    rows = [
        (length(n * seconds), f"{good:,}", f"{bad:,}", rate_text((good + bad) / seconds), f"{busy / times:,.1f}")
        for n, (good, bad, busy) in enumerate(counts)
    ]
    header = ("after", "succeeded", "failed", "rows/s", "busy workers")
    return Table(header, rows, _numbers(1, 2, 3, 4))


def duration_table(facts: RunFacts) -> Table:
    """Return rows by how long they took."""
    rows = [
        (f"{length(low)} – {length(high)}", f"{count:,}")
        for low, high, count in facts.curves.durations.bars(DURATION_ROWS)
    ]
    return Table(("seconds of a row", "rows"), rows, _numbers(1))


def percentile_lines(facts: RunFacts) -> list[tuple[str, str]]:
    """Return name and value of the percentiles, the mean and the longest duration; empty without rows."""
    found = facts.curves.durations
    if not found.rows:
        return []
    percentiles = [(name, length(found.percentile(share))) for name, share in PERCENTILES]
    return [*percentiles, ("mean", length(found.sum_seconds / found.rows)), ("longest", length(found.longest_seconds))]


def consumer_table(facts: RunFacts) -> Table:
    """Return a line for each consumer, in the order in which they had their first row."""
    spans = facts.curves.spans
    by_name: dict[str, list[Any]] = {}
    for (name, _), lane in spans.lanes.items():
        by_name.setdefault(name, []).append(lane)
    lives = {str(beat.get("name")): beat for beat in facts.beats}
    rows = []
    for name, lanes in sorted(by_name.items(), key=lambda named: min(lane.first_at for lane in named[1])):
        life = lives.get(name, {})
        lived = float(life.get("seconds") or 0) * int(life.get("workers") or 0)
        busy = sum(min(spans.seconds, seconds) for lane in lanes for seconds in lane.busy_seconds)
        rows.append(
            (
                name,
                f"{len(lanes)}",
                f"{sum(lane.rows for lane in lanes):,}",
                f"{sum(lane.failed for lane in lanes):,}",
                length(max(0.0, min(lane.first_at for lane in lanes) - spans.start_at)),
                length(max(0.0, max(lane.last_at for lane in lanes) - spans.start_at)),
                percent(min(1.0, busy / lived)) if lived else UNKNOWN,
                str(life.get("state") or UNKNOWN),
            )
        )
    header = ("consumer", "workers", "rows", "failed", "first row after", "last row ended after", "busy", "last said")
    left = len(rows) - MAX_CONSUMERS
    note = f"and {counted(left, 'more consumer')}" if left > 0 else ""
    return Table(header, rows[:MAX_CONSUMERS], _numbers(1, 2, 3, 4, 5, 6), note)


def attempt_table(facts: RunFacts) -> Table:
    """Return rows by how many attempts they took."""
    attempts = facts.curves.attempts
    numbers = sorted({number for number, _ in attempts})
    rows = [(f"{n:,}", f"{attempts[n, True]:,}", f"{attempts[n, False]:,}") for n in numbers]
    return Table(("attempts", "succeeded", "failed"), rows, _numbers(0, 1, 2))


@dataclass(frozen=True)
class ShownGroup:
    """A group of failures: how many rows, their signature, why, the line of the user's code, which, and the command."""

    rows: str
    signature: str
    reason: str
    frame: str
    which: str
    command: str


def failure_groups(facts: RunFacts) -> list[ShownGroup]:
    """Return the largest failure groups, with the command that runs each again."""
    return [
        ShownGroup(
            rows=counted(int(group["rows"]), "row"),
            signature=str(group.get("signature") or ""),
            reason=": ".join(filter(None, (str(group["type"]), str(group.get("message") or "")))),
            frame=str(group.get("frame") or ""),
            which=_which(facts, int(group["first_row_index"]), int(group.get("last_row_index") or 0)),
            command=_retry_command(facts.run_id, str(group.get("signature") or "")),
        )
        for group in _groups(facts)
    ]


def other_failures(facts: RunFacts) -> str:
    """Return how many rows failed for other reasons than those that are shown; empty when none did."""
    rest = int(facts.results["rows"]["failed"]) - sum(int(group["rows"]) for group in _groups(facts))
    said = f"and {counted(rest, 'row')} for other reasons: hyperscale failures {shlex.quote(facts.run_id)}"
    return said if rest > 0 else ""


def _groups(facts: RunFacts) -> Sequence[Mapping[str, Any]]:
    return facts.results.get("failure_groups") or ()


def _which(facts: RunFacts, first: int, last: int) -> str:
    name = facts.row_name(first)
    return f"from row {name} to row {facts.row_name(last)}" if last > first else f"row {name}"


def _retry_command(run_id: str, signature: str) -> str:
    """Return the command; an empty text where an older version has summed up failures without their signatures."""
    command = f"hyperscale retry {shlex.quote(run_id)} --where signature={shlex.quote(signature)}"
    return command if signature else ""


def slowest_table(facts: RunFacts) -> Table:
    """Return the rows that took longest."""
    rows = [
        (
            facts.row_name(row.row_index),
            length(row.seconds),
            "succeeded" if row.succeeded else "failed",
            f"{row.attempts}",
            f"{short_name(row.consumer)} / {row.worker}" if row.worker >= 0 else row.consumer,
            length(max(0.0, row.started_at - facts.curves.spans.start_at)),
        )
        for row in facts.curves.slowest()
    ]
    return Table(("row", "took", "outcome", "attempts", "worker", "began after"), rows, _numbers(1, 3, 5))


def cost_table(facts: RunFacts) -> Table:
    """Return what the run cost, all in all, for its rows and by kinds of nodes; empty when nobody knows a price."""
    cost, rates = facts.results.get("cost_usd"), facts.rates
    if cost is None:
        return Table(("", ""), ())
    done = sum(seal_rows(facts))
    rows = [("all nodes", usd(cost))]
    if done:
        rows.append(("rows with an outcome", usd_per_rows(done, cost)))
    if facts.paid is not None and rates is not None and rates.usd_per_node_hour is not None:
        consumers, control = facts.paid.consumers, facts.paid.control
        rows.append(("the nodes of consumers", _hours_at(consumers, rates.usd_per_node_hour)))
        rows.append(("the nodes of seed and teardown", _hours_at(control, rates.usd_per_control_hour)))
        if facts.idle_share is not None:
            without = usd(consumers * rates.usd_per_node_hour * facts.idle_share)
            rows.append(("consumers' time without a row", f"{without} ({percent(facts.idle_share)})"))
    return Table(("of this run", f"list price; {NOT_IN_COST}"), rows, _numbers(1))


def _hours_at(hours: float, usd_per_hour: float | None) -> str:
    """Return what so many hours cost, and how many they are."""
    if usd_per_hour is None:
        return f"not included: {hours:,.2f} hours at an unknown price"
    return f"{usd(hours * usd_per_hour)} ({hours:,.2f} hours at ${usd_per_hour:.4g})"


def seal_rows(facts: RunFacts) -> tuple[int, int]:
    """Return how many rows of this run itself succeeded and failed."""
    return (facts.seals[-1].succeeded, facts.seals[-1].failed) if facts.seals else (0, 0)


def plan_table(facts: RunFacts) -> Table:
    """Return what was planned beside what happened."""
    plan, seed, results = facts.manifest.get("plan") or {}, facts.seed, facts.results
    consumers, per_node = int(plan.get("consumers") or 0), int(plan.get("workers_per_node") or 0)
    rows_planned, per_message = int(plan.get("rows") or 0), int(plan.get("rows_per_message") or 0)
    set_up = max((float(beat.get("set_up_seconds") or 0) for beat in facts.beats), default=0.0)
    rows = [
        (
            "rows",
            f"{rows_planned:,}",
            f"{seed.rows:,} seeded, {sum(seal_rows(facts)):,} with an outcome" if seed else "none seeded",
        ),
        (
            "messages",
            f"{math.ceil(rows_planned / per_message):,} of {per_message:,} rows" if per_message else UNKNOWN,
            f"{seed.batches:,}" if seed else UNKNOWN,
        ),
        ("consumers", f"{consumers:,}", f"{len(facts.beats):,} started"),
        ("workers", f"{consumers * per_node:,}", f"{len(facts.curves.spans.lanes):,} worked on rows"),
    ]
    return Table(("", "planned", "happened"), [*rows, *_trial_rows(facts, set_up), *_limit_rows(facts, results)])


def _trial_rows(facts: RunFacts, set_up_seconds: float) -> Iterable[Cells]:
    trial, found = facts.trial, facts.curves.durations
    if trial is None or not found.rows:
        return
    workers = int(facts.results["workers"]) or 1
    low, high = (found.rows * each / workers for each in (trial.seconds_per_row_median, trial.seconds_per_row_p95))
    yield "time of all rows, by the trial", f"{length(low)} – {length(high)}", length(float(facts.results["seconds"]))
    yield "a row, median", f"{length(trial.seconds_per_row_median)} in the trial", length(found.percentile(0.5))
    yield "a row, p95", f"{length(trial.seconds_per_row_p95)} in the trial", length(found.percentile(0.95))
    yield "set-up of a worker", f"{length(trial.set_up_seconds)} in the trial", length(set_up_seconds)


def _limit_rows(facts: RunFacts, results: Mapping[str, Any]) -> Iterable[Cells]:
    limits = (facts.manifest.get("node_experiment") or {}).get("limits") or {}
    if limits.get("max_hours") is not None:
        yield "limits.max_hours", f"{limits['max_hours']:.15g} h", length(float(results["seconds"]))
    if limits.get("max_cost_usd") is not None:
        cost = results.get("cost_usd")
        yield "limits.max_cost_usd", usd(limits["max_cost_usd"]), UNKNOWN if cost is None else usd(cost)
    if limits.get("max_failed") is not None:
        yield "limits.max_failed", str(limits["max_failed"]), f"{counted(int(results['rows']['failed']), 'row')} failed"
