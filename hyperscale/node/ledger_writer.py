"""Writes the ledger parts of one consumer, each under a name that nobody else has (rule 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperscale import blobs
from hyperscale.ledger import write_part
from hyperscale.node.background import Background
from hyperscale.node.stores import Store


class LedgerWriter:
    """Numbers the parts of a consumer.

    Attributes:
        lines: how many outcomes are in the ledger: their parts were answered.
    """

    def __init__(self, store: Store, background: Background, consumer: str) -> None:
        """Start with no part; `consumer` holds 64 random bits, so its names are its own."""
        self.lines = 0
        self._store, self._background, self._consumer = store, background, consumer
        self._parts = 0

    def write(self, lines: Sequence[str], then: Callable[[Callable[[], None]], None]) -> None:
        """Create the next part with `lines`, in the background; `then` gets the answer.

        A part that exists already is this very request, carried out before.
        """
        name = blobs.part(self._consumer, self._parts)
        self._parts += 1

        def request() -> None:
            if lines:
                self._store.create(name, write_part(lines))

        def answered(answer: Callable[[], None]) -> None:
            answer()
            self.lines += len(lines)
            then(answer)

        self._background.ask(request, answered)
