"""The failed rows of a run as Python code holds them: grouped by why they failed."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from hyperscale.control.failed.failure_lines import failure_lines
from hyperscale.control.failed.failures_of import FailuresOfRun, failed_rows_of
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.verdicts import name_in_commands
from hyperscale.control.handles.shown import PROGRAM, Shown
from hyperscale.control.results_table import as_table
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.signature import signature_of

if TYPE_CHECKING:
    from hyperscale.control.results_table import Table

#: Columns of the table of failed rows, with their types.
COLUMNS = MappingProxyType(
    {
        "row_index": "integer",
        "key": "string",
        "signature": "string",
        "kind": "string",
        "type": "string",
        "message": "string",
        "frames": "strings",
        "last_output": "string",
        "attempts": "integer",
    }
)


class FailureGroups(Shown):
    """The failed rows of a run, grouped by why they failed; `run.retry(where="signature=...")` takes one group.

    Attributes:
        groups: the largest first, each with `signature`, `type`, `message`, `rows` and some of its rows.
    """

    def __init__(self, failures: FailuresOfRun, found: FoundRun) -> None:
        """Show `failures` of the run `found`."""
        self.groups: tuple[FailureGroup, ...] = tuple(found.group for found in failures.groups.groups)
        self._failures, self._found = failures, found

    def lines(self) -> Iterator[str]:
        """Yield what `failures` prints."""
        yield from failure_lines(self._failures, name_in_commands(self._found), PROGRAM)


def failed_table(found: FoundRun) -> Table:
    """Return the failed rows of a run that is collected, a line a row."""
    rows = [
        {
            **{name: row.failure.get(name) for name in ("kind", "type", "message", "frames", "last_output")},
            "row_index": row.row_index,
            "key": row.key,
            "signature": signature_of(row.failure).id,
            "attempts": row.attempts,
        }
        for row in failed_rows_of(found)
    ]
    return as_table(rows, COLUMNS)
