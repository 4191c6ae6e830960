"""The messages that a consumer holds, and its dealings with queue and ledger about them.

Each message has at most one request under way, so that its receipt is always the newest. What is asked when, and
in which order, are rules 9 to 17, 19 and 26 of the protocol; the loop in `consumer` only says what it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from hyperscale import blobs
from hyperscale.body import MAX_BODY_BYTES
from hyperscale.node.consuming.checkpoints import Checkpoints
from hyperscale.node.consuming.event_queues import Events
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.intake import Intake, Received
from hyperscale.node.consuming.kept_files import keep_files
from hyperscale.node.consuming.ledger_writer import LedgerWriter
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.queues import LeaseLostError, Queue, QueueGoneError
from hyperscale.node.storing.stores import Store
from hyperscale.suspects import may_be_tried

#: One ledger part carries the outcomes of up to so many messages, which wait for each other so long (rule 15).
MESSAGES_PER_PART = 8
PART_WAIT_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Custody:
    """All that one consumer holds.

    Attributes:
        held: messages by id; finished ones stay until they are committed.
        is_receiving: whether a receive is under way.
        queue_is_gone: the run is over, what was held is dropped (rule 29).
        receive_seconds: what a receive takes of late, a moving average.
        depth: of the queue when the newest receive found nothing visible; None while receives find something.
        look_at: from when on another receive makes sense, by `clock`.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        background: Background,
        checkpoints: Checkpoints,
        *,
        run_id: str,
        consumer: str,
        lease_seconds: float,
        clock: Callable[[], float],
        events: Events | None = None,
    ) -> None:
        """Hold nothing yet; `clock` gives monotonic seconds, `consumer` names the ledger parts."""
        self.held: dict[str, HeldMessage] = {}
        self.queue_is_gone, self.receive_seconds = False, 0.0
        self.depth: int | None = None
        self.look_at = 0.0
        self._ledger = LedgerWriter(store, background, consumer, events)
        self._queue, self._store, self._background = queue, store, background
        self._intake = Intake(queue, store, checkpoints.fetch, run_id=run_id, consumer=consumer, clock=clock)
        self._checkpoints, self._lease_seconds, self.clock = checkpoints, lease_seconds, clock
        self.is_receiving, self._asked_at = False, 0.0
        self._finished_since: float | None = None

    # ---- what the loop asks for

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held and no request about messages is under way."""
        return not self.held and not self.is_receiving

    @property
    def waiting_rows(self) -> int:
        """Return how many rows could be handed out now."""
        return sum(message.waiting_rows for message in self.held.values())

    @property
    def unfinished_rows(self) -> int:
        """Return how many rows are held without an outcome."""
        return sum(len(message.rows) for message in self.held.values())

    @property
    def rows_done(self) -> int:
        """Return how many rows have an outcome by this consumer: in the ledger, or riding in what it holds."""
        return self._ledger.lines + sum(len(message.outcomes) for message in self.held.values())

    def receive(self) -> None:
        """Ask for one message: what the workers need next, no more."""
        self.is_receiving = True
        self._asked_at = self.clock()
        self._background.ask(lambda: self._intake.receive(self._lease_seconds), self._received)

    def tend(self) -> None:
        """Renew what is due, and commit what is finished and need not wait for company."""
        now = self.clock()
        on_trial = [message for message in self.held.values() if message.is_on_trial]
        for message in list(self.held.values()):
            message.wake(now)
            if message.busy:
                continue
            others = [other.losses for other in on_trial if other is not message]
            if message.wants_slice and may_be_tried(message.losses, others):
                on_trial.append(message)
                self._renew(message, announces=True)
            elif now >= message.renew_at and not self._checkpoints.delay(message, now):
                self._renew(message)
        finished = [message for message in self.held.values() if message.is_finished]
        if not finished:
            self._finished_since = None
            return
        self._finished_since = now if self._finished_since is None else self._finished_since
        hurries = any(message.is_finished for message in on_trial)
        no_company = self.depth is not None and len(finished) == len(self.held)
        ready = [message for message in finished if not message.busy][:MESSAGES_PER_PART]
        waited = now - self._finished_since >= PART_WAIT_SECONDS
        if ready and (hurries or no_company or waited or len(ready) == MESSAGES_PER_PART):
            self._commit(ready)

    def release(self, *, flush: bool) -> None:
        """Give back all that is not busy; outcomes ride along, or go to the ledger (`flush`, rule 26)."""
        for message in list(self.held.values()):
            if message.busy or self._checkpoints.delay(message, self.clock()):
                continue
            if message.is_finished:
                self._commit([message])
            elif flush and message.outcomes:
                self._spill(message, releases=True)
            else:
                self._renew(message, releases=True)

    def hand_back(self, message: HeldMessage, rows: int, pieces: int) -> None:
        """Put the last `rows` waiting rows back as new messages, then shrink this one (rule 17).

        If the message was lost meanwhile it is dropped; the new messages then are duplicates, which do no harm.
        """
        bodies = message.take_tail(rows, pieces)
        message.busy = True

        def then(answer: Callable[[], None]) -> None:
            try:
                answer()
            except QueueGoneError:
                self._drop_all()
                return
            message.busy = False
            self._renew(message)

        self._background.ask(lambda: self._queue.put_all(bodies), then)

    def keep_files(self, folder: Path, name: str, then: Callable[[str | None], None]) -> None:
        """Move the files of `folder` into the store as those of the row `name`; `then` gets None, or why not."""
        self._background.ask(
            lambda: keep_files(self._store, folder, blobs.outputs(name)), lambda answer: then(answer())
        )

    def _received(self, answer: Callable[[], Received]) -> None:
        self.is_receiving = False
        try:
            received = answer()
        except QueueGoneError:
            self._drop_all()
            return
        except LeaseLostError:
            return
        now = self.clock()
        self.depth, self.look_at = received.depth, now + received.wait_seconds
        self.receive_seconds += (now - self._asked_at - self.receive_seconds) / 4
        self.held.update({message.id: message for message in received.messages})

    # ---- renew, spill, commit (rules 9 to 16)

    def _renew(self, message: HeldMessage, *, announces: bool = False, releases: bool = False) -> None:
        """Write body and lease in one step: a lease of 0 gives the message back."""
        written = message.write(announces=announces, releases=releases)
        if len(written.text) > MAX_BODY_BYTES and message.outcomes:
            self._spill(message, announces=announces, releases=releases)
            return
        message.busy = True
        lease_seconds = 0.0 if releases else self._lease_seconds

        def then(answer: Callable[[], str]) -> None:
            receipt = self._answer_or_drop(message, answer)
            if receipt is None:
                return
            message.wrote(written)
            message.receipt, message.busy = receipt, False
            message.renew_at = self.clock() + lease_seconds / 3
            if releases:
                self._forget(message)
            elif announces:
                message.open_slice()

        self._background.ask(lambda: self._queue.update(message.id, message.receipt, written.text, lease_seconds), then)

    def _spill(self, message: HeldMessage, *, announces: bool = False, releases: bool = False) -> None:
        """Write the outcomes that ride as a part; after its answer alone update without them (rule 11)."""

        def then() -> None:
            message.busy = False
            self._renew(message, announces=announces, releases=releases)

        message.busy = True
        self._ledger.write([message], then)

    def _commit(self, messages: list[HeldMessage]) -> None:
        """Write one part with the outcomes of finished messages; after its answer alone delete them (rule 13)."""

        def then() -> None:
            for message in messages:
                self._delete(message)

        for message in messages:
            message.busy = True
        self._ledger.write(messages, then)

    def _delete(self, message: HeldMessage) -> None:
        def then(answer: Callable[[], None]) -> None:
            self._answer_or_drop(message, answer)
            self._forget(message)
            self._checkpoints.forget(message)

        self._background.ask(lambda: self._queue.delete(message.id, message.receipt), then)

    def _answer_or_drop(self, message: HeldMessage, answer: Callable[[], str | None]) -> str | None:
        """Return the answer; when the message belongs to somebody else now, forget all of it (rules 12 and 16)."""
        try:
            return answer()
        except LeaseLostError:
            logger.warning("lost the lease of %d rows; another consumer goes on with them", len(message.rows))
            self._forget(message)
        except QueueGoneError:
            self._drop_all()
        return None

    def _forget(self, message: HeldMessage) -> None:
        """Hold the message no longer; it may be held anew, received again after its lease had run out."""
        if self.held.get(message.id) is message:
            del self.held[message.id]

    def _drop_all(self) -> None:
        self.queue_is_gone = True
        self.held.clear()
