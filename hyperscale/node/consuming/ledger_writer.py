"""Writes the ledger parts of one consumer, each under a name that nobody else has (rule 14), and tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperscale import blobs
from hyperscale.ledger import write_part
from hyperscale.node.consuming.event_queues import Events
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.stores import Store
from hyperscale.row_key import key_text


class LedgerWriter:
    """Numbers the parts of a consumer.

    Attributes:
        lines: how many outcomes are in the ledger: their parts were answered.
    """

    def __init__(self, store: Store, background: Background, consumer: str, events: Events | None) -> None:
        """Start with no part; `consumer` holds 64 random bits, so its names are its own."""
        self.lines = 0
        self._store, self._background, self._consumer, self._events = store, background, consumer, events
        self._parts = 0

    def write(self, messages: Sequence[HeldMessage], then: Callable[[], None]) -> None:
        """Create the next part with the outcomes that ride in `messages`, in the background.

        After its answer they ride no longer, events tell of them, and `then` is called. A part that exists already
        is this very request, carried out before.
        """
        name = blobs.part(self._consumer, self._parts)
        self._parts += 1
        of_messages = [(message, list(message.outcomes)) for message in messages]
        lines = [line for _, outcomes in of_messages for line in outcomes]

        def request() -> None:
            if lines:
                self._store.create(name, write_part(lines))

        def answered(answer: Callable[[], None]) -> None:
            answer()
            self.lines += len(lines)
            for message, outcomes in of_messages:
                message.forget_outcomes(len(outcomes))
                self._tell(name, message, outcomes)
            then()

        self._background.ask(request, answered)

    def _tell(self, part: str, message: HeldMessage, outcomes: list[str]) -> None:
        if self._events:
            key = self._events.key
            values = {} if key is None else message.column(key)
            self._events.tell(part, outcomes, {row_index: key_text(value) for row_index, value in values.items()})
