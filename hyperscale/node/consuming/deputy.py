"""Stands in for a teardown that is lost: any consumer ends the run when a limit of the experiment is passed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hyperscale import blobs
from hyperscale.cost import Rates, spent_usd
from hyperscale.experiment import Limits
from hyperscale.node.control import rates_of, read_beats, read_manifest, read_seed, write_cancel
from hyperscale.node.ending.limits import passed_limit
from hyperscale.node.storing.stores import Store
from hyperscale.tempo import at_tempo

#: A teardown beats three times a minute; one that was silent for so long is lost.
SILENCE_SECONDS = 300.0
LOOK_SECONDS = 60.0
_TEARDOWNS = blobs.heartbeat("teardown-")

logger = logging.getLogger(__name__)


def is_lost(ages_seconds: Sequence[float], alone_seconds: float) -> bool:
    """Return whether nobody looks after the run.

    Args:
        ages_seconds: of the heartbeats of its teardowns.
        alone_seconds: for how long this consumer has been there.
    """
    return min((*ages_seconds, alone_seconds)) >= SILENCE_SECONDS


def limit_passed(
    beats: Sequence[Mapping[str, Any]], *, limits: Limits, rows: int, rates: Rates | None, now: float
) -> str | None:
    """Return which limit the run has passed, by the heartbeats of one life of it; None when it has passed none.

    Args:
        beats: their fields.
        limits: of the experiment.
        rows: of the run, as far as known.
        rates: what its nodes cost; None when nobody knows it.
        now: Unix seconds, by the store's clock.
    """
    failed = sum(int(fields.get("rows_failed") or 0) for fields in beats)
    done = sum(int(fields.get("rows_done") or 0) for fields in beats)
    began_at = min((float(fields["started_at"]) for fields in beats if fields.get("started_at")), default=now)
    return passed_limit(
        limits,
        seconds=now - began_at,
        rows=rows,
        succeeded=done - failed,
        failed=failed,
        cost_usd=spent_usd(beats, rates, now),
    )


class Deputy:
    """Looks after a run once a minute, beside the heartbeat of a consumer."""

    def __init__(self, store: Store, *, life: int, limits: Limits, clock: Callable[[], float]) -> None:
        """Look after the `life`-th life of the run in `store`; `clock` returns seconds."""
        self._store, self._life, self._limits, self._clock = store, life, limits, clock
        self._began_at = clock()
        self._next_at = self._began_at + at_tempo(LOOK_SECONDS)

    def tend(self) -> None:
        """Write the cancel marker if teardown is lost and a limit is passed; looks at most once a minute."""
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + at_tempo(LOOK_SECONDS)
        ages = [age for _, age, fields in self._store.beats(_TEARDOWNS) if fields.get("life") == self._life]
        if not is_lost(ages, now - self._began_at):
            return
        every = [fields for _, _, fields in read_beats(self._store, self._life)]
        seed = read_seed(self._store)
        passed = limit_passed(
            every,
            limits=self._limits,
            rows=seed.rows if seed else 0,
            rates=rates_of(read_manifest(self._store)),
            now=self._store.now(),
        )
        if passed:
            logger.warning("teardown is lost, and %s: this consumer ends the run", passed)
            write_cancel(self._store, self._life, "limit", passed)
