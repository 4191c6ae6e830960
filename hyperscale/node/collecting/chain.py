"""The chain of seals of a run, and the looks at its ledger that lead to the next one (rule 23)."""

from __future__ import annotations

import logging

from hyperscale import blobs
from hyperscale.ledger import Seal
from hyperscale.log_lines import fields
from hyperscale.node.collecting.ledger_reader import count_part, read_seals, tally_of, unsealed_parts
from hyperscale.node.storing.stores import Store
from hyperscale.row_set import RowSet

logger = logging.getLogger(__name__)


class Chain:
    """What is final in a run, and what has come since; each part is read once.

    Attributes:
        seals: all of them, oldest first.
        tally: the count so far: provisional but for what is sealed.
    """

    def __init__(self, store: Store, rows: int | RowSet) -> None:
        """Read the seals and what they made final, of a run of so many rows, or of those of a set."""
        self._store = store
        self.seals = read_seals(store)
        self.tally = tally_of(store, rows, self.seals)
        self._parts: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Return whether a seal says that every row has its outcome: nothing changes after that."""
        return bool(self.seals) and self.seals[-1].state == "complete"

    def look(self) -> int:
        """Count the parts that have come, and return how many rows have no outcome."""
        known = set(self._parts)
        for name in unsealed_parts(self._store, self.seals):
            if name not in known:
                count_part(self._store, name, self.tally)
                self._parts.append(name)
        return self.tally.missing

    def seal(self, reason: str, sealed_at: float) -> list[Seal]:
        """Make final what is in the ledger, and return all seals.

        The newest of them is the one of another teardown if that was faster, and an older one if nothing has
        come since.

        Args:
            reason: why rows are missing, if any are.
            sealed_at: Unix seconds.
        """
        missing = self.look()
        for what in self.tally.named:
            logger.warning("set aside: %s", what, extra=fields("line_set_aside"))
        if self.is_complete or (self.seals and not self._parts):
            return self.seals
        seal = Seal(
            number=len(self.seals) + 1,
            state="incomplete" if missing else "complete",
            reason=reason if missing else "",
            rows=self.tally.rows,
            parts=tuple(sorted(self._parts, key=str.encode)),
            succeeded=self.tally.succeeded,
            failed=self.tally.failed,
            missing=missing,
            duplicates=self.tally.duplicates,
            sealed_at=sealed_at,
            set_aside=self.tally.set_aside,
        )
        self._store.create(blobs.seal(seal.number), seal.encode())
        self.seals = read_seals(self._store)
        return self.seals
