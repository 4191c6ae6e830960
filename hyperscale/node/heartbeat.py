"""A consumer's heartbeat: counts for people, and on the way a look whether the run was cancelled."""

from __future__ import annotations

from collections.abc import Callable

from hyperscale import blobs
from hyperscale.node.background import Background
from hyperscale.node.control import Cancel, read_cancel
from hyperscale.node.counting import RequestCounts
from hyperscale.node.stores import Scalar, Store

#: A heartbeat that is so many intervals old tells nothing of idle workers any more.
FRESH_BEATS = 3


class Heartbeat:
    """Written every `interval_seconds`, in the background.

    Attributes:
        rows_failed: rows that failed for good so far.
        cancel: the marker that ended this life of the run, once it is seen.
        idle_elsewhere: workers of other consumers that found nothing to do, when the fleet was looked at last.
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
        self.idle_elsewhere = 0
        self._store, self._background, self._counts = store, background, counts
        self._name = blobs.heartbeat(process)
        self._life = life
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next = clock()
        self._last: dict[str, Scalar] = {"role": "consume", "life": life, "started_at": started_at}

    def tend(
        self, state: str, *, rows_done: int, rows_held: int, workers: int, idle_workers: int, looks_around: bool
    ) -> None:
        """Beat if it is time to, or if the first worker has nothing to do: others may hand rows back.

        Args:
            state: starting or running.
            rows_done: rows with an outcome, failed ones included.
            rows_held: rows without one.
            workers: of this consumer.
            idle_workers: those that find nothing to do.
            looks_around: whether this consumer has rows that it could hand back.
        """
        now = self._clock()
        falls_idle = bool(idle_workers) and not self._last.get("idle_workers")
        if now < self._next and not falls_idle:
            return
        self._next = now + self._interval_seconds
        self._last.update(rows_done=rows_done, rows_held=rows_held, workers=workers, idle_workers=idle_workers)
        fields = self._fields(state, "")

        def request() -> tuple[Cancel | None, int]:
            self._store.beat(self._name, fields)
            return read_cancel(self._store, self._life), self._idle_elsewhere() if looks_around else 0

        def then(answer: Callable[[], tuple[Cancel | None, int]]) -> None:
            self.cancel, self.idle_elsewhere = answer()

        self._background.ask(request, then)

    def _idle_elsewhere(self) -> int:
        """Return how many workers of other living consumers have nothing to do; one listing tells of the fleet."""
        return sum(
            int(fields.get("idle_workers") or 0)
            for name, age_seconds, fields in self._store.beats(blobs.CONSUMERS)
            if name != self._name
            and fields.get("life") == self._life
            and fields.get("state") == "running"
            and age_seconds <= FRESH_BEATS * self._interval_seconds
        )

    def look_for_cancel(self) -> Cancel | None:
        """Return the marker that ended this life of the run, if there is one now."""
        self.cancel = self.cancel or read_cancel(self._store, self._life)
        return self.cancel

    def last(self, state: str, message: str, *, rows_done: int) -> None:
        """Beat for the last time, at once: the consumer has left or is broken, and why."""
        self._last.update(rows_done=rows_done, rows_held=0, idle_workers=0)
        self._store.beat(self._name, self._fields(state, message))

    def _fields(self, state: str, message: str) -> dict[str, Scalar]:
        now: dict[str, Scalar] = {"rows_failed": self.rows_failed, "state": state, "message": message}
        return {**self._last, **now, **self._counts.as_fields()}
