"""A consumer's heartbeat: counts for people, and on the way a look whether the run was cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from hyperscale import blobs
from hyperscale.node.consuming.deputy import Deputy
from hyperscale.node.consuming.leaving import may_leave
from hyperscale.node.control import Cancel, read_cancel
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.stores import Scalar, Store

#: A heartbeat that is so many intervals old tells nothing of idle workers any more.
FRESH_BEATS = 3


class Counts(NamedTuple):
    """What a consumer says of itself.

    Attributes:
        rows_done: rows with an outcome, failed ones included.
        rows_failed: rows that failed for good.
        rows_held: rows without an outcome.
        workers: how many.
        idle_workers: those that find nothing to do.
        set_up_seconds: what a worker took to start; of the slowest one.
        worker_memory_mb: the most that a worker that has ended had in memory; 0 until one has.
    """

    rows_done: int = 0
    rows_failed: int = 0
    rows_held: int = 0
    workers: int = 0
    idle_workers: int = 0
    set_up_seconds: float = 0.0
    worker_memory_mb: float = 0.0


class Heartbeat:
    """Written every `interval_seconds`, in the background.

    Attributes:
        cancel: the marker that ended this life of the run, once it is seen.
        idle_elsewhere: workers of other consumers that found nothing to do, when the fleet was looked at last.
        living: names of the consumers that lived then.
    """

    def __init__(
        self,
        store: Store,
        background: Background,
        requests: RequestCounts,
        *,
        process: str,
        life: int,
        interval_seconds: float,
        clock: Callable[[], float],
        started_at: float,
        step: str = "",
        node: str = "",
        deputy: Deputy | None = None,
    ) -> None:
        """Prepare the heartbeat of a consumer.

        Args:
            store: of the run.
            background: carries out the requests.
            requests: so far, which heartbeats tell.
            process: name of the consumer.
            life: counts the resumes so far.
            interval_seconds: between two heartbeats.
            clock: returns seconds.
            started_at: Unix seconds.
            step: the job of Azure ML that this process is; empty elsewhere.
            node: the machine that it runs on.
            deputy: looks after the run when its teardown is lost; None: nobody does.
        """
        self.cancel: Cancel | None = None
        self.idle_elsewhere = 0
        self.living: frozenset[str] = frozenset()
        self._store, self._background, self._requests = store, background, requests
        self._name = blobs.heartbeat(process)
        self._life = life
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next = clock()
        self._counts_said = Counts()
        self._began, self._deputy = self._next, deputy
        self._beating, self._has_ended = threading.Lock(), False
        self._always: dict[str, Scalar] = {
            "role": "consume",
            "life": life,
            "started_at": started_at,
            "step": step,
            "node": node,
        }

    def tend(self, counts: Counts, *, is_ready: bool, looks_around: bool) -> None:
        """Beat if it is time to, or if the first worker has nothing to do: others may hand rows back.

        Args:
            counts: of now.
            is_ready: whether any worker is.
            looks_around: whether this consumer wants to know of the others.
        """
        now = self._clock()
        falls_idle = bool(counts.idle_workers) and not self._counts_said.idle_workers
        if now < self._next and not falls_idle:
            return
        self._next = now + self._interval_seconds
        fields = self._fields("running" if is_ready else "starting", counts)

        def request() -> tuple[Cancel | None, dict[str, int]]:
            self._beat(fields)
            self.look_after_run()
            return read_cancel(self._store, self._life), self._look_around() if looks_around else {}

        def then(answer: Callable[[], tuple[Cancel | None, dict[str, int]]]) -> None:
            self.cancel, idle_workers = answer()
            self.living = frozenset(idle_workers)
            self.idle_elsewhere = sum(count for name, count in idle_workers.items() if name != self._name)

        self._background.ask(request, then)

    def _look_around(self) -> dict[str, int]:
        """Return how many idle workers each living consumer has, by its name; one listing tells of the fleet."""
        return {
            name: int(fields.get("idle_workers") or 0)
            for name, age_seconds, fields in self._store.beats(blobs.CONSUMERS)
            if fields.get("life") == self._life
            and fields.get("role") == "consume"
            and fields.get("state") == "running"
            and age_seconds <= FRESH_BEATS * self._interval_seconds
        }

    def is_needed(self, *, idle_seconds: float, patience_seconds: float, depth: int) -> bool:
        """Whether this consumer stays although it finds nothing to do; see `leaving.may_leave`."""
        return not may_leave(
            self._name,
            idle_seconds=idle_seconds,
            patience_seconds=patience_seconds,
            depth=depth,
            living=self.living,
        )

    def look_after_run(self) -> None:
        """Stand in for a teardown that is lost."""
        if self._deputy:
            self._deputy.tend()

    def waits(self) -> None:
        """Beat at once, while the rows are not in the queue yet."""
        self._store.beat(self._name, self._fields("starting", Counts(), "waits until all rows are in the queue"))
        self.look_after_run()

    def look_for_cancel(self) -> Cancel | None:
        """Return the marker that ended this life of the run, if there is one now."""
        self.cancel = self.cancel or read_cancel(self._store, self._life)
        return self.cancel

    def last(self, state: str, message: str, counts: Counts) -> None:
        """Beat for the last time, once a beat under way is written: the consumer has left or is broken, and why."""
        fields = self._fields(state, counts, message)
        with self._beating:
            self._has_ended = True
            self._store.beat(self._name, fields)

    def _beat(self, fields: dict[str, Scalar]) -> None:
        """Beat, unless the last word was said: one that came late would take it back."""
        with self._beating:
            if not self._has_ended:
                self._store.beat(self._name, fields)

    def _fields(self, state: str, counts: Counts, message: str = "") -> dict[str, Scalar]:
        self._counts_said = counts
        told = {"state": state, "message": message, "seconds": round(self._clock() - self._began, 3)}
        return {**self._always, **counts._asdict(), **told, **self._requests.as_fields()}
