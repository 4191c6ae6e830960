"""The failures of a run while it goes on, by reason: from a few of its newest ledger parts, never from all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hyperscale import blobs
from hyperscale.ledger import DamagedPartError
from hyperscale.node.collecting.failure_groups import FailureGroup, FailureGroups
from hyperscale.node.collecting.ledger_reader import part_lines
from hyperscale.node.collecting.outcome_lines import read_outcome
from hyperscale.node.storing.stores import MissingBlobError, Store

#: So many parts are read in one look: with their listing, three requests at most.
PARTS_A_LOOK = 2
#: Who looks only once may read more.
PARTS_OF_ONE_LOOK = 20


class FailuresSoFar:
    """Groups failures that consumers have written; each look reads on with the consumer that had most of them."""

    def __init__(self, store: Store, parts_a_look: int = PARTS_A_LOOK) -> None:
        """Read so many parts of `store` in each look; nothing is read yet."""
        self._store, self._parts_a_look = store, parts_a_look
        self._groups = FailureGroups()
        self._read: set[str] = set()
        self._failed: dict[str, int] = {}

    @property
    def largest(self) -> tuple[FailureGroup, ...]:
        """Return the largest groups of what was read."""
        return self._groups.largest()

    def look(self, beats: Iterable[tuple[str, float, Mapping[str, Any]]]) -> None:
        """Read some parts of the consumer whose failures have grown most since its parts were read.

        Raises:
            AzureError, HyperscaleError: when the store cannot be asked; the next look reads these parts again.
        """
        failed = {
            name.removeprefix(blobs.CONSUMERS): int(fields.get("rows_failed") or 0)
            for name, _, fields in beats
            if fields.get("role") == "consume"
        }
        news = {name: count - self._failed.get(name, 0) for name, count in failed.items()}
        name = max(news, key=lambda name: news[name], default="")
        if not name or news[name] <= 0:
            return
        unread = [part for part in self._store.names(f"{blobs.LEDGER}{name}-") if part not in self._read]
        for part in reversed(unread[-self._parts_a_look :]):
            self._add(part)
            self._read.add(part)
        # A heartbeat may run ahead of the parts, or parts be left for the next look: then it is this one's turn again.
        if len(unread) <= self._parts_a_look:
            self._failed[name] = failed[name]

    def _add(self, part: str) -> None:
        try:
            for row_index, succeeded, line in part_lines(self._store, part):
                if not succeeded:
                    self._groups.add(row_index, read_outcome(line).get("failure") or {})
        except (DamagedPartError, MissingBlobError):
            return  # teardown will say what is wrong with it: a look must not end because of one part
