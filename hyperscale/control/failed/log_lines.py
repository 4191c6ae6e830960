"""Tells what rows printed and what became of each of their attempts, and what logs a run has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from hyperscale.control.failed.failure_lines import failure_text, row_name
from hyperscale.control.failed.logs_of import LogsOfRows
from hyperscale.control.failed.row_attempts import Attempt, RowLog
from hyperscale.control.terminal_text import in_one_line, visible
from hyperscale.figures import counted, length, time_text


def log_lines(logs: LogsOfRows) -> list[str]:
    """Return what `logs RUN --row N` prints."""
    blocks = [list(_row_lines(row, logs)) for row in logs.rows]
    return [line for number, block in enumerate(blocks) for line in ([""] * bool(number) + block)]


def raw_output(logs: LogsOfRows) -> str:
    """Return what the rows printed and nothing else, as it is."""
    return "".join(attempt.output or "" for row in logs.rows for attempt in row.attempts)


def log_document(logs: LogsOfRows, run_id: str) -> dict[str, Any]:
    """Return what `logs RUN --row N --json` prints."""
    return {
        "run_id": run_id,
        "kept": logs.kept,
        "rows": [
            {
                "row_index": row.row_index,
                "key": row.key,
                "outcome": row.outcome or None,
                "attempts": [
                    {
                        **asdict(attempt),
                        "outcome": attempt.outcome or None,
                        "node": logs.nodes.get(attempt.consumer),
                        "step": logs.steps.get(attempt.consumer),
                    }
                    for attempt in row.attempts
                ],
            }
            for row in logs.rows
        ],
    }


def _row_lines(row: RowLog, logs: LogsOfRows) -> Iterator[str]:
    name = row_name(row)
    if not row.attempts:
        yield f"{name}: {_why_nothing(logs)}"
        return
    last = max(attempt.number for attempt in row.attempts)
    yield f"{name}: {row.outcome or 'no outcome yet'}, {counted(last, 'attempt')}"
    attempts = [attempt for attempt in row.attempts if not attempt.is_given_up]
    known = {attempt.number for attempt in attempts}
    for number in range(1, last + 1):
        if number not in known:
            yield f"  attempt {number}: failed; nothing of it was kept (output.logs: {logs.kept})"
        for attempt in attempts:
            if attempt.number == number:
                yield from (f"  {line}".rstrip() for line in _attempt_lines(attempt, logs))
    for given_up in (attempt for attempt in row.attempts if attempt.is_given_up):
        yield from (f"  {line}".rstrip() for line in _given_up_lines(given_up, logs))


def _why_nothing(logs: LogsOfRows) -> str:
    if logs.is_over:
        return "missing: nobody has finished it, and no attempt of it failed"
    return "no outcome yet; how it fails is known a few seconds after it does"


def _attempt_lines(attempt: Attempt, logs: LogsOfRows) -> Iterator[str]:
    took = "" if attempt.seconds is None else f" after {length(attempt.seconds)}"
    began = "" if attempt.started_at is None else f", began {time_text(attempt.started_at)}"
    yield f"attempt {attempt.number}: {attempt.outcome or 'not finished'}{took}{began}"
    yield f"  {', '.join(_places(attempt, logs))}"
    if attempt.failure is not None:
        why = {**attempt.failure, "last_output": None if attempt.output else attempt.failure.get("last_output")}
        yield from (f"  {line}" for line in failure_text(why))
    yield from (f"  {line}" for line in _output_lines(attempt, logs.kept))


def _given_up_lines(attempt: Attempt, logs: LogsOfRows) -> Iterator[str]:
    when = "" if attempt.started_at is None else f", {time_text(attempt.started_at)}"
    yield f"given up{when}"
    yield f"  {', '.join(_places(attempt, logs))}"
    if attempt.failure is not None:
        yield from (f"  {line}" for line in failure_text(attempt.failure))


def _places(attempt: Attempt, logs: LogsOfRows) -> Iterator[str]:
    yield f"consumer {attempt.consumer}"
    if attempt.worker >= 0:
        yield f"worker {attempt.worker}"
    if attempt.consumer in logs.nodes:
        yield f"on {in_one_line(logs.nodes[attempt.consumer], 80)}"
    if attempt.consumer in logs.steps:
        yield f"job {logs.steps[attempt.consumer]}"


def _output_lines(attempt: Attempt, kept: str) -> Iterator[str]:
    if attempt.output:
        others = counted(attempt.rows_of_call - 1, "other row")
        shared = f" (with {others} of its call)" if attempt.rows_of_call > 1 else ""
        yield f"it printed{shared}:"
        yield from (f"  | {line}" for line in visible(attempt.output).rstrip("\n").split("\n"))
    elif kept == "none":
        yield "what it printed was not kept: output.logs is none; failed or all would keep it, in the next run"
    elif kept == "failed" and attempt.outcome == "succeeded":
        yield "what it printed was not kept: output.logs is failed; all would keep it, in the next run"
    else:
        yield "it printed nothing"
