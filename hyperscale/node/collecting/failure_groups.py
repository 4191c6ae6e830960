"""Counts failed rows by the signature of their failures: the few reasons that most of them have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hyperscale.signature import Signature, signature_of

#: So many groups are shown where a run is summed up.
SHOWN_GROUPS = 10
#: So many are kept apart while counting: where each message is another, memory still has an end.
KEPT_GROUPS = 10_000
#: Of a message, so much is kept.
MAX_GROUP_MESSAGE = 300
#: Failures that were seen just now and look the same need no second signature.
_REMEMBERED = 1_000


@dataclass(frozen=True)
class FailureGroup:
    """Rows that failed for the same reason.

    Attributes:
        signature: the id of what their failures have in common (see `signature.py`); `--where signature=...` takes it.
        type: the exception's class, or a word where there is none.
        message: of the failures; what differs is blanked.
        rows: how many.
        first_row_index, middle_row_index, last_row_index: of them; the one in the middle differs from the others where
            there are more than two.
        kind: raised, exited, killed, timeout, result or poison.
        frame: the innermost frame of the user's own code in the first of them; empty when there is none.
    """

    signature: str
    type: str
    message: str
    rows: int
    first_row_index: int
    middle_row_index: int
    last_row_index: int
    kind: str
    frame: str


class FailureGroups:
    """Counts failures by their signature.

    Attributes:
        rows: that were counted.
    """

    def __init__(self, kept: int = KEPT_GROUPS) -> None:
        """Start without any; at most twice `kept` groups are in memory at a time."""
        self.rows = 0
        self._kept = kept
        self._groups: dict[str, FailureGroup] = {}
        self._remembered: dict[tuple[Any, ...], Signature] = {}

    def add(self, row_index: int, failure: Mapping[str, Any]) -> str:
        """Count one failed row, and return the id of its signature.

        When there are too many groups, those with the fewest rows are forgotten: what they counted is in no group then,
        and one of them that comes again begins anew. A reason that many rows have is not forgotten.
        """
        self.rows += 1
        signature = self._signature(failure)
        message = str(failure.get("message") or "")[:MAX_GROUP_MESSAGE]
        group = self._groups.get(signature.id)
        if group is not None:
            self._groups[signature.id] = replace(
                group,
                rows=group.rows + 1,
                first_row_index=min(group.first_row_index, row_index),
                middle_row_index=group.last_row_index if _is_doubled(group.rows) else group.middle_row_index,
                last_row_index=max(group.last_row_index, row_index),
                message=group.message if message == group.message else signature.pattern[:MAX_GROUP_MESSAGE],
            )
            return signature.id
        frames = failure.get("frames") or [""]
        kind, of_type = str(failure.get("kind") or ""), str(failure.get("type") or "")
        self._groups[signature.id] = FailureGroup(
            signature.id, of_type, message, 1, row_index, row_index, row_index, kind, frames[-1]
        )
        if len(self._groups) >= 2 * self._kept:
            self._groups = {group.signature: group for group in self.largest(self._kept)}
        return signature.id

    def _signature(self, failure: Mapping[str, Any]) -> Signature:
        looks = (failure.get("kind"), failure.get("type"), failure.get("message"), *(failure.get("frames") or ()))
        known = self._remembered.get(looks)
        if known is None:
            known = signature_of(failure)
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[looks] = known
        return known

    def largest(self, count: int = SHOWN_GROUPS) -> tuple[FailureGroup, ...]:
        """Return the `count` groups with the most rows, the largest first."""
        groups = sorted(self._groups.values(), key=lambda group: (-group.rows, group.first_row_index))
        return tuple(groups[:count])

    @property
    def known(self) -> int:
        """Return how many groups are kept apart now."""
        return len(self._groups)


def _is_doubled(rows: int) -> bool:
    """Return whether `rows` is 2, 4, 8 ...: then the newest row comes to stand in the middle."""
    return rows > 1 and not rows & (rows - 1)
