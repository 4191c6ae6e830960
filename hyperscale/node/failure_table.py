"""The rows that failed: a table with the reason of each, and the few groups that most of them fall into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hyperscale.node.result_columns import Column

COLUMNS = (
    Column("row_index", "integer"),
    Column("key", "string"),
    Column("attempts", "integer"),
    Column("type", "string"),
    Column("message", "string"),
    Column("kind", "string"),
    Column("exit_code", "integer"),
    Column("signal", "integer"),
    Column("frames", "string"),
    Column("consumer", "string"),
    Column("last_output", "string"),
)
#: So many groups are shown.
SHOWN_GROUPS = 10
#: So many are kept apart while counting: where each message is another, memory still has an end.
KEPT_GROUPS = 1_000
#: Of a message, so much tells groups apart.
MAX_GROUP_MESSAGE = 300
#: Numbers and addresses differ from row to row where the reason does not.
_DIGITS = re.compile(r"0x[0-9a-fA-F]+|\d+")


@dataclass(frozen=True)
class FailureGroup:
    """Rows that failed for the same reason.

    Attributes:
        type: the exception's class, or a word where there is none.
        message: of the failures; digits are blanked if they differ.
        rows: how many.
        first_row_index: of the first of them.
        kind: raised, exited, killed, timeout, result or poison.
        frame: the innermost frame of the user's own code in the first of them; empty when there is none.
    """

    type: str
    message: str
    rows: int
    first_row_index: int
    kind: str
    frame: str


class FailureGroups:
    """Counts failures by their reason, in order of rows."""

    def __init__(self) -> None:
        """Start without any."""
        self._groups: dict[tuple[str, str, str], FailureGroup] = {}

    def add(self, row_index: int, failure: Mapping[str, Any]) -> None:
        """Count one failed row; beyond `KEPT_GROUPS` different reasons it is not counted any more."""
        whole = str(failure.get("message") or "")
        message, blanked = whole[:MAX_GROUP_MESSAGE], _DIGITS.sub("#", whole)[:MAX_GROUP_MESSAGE]
        reason = str(failure.get("kind") or ""), str(failure.get("type") or ""), blanked
        group = self._groups.get(reason)
        if group is not None:
            common = message if message == group.message else blanked
            self._groups[reason] = replace(group, rows=group.rows + 1, message=common)
        elif len(self._groups) < KEPT_GROUPS:
            frames = failure.get("frames") or [""]
            self._groups[reason] = FailureGroup(reason[1], message, 1, row_index, reason[0], frames[-1])

    def largest(self) -> tuple[FailureGroup, ...]:
        """Return the groups with the most rows, the largest first."""
        groups = sorted(self._groups.values(), key=lambda group: (-group.rows, group.first_row_index))
        return tuple(groups[:SHOWN_GROUPS])


def failure_row(outcome: Mapping[str, Any], key: str | None) -> list[Any]:
    """Return the values of `COLUMNS` for a failed row."""
    failure = outcome.get("failure") or {}
    values = {**failure, "frames": "\n".join(failure.get("frames") or ())}
    values |= {name: outcome.get(name) for name in ("row_index", "attempts", "consumer")} | {"key": key}
    return [values.get(column.name) for column in COLUMNS]
