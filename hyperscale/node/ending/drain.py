"""When a run is over: what teardown sees in, and what it does next out.

Depth 0, a stall, a limit or a marker only trigger a look at the ledger or end the handing out of rows
(rules 20, 21 and 26); whether rows are missing is said by the ledger alone. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.experiment import Limits
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.ending.limits import passed_limit
from hyperscale.node.ending.step_states import all_over, has_ended, may_come, never_started, seed_failure

#: A seed that was not heard of for so long is dead: it beats twice a minute.
SEED_SILENCE_SECONDS = 300.0
#: All consumers silent for so long, with rows left: nobody is coming back.
CONSUMER_SILENCE_SECONDS = 1800.0
#: However short the lease: a busy machine may keep a living consumer from its heartbeat for so long.
LEAST_SILENCE_SECONDS = 10.0
#: Who stops a run stops consumers first and teardown then: for so long, their leaving is not taken for a stall.
STOPPING_SECONDS = 5.0
#: So many consumers that cannot start the activity are proof that it cannot be started.
BROKEN_CONSUMERS = 3
#: A complete ledger waits so long for consumers to leave: their last heartbeats hold all of their figures.
SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Beat:
    """A heartbeat of this life of the run.

    Attributes:
        process: its name.
        role: seed, consume or teardown.
        state: starting, running, draining, left or broken.
        age_seconds: since it was written, by the store's clock.
        message: for people; why it is broken.
        succeeded, failed: rows with an outcome by this process.
        step: the job of Azure ML that it is; empty elsewhere.
    """

    process: str
    role: str
    state: str
    age_seconds: float
    message: str = ""
    succeeded: int = 0
    failed: int = 0
    step: str = ""

    @property
    def has_ended(self) -> bool:
        """Return whether the process said that it is gone."""
        return self.state in ("left", "broken")


@dataclass(frozen=True)
class View:
    """What teardown sees at one moment.

    Attributes:
        rows: how many were seeded; None until seed.json is there.
        depth: of the queue; None when it is gone.
        beats: of the seed and the consumers of this life. They must have been read before `rows` and `depth`:
            a process seals or deletes first and says "left" afterwards.
        consumers: how many were planned.
        lease_seconds: of a message.
        seconds: since this life began.
        limits: of the run.
        empty_seconds: since the queue was first found empty or gone; None while it is neither.
        looks: at the ledger since then.
        seeds_again: whether this life began with putting missing rows into the queue again (rule 27): the seed's
            heartbeat tells when it is done, for seed.json is of an earlier life.
        complete_seconds: since a look found the ledger complete; None while rows are missing.
        cancelled_seconds: since a cancel marker was first seen; None while there is none.
        cost_usd: of the nodes so far; None where nobody knows a price.
        steps: of the run's jobs on Azure ML, as they were seen before everything else; empty where they cannot be.
    """

    rows: int | None
    depth: int | None
    beats: tuple[Beat, ...]
    consumers: int
    lease_seconds: float
    seconds: float
    limits: Limits
    empty_seconds: float | None = None
    looks: int = 0
    seeds_again: bool = False
    complete_seconds: float | None = None
    cancelled_seconds: float | None = None
    cost_usd: float | None = None
    steps: tuple[StepFacts, ...] = ()

    @property
    def silence_seconds(self) -> float:
        """Return how long a consumer may say nothing: two leases (rule 21)."""
        return max(2 * self.lease_seconds, LEAST_SILENCE_SECONDS)

    @property
    def consume_beats(self) -> tuple[Beat, ...]:
        """Return the heartbeats of the consumers."""
        return tuple(beat for beat in self.beats if beat.role == "consume")

    def is_gone(self, beat: Beat) -> bool:
        """Return whether nothing is to be expected of the process any more."""
        return beat.has_ended or beat.age_seconds > self.silence_seconds or has_ended(beat.role, beat.step, self.steps)


@dataclass(frozen=True)
class Wait:
    """Look at everything again after a while."""


@dataclass(frozen=True)
class Look:
    """Count what is in the ledger."""


@dataclass(frozen=True)
class Cancel:
    """Write the cancel marker: no more rows are handed out."""

    reason: str
    message: str


@dataclass(frozen=True)
class Seal:
    """Make final what is in the ledger, and publish it."""


Decision = Wait | Look | Cancel | Seal


def decide(view: View) -> Decision:
    """Return what teardown does next."""
    if view.complete_seconds is not None:
        return Seal() if _all_gone(view) or view.complete_seconds >= SETTLE_SECONDS else Wait()
    if view.cancelled_seconds is not None:
        return Seal() if _all_gone(view) or view.cancelled_seconds >= 2 * view.lease_seconds else Wait()
    if view.rows is not None and not view.depth and not view.looks:
        return Look()
    return _limit(view) or _broken(view) or _seeding(view) or _draining(view)


def beat_of(process: str, age_seconds: float, fields: Mapping[str, Any]) -> Beat:
    """Return the heartbeat `fields`, whatever of it is there."""
    return Beat(
        process=process,
        role=str(fields.get("role") or ""),
        state=str(fields.get("state") or ""),
        age_seconds=age_seconds,
        message=str(fields.get("message") or ""),
        succeeded=int(fields.get("rows_done") or 0) - int(fields.get("rows_failed") or 0),
        failed=int(fields.get("rows_failed") or 0),
        step=str(fields.get("step") or ""),
    )


def _all_gone(view: View) -> bool:
    return all(view.is_gone(beat) for beat in view.beats)


def _limit(view: View) -> Cancel | None:
    succeeded, failed = (sum(getattr(beat, name) for beat in view.beats) for name in ("succeeded", "failed"))
    passed = passed_limit(
        view.limits,
        seconds=view.seconds,
        rows=view.rows or 0,
        succeeded=succeeded,
        failed=failed,
        cost_usd=view.cost_usd,
    )
    return Cancel("limit", passed) if passed else None


def _broken(view: View) -> Cancel | None:
    """Return the end of a run whose activity, or image, cannot be started; no row is charged for that."""
    reasons = _failed_starts(view)
    if not reasons or any(beat.succeeded for beat in view.consume_beats):
        return None
    if len(reasons) < min(BROKEN_CONSUMERS, view.consumers):
        return None
    return Cancel("broken", failed_starts_text(view))


def failed_starts_text(view: View) -> str:
    """Return how many consume jobs could not start and why, in one line; empty when each that was seen could."""
    reasons = _failed_starts(view)
    if not reasons:
        return ""
    reason = " ".join(next(filter(None, reasons), "the activity cannot be started").split())
    if view.consumers == 1:
        return reason
    return f"{len(reasons):,} of {max(view.consumers, len(reasons)):,} consume jobs could not start: {reason}"


def _failed_starts(view: View) -> list[str]:
    """Return why consumers could not start, one reason for each of them."""
    beats = view.consume_beats
    reasons = [beat.message for beat in beats if beat.state == "broken"]
    if len(reasons) == len(beats):
        # An image that does not start never sends a heartbeat; while one consumer works, it is not the image.
        reasons += never_started(view.steps, {beat.step for beat in beats})
    return reasons


def _seeding(view: View) -> Cancel | Wait | None:
    """Return what to do while rows are still put into the queue; None when they all are."""
    if view.rows is not None and not view.seeds_again:
        return None
    seeds = [beat for beat in view.beats if beat.role == "seed"]
    failed = seed_failure(view.steps) if view.rows is None else None
    if failed:
        return Cancel("seed_failed", next((beat.message for beat in seeds if beat.message), failed))
    if not seeds or any(not beat.has_ended and beat.age_seconds <= SEED_SILENCE_SECONDS for beat in seeds):
        return Wait()
    newest = min(seeds, key=lambda beat: beat.age_seconds)
    if view.rows is not None and newest.state == "left":
        return None
    silent = "" if newest.has_ended else f"seed was not heard of for {newest.age_seconds:.0f} seconds"
    return Cancel("seed_failed", newest.message or silent or "seed ended before all rows were in the queue")


def _draining(view: View) -> Cancel | Look | Wait:
    if view.depth:
        return _stall(view) or Wait()
    if (view.empty_seconds or 0) < view.lease_seconds:
        return Wait()
    if view.looks < 2:
        return Look()
    what = "is gone" if view.depth is None else "is empty"
    return Cancel("stall", f"the queue {what}, and rows are still missing one lease after it was first found so")


def _stall(view: View) -> Cancel | None:
    """Return the end of a run whose messages nobody works on any more."""
    beats = view.consume_beats
    quiet_seconds = min((beat.age_seconds for beat in beats), default=0.0)
    are_gone = all(view.is_gone(beat) for beat in beats)
    over = all_over(view.steps, view.consumers)
    if over and are_gone:
        what = over
    elif are_gone and len(beats) >= view.consumers and quiet_seconds >= STOPPING_SECONDS and not may_come(view.steps):
        what = f"each of {len(beats)} consumers has left or fallen silent"
    elif quiet_seconds > CONSUMER_SILENCE_SECONDS:
        what = f"no consumer was heard of for {CONSUMER_SILENCE_SECONDS / 60:.0f} minutes"
    else:
        return None
    return Cancel("stall", f"{what}; messages left in the queue: {view.depth:,}")
