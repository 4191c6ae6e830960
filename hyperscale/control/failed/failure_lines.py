"""Tells why rows failed: one failure in full, and the failure groups of a run with the command that runs each again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hyperscale.control.failed.failed_rows import FailedRow
from hyperscale.control.failed.failures_of import FailuresOfRun
from hyperscale.control.failed.grouping import FailedGroup
from hyperscale.control.failed.row_attempts import RowLog
from hyperscale.control.terminal_text import in_one_line, visible
from hyperscale.failures import shorten
from hyperscale.figures import counted

#: Of the values of a row, so much is shown.
MAX_VALUES = 240
MAX_HEADLINE = 160


def failure_text(failure: Mapping[str, Any]) -> list[str]:
    """Return all that is known of why an attempt failed: the lines of the user's own code, what it said and printed."""
    message = visible(str(failure.get("message") or ""))
    of_type = visible(str(failure.get("type") or "unknown"))
    lines = [f"  {visible(frame)}" for frame in failure.get("frames") or ()]
    lines += (f"{of_type}: {message}" if message else of_type).splitlines()
    output = visible(str(failure.get("last_output") or "")).rstrip()
    return [*lines, *(["its last output:", *(f"  {line}" for line in output.splitlines())] if output else [])]


def retry_command(run: str, signature: str, program: str) -> str:
    """Return the command that runs the rows of one failure group again."""
    return f"{program} retry {run} --where signature={signature}"


def failure_lines(failures: FailuresOfRun, run: str, program: str) -> list[str]:
    """Return what `failures` prints.

    Args:
        failures: of the run.
        run: how a command names it, quoted for a shell.
        program: how this program is called.
    """
    groups = failures.groups
    lines = [_first_line(failures), *([failures.missing] if failures.missing else [])]
    if failures.provisional:
        lines.append(f"({failures.provisional})")
    for number, group in enumerate(groups.groups, start=1):
        lines += ["", *_group_lines(number, group, run, program, is_over=failures.is_over)]
    if groups.more_rows:
        rest = f"{counted(groups.more_rows, 'row')} in {groups.more_groups:,} or more smaller failure groups"
        lines += ["", f"and {rest}; --where type=... shows those of one type, failures.csv has every row"]
    return lines


def _first_line(failures: FailuresOfRun) -> str:
    groups = failures.groups
    if not groups.rows:
        failed = failures.rows_failed
        return f"none of the {counted(failed, 'failed row')} is meant by --where" if failed else "no row has failed"
    of_all = f" of {failures.rows_failed:,}" if failures.rows_failed not in (None, groups.rows) else ""
    count = len(groups.groups) + groups.more_groups
    noun = "row" if groups.rows == 1 and not of_all else "rows"
    return f"{groups.rows:,}{of_all} failed {noun}, in {counted(count, 'failure group')}"


def _group_lines(number: int, found: FailedGroup, run: str, program: str, *, is_over: bool) -> Iterator[str]:
    group, first = found.group, found.samples[0]
    reason = f"{group.type}: {group.message}" if group.message else group.type
    yield f"{number}. {group.signature}  {in_one_line(reason, MAX_HEADLINE)}"
    yield f"   {counted(group.rows, 'row')}: {_range(found.samples)}"
    yield ""
    yield from (f"   {line}".rstrip() for line in failure_text(first.failure))
    yield ""
    yield from (f"   {_sample_line(row)}" for row in found.samples)
    when = "try them again:" if is_over else "try them again, once the run is over:"
    yield f"   {when} {retry_command(run, group.signature, program)}"
    yield f"   what it printed: {program} logs {run} --row {first.row_index}"


def _range(samples: Sequence[FailedRow]) -> str:
    if len(samples) == 1:
        return row_name(samples[0])
    return f"the first is {row_name(samples[0])}, the last {row_name(samples[-1])}"


def row_name(row: FailedRow | RowLog) -> str:
    """Return how a row is called: by its index, and its key if that is known."""
    key = f" ({in_one_line(row.key, 60)})" if row.key is not None else ""
    return f"row {row.row_index}{key}"


def _sample_line(row: FailedRow) -> str:
    said = f"{row_name(row)}, {counted(row.attempts, 'attempt')}"
    if row.values is None:
        return said
    values = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in row.values.items())
    return f"{said}: {in_one_line(values, MAX_VALUES)}"


def failures_document(failures: FailuresOfRun, run_id: str, run: str, program: str) -> dict[str, Any]:
    """Return what `failures --json` prints; long values are cut in their middle."""
    groups = failures.groups
    return {
        "run_id": run_id,
        "rows_failed": failures.rows_failed,
        "missing": failures.missing or None,
        "provisional": failures.provisional or None,
        "rows": groups.rows,
        "groups": [
            {
                **asdict(found.group),
                "example": _row_document(found.samples[0]) | {"failure": dict(found.samples[0].failure)},
                "samples": [_row_document(row) for row in found.samples],
                "retry": retry_command(run, found.group.signature, program),
            }
            for found in groups.groups
        ],
        "more_rows": groups.more_rows,
        "more_groups": groups.more_groups,
    }


def _row_document(row: FailedRow) -> dict[str, Any]:
    values = None if row.values is None else {name: _cut(value) for name, value in row.values.items()}
    return {
        "row_index": row.row_index,
        "key": row.key,
        "attempts": row.attempts,
        "consumer": row.consumer,
        "values": values,
    }


def _cut(value: Any) -> Any:
    return shorten(value) if isinstance(value, str) else value
