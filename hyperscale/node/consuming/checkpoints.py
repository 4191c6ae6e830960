"""What rows have handed to `context.checkpoint`, on its way into the store and back.

Each state that is kept is a blob of its own, written once, and named in the body of the row's message: whoever
receives the message goes on from there. Blobs of earlier states, and of rows that are done, stay until the run's data
is removed: they are small, and nobody may delete what a body may still name.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.stores import Store
from hyperscale.node.working.checkpoint_files import drop_state, put_state, rows_with_state, state_bytes

#: A renewal waits this part of its lease for states that are being written: it is what makes them count.
PATIENCE_SHARE = 1 / 12

logger = logging.getLogger(__name__)


class Checkpoints:
    """The states of the rows that one consumer holds: the newest in files, and what a message names in the store."""

    def __init__(
        self, store: Store, background: Background, folder: Path, consumer: str, *, lease_seconds: float
    ) -> None:
        """Keep nothing yet; `folder` is the scratch folder of the consumer, and its random name makes blobs its own."""
        self._store, self._background, self._folder, self._consumer = store, background, folder, consumer
        self._patience_seconds = lease_seconds * PATIENCE_SHARE
        self._numbers = itertools.count()
        self._kept: dict[str, int] = {}

    def fetch(self, names: Mapping[int, str]) -> None:
        """Bring the states of rows that were just received to where their workers find them; in a request's thread."""
        for row_index, name in names.items():
            try:
                state = self._store.read(name)
                put_state(self._folder, row_index, state)
            except (HyperscaleError, ValueError, OSError) as error:  # ValueError: it is no name in a store
                logger.warning("row %d begins anew: its checkpoint %s cannot be read: %s", row_index, name, error)
            else:
                logger.info("row %d goes on from its checkpoint %s", row_index, name)
                self._kept[name] = hash(state)

    def delay(self, message: HeldMessage, now: float) -> bool:
        """Whether an update of `message` waits, as states of its rows are being written; not for long.

        Once for each update, the newest states that are not in the store are written; `now` is of the clock of leases.
        """
        if message.states_until is None:
            message.states_until = now + self._patience_seconds
            for row_index in rows_with_state(self._folder):
                if row_index in message.rows and row_index not in message.rows_saving:
                    self._save(message, row_index)
        return bool(message.rows_saving) and now < message.states_until

    def _save(self, message: HeldMessage, row_index: int) -> None:
        """Write the newest state of a row; only after the answer its message names it."""
        name, before = blobs.checkpoint(self._consumer, next(self._numbers)), message.checkpoints.get(row_index, "")
        message.rows_saving.add(row_index)

        def request() -> int | None:
            state = state_bytes(self._folder, row_index)
            if state is None or self._kept.get(before) == hash(state):
                return None
            self._store.create(name, state)
            return hash(state)

        def then(answer: Callable[[], int | None]) -> None:
            message.rows_saving.discard(row_index)
            try:
                kept = answer()
            except (HyperscaleError, OSError) as error:
                logger.warning("a checkpoint of row %d could not be kept: %s", row_index, error)
                return
            if kept is not None:
                self._kept.pop(before, None)
                self._kept[name] = kept
                message.checkpoints[row_index] = name

        self._background.ask(request, then)

    def forget(self, message: HeldMessage) -> None:
        """Drop the states of a message whose rows are all done."""
        for row_index in rows_with_state(self._folder):
            if message.owns(row_index):
                drop_state(self._folder, row_index)
        for name in message.checkpoints.values():
            self._kept.pop(name, None)
