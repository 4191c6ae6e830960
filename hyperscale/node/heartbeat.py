"""A consumer's heartbeat: counts for people, and on the way a look whether the run was cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperscale import blobs
from hyperscale.node.background import Background
from hyperscale.node.control import Cancel, read_cancel
from hyperscale.node.counting import RequestCounts
from hyperscale.node.stores import Scalar, Store


class Heartbeat:
    """Written every `interval_seconds`, in the background.

    Attributes:
        rows_failed: rows that failed for good so far.
        cancel: the marker that ended this life of the run, once it is seen.
    """

    def __init__(
        self,
        store: Store,
        background: Background,
        counts: RequestCounts,
        *,
        process: str,
        life: int,
        interval_seconds: float,
        clock: Callable[[], float],
        started_at: float,
    ) -> None:
        """Prepare the heartbeat of `process`; `life` counts the resumes so far, `started_at` is Unix seconds."""
        self.rows_failed = 0
        self.cancel: Cancel | None = None
        self._store, self._background, self._counts = store, background, counts
        self._name = blobs.heartbeat(process)
        self._life = life
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next = clock()
        self._last: dict[str, Scalar] = {"role": "consume", "life": life, "started_at": started_at}

    def tend(self, state: str, *, rows_done: int, rows_held: int, workers: int) -> None:
        """Beat if it is time to; `rows_done` includes the failed ones."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._interval_seconds
        self._last.update(rows_done=rows_done, rows_held=rows_held, workers=workers)
        fields = self._fields(state, "")

        def request() -> Cancel | None:
            self._store.beat(self._name, fields)
            return read_cancel(self._store, self._life)

        def then(answer: Callable[[], Any]) -> None:
            self.cancel = answer()

        self._background.ask(request, then)

    def look_for_cancel(self) -> Cancel | None:
        """Return the marker that ended this life of the run, if there is one now."""
        self.cancel = self.cancel or read_cancel(self._store, self._life)
        return self.cancel

    def last(self, state: str, message: str, *, rows_done: int) -> None:
        """Beat for the last time, at once: the consumer has left or is broken, and why."""
        self._last.update(rows_done=rows_done, rows_held=0)
        self._store.beat(self._name, self._fields(state, message))

    def _fields(self, state: str, message: str) -> dict[str, Scalar]:
        now: dict[str, Scalar] = {"rows_failed": self.rows_failed, "state": state, "message": message}
        return {**self._last, **now, **self._counts.as_fields()}
