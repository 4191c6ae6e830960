"""Receives messages, and tells those of this run from all others (rules 3, 5 and 19)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from hyperscale import blobs
from hyperscale.body import Body, BodyError
from hyperscale.failures import shorten
from hyperscale.ledger import failed_line
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.idling import asks_for_depth, seconds_to_next_look
from hyperscale.node.control import read_resumes, read_seed
from hyperscale.node.seeding.stored_rows import with_values
from hyperscale.node.storing.queues import Message, Queue
from hyperscale.node.storing.stores import Store
from hyperscale.suspects import poison_failure

#: A text that somebody else has put may quote anything, of any length.
_SHOWN = 500

logger = logging.getLogger(__name__)


class Received(NamedTuple):
    """What a receive brought.

    Attributes:
        messages: to hold.
        depth: of the queue, as last known, when none was visible; else None.
        wait_seconds: for how long no other receive makes sense.
    """

    messages: list[HeldMessage]
    depth: int | None
    wait_seconds: float


class Intake:
    """The way from the queue into a consumer.

    Attributes:
        empty_looks: how often in a row nothing was visible.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        fetch_states: Callable[[Mapping[int, str]], None],
        *,
        run_id: str,
        consumer: str,
        clock: Callable[[], float],
    ) -> None:
        """Take messages of the run `run_id` alone.

        Args:
            queue: whose messages.
            store: of the run.
            fetch_states: brings the checkpoints of rows to their workers.
            run_id: names the run.
            consumer: names the one who holds them.
            clock: gives monotonic seconds.
        """
        self._queue, self._store, self._clock = queue, store, clock
        self._fetch_states = fetch_states
        self._run_id, self._consumer = run_id, consumer
        self._seed_ids: frozenset[str] = frozenset()
        self.empty_looks = 0
        self._depth = 0

    def receive(self, lease_seconds: float) -> Received:
        """Lease one message: what the workers need next, no more.

        Raises:
            QueueGoneError: when the run is over.
            LeaseLostError: when a message that is not ours was taken away before it was deleted.
        """
        renew_at = self._clock() + lease_seconds / 3
        messages = self._queue.receive(1, lease_seconds)
        if not messages:
            self.empty_looks += 1
            if asks_for_depth(self.empty_looks, self._queue.poll_seconds):
                self._depth = self._queue.depth()
            return Received([], self._depth, seconds_to_next_look(self.empty_looks, self._queue.poll_seconds))
        self.empty_looks = 0
        ours = [(message, body) for message in messages if (body := self._body_of(message))]
        return Received([self._hold(message, body, renew_at) for message, body in ours], None, 0.0)

    def _hold(self, message: Message, body: Body, renew_at: float) -> HeldMessage:
        """Return the message to hold; a row of it that has lost too many consumers has its outcome."""
        self._fetch_states(body.checkpoints)
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
        """Return the body of a message of this run, the values of its rows included; None of any other message.

        What cannot be read is set aside, its text kept; what belongs to a seeding that came to nothing is deleted.
        """
        try:
            body = Body.decode(message.body)
            if body.run_id != self._run_id:
                raise BodyError(f"the message belongs to the run {body.run_id!r}")
            if self._is_known(body.seed_id):
                return with_values(body, self._store)
        except BodyError as error:
            self._set_aside(message, error)
            return None
        logger.info("deleted a message of an earlier seeding that came to nothing")
        self._queue.delete(message.id, message.receipt)
        return None

    def _set_aside(self, message: Message, error: BodyError) -> None:
        """Keep the text of a message, then delete it: it would come back for ever."""
        name = f"{blobs.FOREIGN}{message.id}-{message.deliveries}.txt"
        logger.warning(
            "set aside a message that cannot be run, as %s; rows that only it had end as missing, and "
            "run --resume seeds them again: %s",
            name,
            shorten(str(error), _SHOWN),
        )
        self._store.create(name, message.body.encode("utf-8", "surrogatepass"))
        self._queue.delete(message.id, message.receipt)

    def _is_known(self, seed_id: str) -> bool:
        if seed_id not in self._seed_ids:
            self._seed_ids = self._known_seed_ids()
        return seed_id in self._seed_ids

    def _known_seed_ids(self) -> frozenset[str]:
        """Read the seeds that count: a resume may have named one since we looked."""
        seed = read_seed(self._store)
        named = [seed.seed_id] if seed else []
        return frozenset(named + [resume.seed_id for resume in read_resumes(self._store) if resume.seed_id])
