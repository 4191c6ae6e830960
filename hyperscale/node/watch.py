"""Teardown's eyes: what queue, store and heartbeats say now, and since when they have said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hyperscale import blobs
from hyperscale.experiment import Limits
from hyperscale.node.chain import Chain
from hyperscale.node.control import Cancel, SeedRecord, read_cancel, read_resumes, read_seed
from hyperscale.node.drain import Beat, View, beat_of
from hyperscale.node.queues import Queue, QueueGoneError
from hyperscale.node.stores import Store


class Watch:
    """Makes a `View` at each look, and remembers between them what a view needs of the past.

    Attributes:
        seed: seed.json, once it is there.
        cancel: the marker that ended this life of the run, once it is there.
        chain: the seals; None while there is no seed.json.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        *,
        life: int,
        consumers: int,
        lease_seconds: float,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        """Watch the `life`-th life of a run; `consumers` were planned for it; `clock` gives Unix seconds."""
        self.seed: SeedRecord | None = None
        self.cancel: Cancel | None = None
        self.chain: Chain | None = None
        self._queue, self._store, self._clock = queue, store, clock
        self._life, self._consumers, self._lease_seconds, self._limits = (
            life,
            consumers,
            lease_seconds,
            limits,
        )
        resume = read_resumes(store)[life - 1] if life else None
        self._life_began_at = resume.created_at if resume else 0.0
        self._seeds_again = resume is not None and resume.seed_id is not None
        self._started_at = clock()
        self._empty_since: float | None = None
        self._complete_since: float | None = None
        self._cancelled_since: float | None = None
        self._looks = 0

    def view(self) -> View:
        """Return what is to be seen now."""
        beats = self._beats()  # first: who says "left" has sealed or deleted before it said so
        if self.seed is None:
            self.seed = read_seed(self._store)
        if self.cancel is None:
            self.cancel = read_cancel(self._store, self._life)
        depth = self._depth()
        now = self._clock()
        is_empty = self.seed is not None and not depth
        if not is_empty:
            self._looks = 0
        self._empty_since = _since(self._empty_since, is_empty, now)
        self._cancelled_since = _since(self._cancelled_since, self.cancel is not None, now)
        return View(
            rows=self.seed.rows if self.seed else None,
            depth=depth,
            beats=beats,
            consumers=self._consumers,
            lease_seconds=self._lease_seconds,
            seconds=now - self._started_at,
            limits=self._limits,
            empty_seconds=_age(self._empty_since, now),
            looks=self._looks,
            seeds_again=self._seeds_again,
            complete_seconds=_age(self._complete_since, now),
            cancelled_seconds=_age(self._cancelled_since, now),
        )

    def look(self) -> None:
        """Count what is in the ledger."""
        self._looks += 1
        missing = self.ledger().look()
        self._complete_since = _since(self._complete_since, missing == 0, self._clock())

    def ledger(self) -> Chain:
        """Return the chain of seals; seed.json must have been seen."""
        if self.chain is None:
            assert self.seed is not None, "the ledger is looked at before seed.json is there"
            self.chain = Chain(self._store, self.seed.rows)
        return self.chain

    def _depth(self) -> int | None:
        try:
            return self._queue.depth()
        except QueueGoneError:
            return None

    def _beats(self) -> tuple[Beat, ...]:
        """Return the heartbeats of seed and consumers; those of earlier lives are zombies at most."""
        return tuple(
            beat_of(name.removeprefix(blobs.CONSUMERS), age_seconds, fields)
            for name, age_seconds, fields in self._store.beats(blobs.CONSUMERS)
            if fields.get("role") in ("seed", "consume") and self._is_of_this_life(fields)
        )

    def _is_of_this_life(self, fields: Mapping[str, Any]) -> bool:
        if "life" in fields:
            return bool(fields["life"] == self._life)
        return float(fields.get("started_at") or 0) >= self._life_began_at


def _since(since: float | None, holds: bool, now: float) -> float | None:
    if not holds:
        return None
    return now if since is None else since


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else now - since
