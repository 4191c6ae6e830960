"""A message that a consumer holds: which of its rows wait, are worked on or are finished; pure bookkeeping.

The body just received is the truth (rule 5); what happens here is written back into it by each renewal.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from hyperscale.body import Body
from hyperscale.node.queues import Message
from hyperscale.node.wire import Order


class HeldMessage:
    """One message under a lease. Times are seconds of the caller's monotonic clock.

    Attributes:
        id, receipt: of the message; one request at a time uses the receipt, `busy` says that one is under way.
        renew_at: when the lease is due for renewal.
        rows: remaining rows, row_index to values: waiting, delayed or in flight.
        outcomes: ledger lines of finished rows that are in no ledger part yet.
        attempts: failed attempts of remaining rows.
    """

    def __init__(self, message: Message, body: Body, renew_at: float) -> None:
        """Hold `message`, whose body says `body`."""
        self.id = message.id
        self.receipt = message.receipt
        self.busy = False
        self.renew_at = renew_at
        self.rows = dict(body.rows)
        self.outcomes = list(body.outcomes)
        self.attempts = dict(body.attempts)
        self._message = message
        self._body = body
        self._waiting = deque(self.rows)
        self._alone: deque[int] = deque()
        self._delayed: list[tuple[float, int]] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the rows' values."""
        return self._body.columns

    @property
    def is_finished(self) -> bool:
        """Whether every row has an outcome."""
        return not self.rows

    @property
    def waiting_rows(self) -> int:
        """Return how many rows could be handed out now."""
        return len(self._waiting) + len(self._alone)

    def take_order(self, rows: int, rows_per_call: int) -> Order | None:
        """Return about `rows` waiting rows, which are in flight from now on; None when none waits.

        Rows that are repeated alone come first, in an order of calls of one row each.
        """
        if self._alone:
            indices = [self._alone.popleft() for _ in range(min(rows, len(self._alone)))]
            return self._order(indices, 1)
        calls = -(-rows // rows_per_call)
        indices = [self._waiting.popleft() for _ in range(min(calls * rows_per_call, len(self._waiting)))]
        return self._order(indices, rows_per_call) if indices else None

    def _order(self, indices: list[int], rows_per_call: int) -> Order:
        attempts = {index: self.attempts[index] for index in indices if index in self.attempts}
        return Order(indices, [self.rows[index] for index in indices], attempts, rows_per_call)

    def give_back(self, row_indices: Sequence[int]) -> None:
        """Note that rows in flight were not begun, or went down with others: they wait again, uncharged."""
        self._waiting.extendleft(reversed(row_indices))

    def repeat_alone(self, row_indices: Iterable[int]) -> None:
        """Note that a call of several rows failed as a whole: each of them is repeated in a call of its own."""
        self._alone.extend(row_indices)

    def finish(self, row_indices: Sequence[int], lines: Sequence[str]) -> None:
        """Note the outcomes of rows, as their ledger lines."""
        for row_index in row_indices:
            del self.rows[row_index]
            self.attempts.pop(row_index, None)
        self.outcomes.extend(lines)

    def charge(self, row_index: int) -> int:
        """Note a failed attempt of a row in flight, and return how many it has."""
        self.attempts[row_index] = self.attempts.get(row_index, 0) + 1
        return self.attempts[row_index]

    def delay(self, row_index: int, until: float) -> None:
        """Let a row in flight wait for its next attempt; it is repeated in a call of its own."""
        heapq.heappush(self._delayed, (until, row_index))

    def wake(self, now: float) -> None:
        """Let delayed rows whose time has come wait to be handed out."""
        while self._delayed and self._delayed[0][0] <= now:
            self._alone.append(heapq.heappop(self._delayed)[1])

    @property
    def next_wake(self) -> float | None:
        """Return when the next delayed row is due, or None."""
        return self._delayed[0][0] if self._delayed else None

    def body(self) -> str:
        """Return the text for a renewal: remaining rows, attempts, outcomes that ride, and the progress so far."""
        return Body(
            run_id=self._body.run_id,
            seed_id=self._body.seed_id,
            batch=self._body.batch,
            columns=self._body.columns,
            rows=self.rows,
            attempts=self.attempts,
            outcomes=self.outcomes,
            deliveries=self._message.deliveries,
            trial=self._body.trial,
        ).encode()

    def forget_outcomes(self, count: int) -> None:
        """Note that the first `count` outcomes are in a ledger part: they ride no longer (rule 11)."""
        del self.outcomes[:count]

    def values_of(self, row_index: int) -> Sequence[Any]:
        """Return the values of a remaining row."""
        return self.rows[row_index]
