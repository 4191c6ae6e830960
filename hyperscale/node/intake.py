"""Receives messages, and tells those of this run from all others (rules 3, 5 and 19)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from hyperscale import blobs
from hyperscale.body import Body, BodyError
from hyperscale.ledger import failed_line
from hyperscale.node.control import read_resumes, read_seed
from hyperscale.node.held import HeldMessage
from hyperscale.node.queues import Message, Queue
from hyperscale.node.stores import Store
from hyperscale.suspects import poison_failure

logger = logging.getLogger(__name__)


class Received(NamedTuple):
    """What a receive brought: messages to hold, or the depth of the queue when none was visible."""

    messages: list[HeldMessage]
    depth: int | None


class Intake:
    """The way from the queue into a consumer."""

    def __init__(self, queue: Queue, store: Store, *, run_id: str, consumer: str, clock: Callable[[], float]) -> None:
        """Take messages of the run `run_id` alone; `clock` gives monotonic seconds."""
        self._queue, self._store, self._clock = queue, store, clock
        self._run_id, self._consumer = run_id, consumer
        self._seed_ids: frozenset[str] = frozenset()

    def receive(self, lease_seconds: float) -> Received:
        """Lease one message: what the workers need next, no more.

        Raises:
            QueueGoneError: when the run is over.
            LeaseLostError: when a message that is not ours was taken away before it was deleted.
        """
        renew_at = self._clock() + lease_seconds / 3
        messages = self._queue.receive(1, lease_seconds)
        if not messages:
            return Received([], self._queue.depth())
        ours = [(message, body) for message in messages if (body := self._body_of(message))]
        return Received([self._hold(message, body, renew_at) for message, body in ours], None)

    def _hold(self, message: Message, body: Body, renew_at: float) -> HeldMessage:
        """Return the message to hold; a row of it that has lost too many consumers has its outcome."""
        held = HeldMessage(message, body, renew_at)
        if held.poisoned is not None:
            line = failed_line(
                held.poisoned,
                attempts=held.attempts.get(held.poisoned, 0),
                seconds=0.0,
                started_at=time.time(),
                consumer=self._consumer,
                worker=-1,
                failure=poison_failure().to_document(),
            )
            held.finish([held.poisoned], [line])
        return held

    def _body_of(self, message: Message) -> Body | None:
        """Return the body of a message of this run; set anything else aside, its text kept, and delete it."""
        try:
            body = Body.decode(message.body)
            if body.run_id != self._run_id:
                raise BodyError(f"the message belongs to the run {body.run_id!r}")
        except BodyError as error:
            logger.warning("set aside a message that cannot be run: %s", error)
            self._store.create(f"{blobs.FOREIGN}{message.id}-{message.deliveries}.txt", message.body.encode())
            self._queue.delete(message.id, message.receipt)
            return None
        if body.seed_id not in self._seed_ids:
            self._seed_ids = self._known_seed_ids()
        if body.seed_id not in self._seed_ids:
            logger.info("deleted a message of an earlier seeding that came to nothing")
            self._queue.delete(message.id, message.receipt)
            return None
        return body

    def _known_seed_ids(self) -> frozenset[str]:
        """Read the seeds that count: a resume may have named one since we looked."""
        seed = read_seed(self._store)
        named = [seed.seed_id] if seed else []
        return frozenset(named + [resume.seed_id for resume in read_resumes(self._store) if resume.seed_id])
