"""Teardown's eyes: what queue, store and heartbeats say now, and since when they have said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hyperscale.cost import Rates, spent_usd
from hyperscale.experiment import Limits
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.control import Cancel, SeedRecord, read_beats, read_cancel, read_resumes, read_seed, rows_of_run
from hyperscale.node.ending.drain import View, beat_of
from hyperscale.node.ending.step_states import start_seconds
from hyperscale.node.storing.queues import Queue, QueueGoneError
from hyperscale.node.storing.stores import Store


class Watch:
    """Makes a `View` at each look, and remembers between them what a view needs of the past.

    Attributes:
        seed: seed.json, once it is there.
        cancel: the marker that ended this life of the run, once it is there.
        chain: the seals; None while there is no seed.json.
        starts: for how long nodes were paid for before they were heard of, as teardown's heartbeat tells it.
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
        rates: Rates | None = None,
        steps: Callable[[], tuple[StepFacts, ...]] = tuple,
    ) -> None:
        """Watch one life of a run.

        Args:
            queue: of the run.
            store: of the run.
            life: number of resumes when it began.
            consumers: how many were planned for it.
            lease_seconds: of a message.
            limits: of the run.
            clock: gives Unix seconds.
            rates: what the run's nodes cost; None when nobody knows it.
            steps: says at once what was seen last of the run's jobs on Azure ML.
        """
        self.seed: SeedRecord | None = None
        self.cancel: Cancel | None = None
        self.chain: Chain | None = None
        self.starts: Mapping[str, float] = {}
        self._queue, self._store, self._clock = queue, store, clock
        self._rates, self._steps = rates, steps
        self._life, self._consumers, self._lease_seconds, self._limits = (
            life,
            consumers,
            lease_seconds,
            limits,
        )
        resume = read_resumes(store)[life - 1] if life else None
        self._seeds_again = resume is not None and resume.seed_id is not None
        self._started_at = clock()
        self._empty_since: float | None = None
        self._complete_since: float | None = None
        self._cancelled_since: float | None = None
        self._looks = 0

    def view(self) -> View:
        """Return what is to be seen now."""
        # First: who says "left", or is over, has sealed or deleted before.
        steps, every = self._steps(), read_beats(self._store, self._life)
        beats = [beat for beat in every if beat[2].get("role") in ("seed", "consume")]
        if self.seed is None:
            self.seed = read_seed(self._store)
        if self.cancel is None:
            self.cancel = read_cancel(self._store, self._life)
        depth = self._depth()
        now = self._clock()
        self.starts = start_seconds(steps, (fields for _, _, fields in every), now)
        is_empty = self.seed is not None and not depth
        if not is_empty:
            self._looks = 0
        self._empty_since = _since(self._empty_since, is_empty, now)
        self._cancelled_since = _since(self._cancelled_since, self.cancel is not None, now)
        return View(
            rows=self.seed.rows if self.seed else None,
            depth=depth,
            beats=tuple(beat_of(*beat) for beat in beats),
            consumers=self._consumers,
            lease_seconds=self._lease_seconds,
            seconds=now - self._started_at,
            limits=self._limits,
            empty_seconds=_age(self._empty_since, now),
            looks=self._looks,
            seeds_again=self._seeds_again,
            complete_seconds=_age(self._complete_since, now),
            cancelled_seconds=_age(self._cancelled_since, now),
            cost_usd=spent_usd((fields for _, _, fields in every), self._rates, now),
            steps=steps,
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
            self.chain = Chain(self._store, rows_of_run(self._store, self.seed))
        return self.chain

    def _depth(self) -> int | None:
        try:
            return self._queue.depth()
        except QueueGoneError:
            return None


def _since(since: float | None, holds: bool, now: float) -> float | None:
    if not holds:
        return None
    return now if since is None else since


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else now - since
