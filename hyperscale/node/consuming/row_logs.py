"""What rows printed and which attempts failed, on its way into the store: parts of `logs/`, out of the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Protocol

from hyperscale import blobs
from hyperscale.failures import Failure
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.stores import Store

#: A part is written when so much has come together, or when its first record has waited so long.
PART_BYTES = 1024 * 1024
PART_WAIT_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Logs(Protocol):
    """Takes what rows printed."""

    def add(self, record: str, now: float) -> None:
        """Take one record, JSON without a line break; `now` is monotonic seconds."""

    def tend(self, now: float) -> None:
        """Do what is due."""

    def flush(self) -> None:
        """Do all that is left to do."""


class RowLogs:
    """Gathers records, and writes them in parts; losing one is no reason to stop a run."""

    def __init__(self, store: Store, background: Background, consumer: str) -> None:
        """Gather nothing yet; `consumer` names the parts."""
        self._store, self._background, self._consumer = store, background, consumer
        self._records: list[str] = []
        self._bytes = 0
        self._since = 0.0
        self._parts = 0

    def add(self, record: str, now: float) -> None:
        """Take one record, JSON without a line break; `now` is monotonic seconds."""
        if not self._records:
            self._since = now
        self._records.append(record)
        self._bytes += len(record) + 1

    def tend(self, now: float) -> None:
        """Write a part if it is time to."""
        if self._bytes >= PART_BYTES or (self._records and now - self._since >= PART_WAIT_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Write what there is, in the background."""
        if not self._records:
            return
        data = "".join(f"{record}\n" for record in self._records).encode()
        name = blobs.row_logs(self._consumer, self._parts)
        self._records, self._bytes = [], 0
        self._parts += 1

        def request() -> None:
            try:
                self._store.create(name, data)
            except Exception as error:
                logger.warning("what rows printed could not be kept in %s: %s", name, error)

        def then(answer: Callable[[], None]) -> None:
            answer()

        self._background.ask(request, then)


def attempt_record(
    row_index: int, attempt: int, worker: int, *, started_at: float, seconds: float, failure: Failure
) -> str:
    """Return a line of `logs/`: an attempt that failed. The ledger knows the last one of a row alone."""
    why = failure.to_document()
    del why["last_output"]  # what the attempt printed has a line of its own
    return json.dumps(
        {
            "row_index": row_index,
            "attempt": attempt,
            "worker": worker,
            "started_at": round(started_at, 3),
            "seconds": round(seconds, 6),
            "failure": why,
        },
        separators=(",", ":"),
    )
