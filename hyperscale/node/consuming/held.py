"""A message that a consumer holds: which of its rows wait, are worked on or are finished; pure bookkeeping.

The body just received is the truth (rule 5); what happens here is written back into it by each renewal.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hyperscale.body import MAX_BODY_BYTES, Body
from hyperscale.node.storing.queues import Message
from hyperscale.node.working.wire import Order
from hyperscale.suspects import Poison, Trial, after_slice, on_receive


@dataclass(frozen=True)
class Written:
    """The text of an update, and what it says of progress: noted once the update is answered."""

    text: str
    rows: int
    deliveries: int
    trial: Trial | None


class HeldMessage:
    """One message under a lease. Times are seconds of the caller's monotonic clock.

    Attributes:
        id, receipt: of the message; one request at a time uses the receipt, `busy` says that one is under way.
        renew_at: when the lease is due for renewal.
        rows: remaining rows, row_index to values: waiting, delayed or in flight.
        outcomes: ledger lines of finished rows that are in no ledger part yet.
        attempts: failed attempts of remaining rows.
        poisoned: the row that has lost too many consumers, and has no outcome yet; None for a healthy message.
        wants_slice: a worker asked for rows of this suspect: they must be announced before they run.
        is_on_trial: rows of this suspect were announced: if this consumer is lost now, that counts against them.
        checkpoints: row_index to the blob of its newest state, of the rows that have one.
        rows_saving: rows whose state is being written; until `states_until` the next update waits for that.
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
        self.poisoned: int | None = None
        self.wants_slice = self.is_on_trial = False
        self.checkpoints = dict(body.checkpoints)
        self.rows_saving: set[int] = set()
        self.states_until: float | None = None
        self._body = body
        self._deliveries = message.deliveries
        self._saved = Written("", len(self.rows), body.deliveries, Trial(*body.trial) if body.trial else None)
        self._alone: deque[int] = deque()
        self._delayed: list[tuple[float, int]] = []
        self._slice: set[int] = set()
        self._resting = self._saved.trial
        self._trial = self._judge()
        self._waiting = deque([] if self._trial else self.rows)
        self._handed_back: set[int] = set()

    def _judge(self) -> Trial | None:
        saved = self._saved
        verdict = on_receive(
            deliveries=self._deliveries, saved_deliveries=saved.deliveries, rows=len(self.rows), trial=saved.trial
        )
        if isinstance(verdict, Poison):
            self.poisoned = next(iter(self.rows), None)
            return verdict.then
        return verdict

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the rows' values."""
        return self._body.columns

    @property
    def is_finished(self) -> bool:
        """Whether every row has an outcome."""
        return not self.rows

    @property
    def losses(self) -> int:
        """Return how often the rows of a suspect that are tried next have been started without progress."""
        return self._trial.losses if self._trial else 0

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait to be handed out, those of a suspect that are not announced yet included."""
        if self._trial and not self._slice:
            return len(self.rows)
        return len(self._waiting) + len(self._alone)

    @property
    def spare_rows(self) -> int:
        """Return how many rows could be handed back as new messages: one at least always stays."""
        return 0 if self._trial else min(len(self._waiting), len(self.rows) - 1)

    def owns(self, row_index: int) -> bool:
        """Whether the row was received with this message and not handed back, whatever became of it."""
        return row_index in self._body.rows and row_index not in self._handed_back

    # ---- handing out

    def take_order(self, rows: int, rows_per_call: int) -> Order | None:
        """Return about `rows` waiting rows, which are in flight from now on; None when none can be handed out.

        Rows that are repeated alone come first, in an order of calls of one row each.
        """
        if self._trial and not self._slice:
            self.wants_slice = bool(self.rows)
            return None
        if self._alone:
            indices = [self._alone.popleft() for _ in range(min(rows, len(self._alone)))]
            return self._order(indices, 1)
        calls = -(-rows // rows_per_call)
        indices = [self._waiting.popleft() for _ in range(min(calls * rows_per_call, len(self._waiting)))]
        return self._order(indices, rows_per_call) if indices else None

    def _order(self, indices: list[int], rows_per_call: int) -> Order:
        attempts = {index: self.attempts[index] for index in indices if index in self.attempts}
        return Order(indices, [self.rows[index] for index in indices], attempts, rows_per_call)

    def open_slice(self) -> None:
        """Note that the next rows of a suspect are announced: they may run now."""
        assert self._trial is not None
        self.wants_slice = False
        self._waiting = deque(list(self.rows)[: self._trial.rows])
        self._slice = set(self._waiting)

    # ---- what happened to rows

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
        if self._slice:
            self._slice.difference_update(row_indices)
            if not self._slice and self._trial:
                self._trial = after_slice(self._trial)
                self._resting = replace(self._trial, losses=0)

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

    def value_of(self, row_index: int, column: str) -> Any:
        """Return one value of a remaining row."""
        return self.rows[row_index][self.columns.index(column)]

    def column(self, name: str) -> dict[int, Any]:
        """Return one value of each row, finished ones included, that was there when the message was received."""
        place = self.columns.index(name)
        return {row_index: values[place] for row_index, values in self._body.rows.items()}

    # ---- writing it back

    def write(self, *, announces: bool = False, releases: bool = False) -> Written:
        """Return the text of an update: remaining rows, attempts, outcomes that ride, and the progress so far.

        Args:
            announces: it says which rows of a suspect are about to run; `open_slice` follows its answer.
            releases: it gives the message back in good order; like progress, that clears the count of losses.
        """
        self.is_on_trial |= announces
        moved = releases or len(self.rows) < self._saved.rows
        trial = self._trial if announces or self._slice else self._resting
        if trial and moved and not announces:
            trial = replace(trial, losses=0)
        written = Written("", len(self.rows), self._deliveries if moved else self._saved.deliveries, trial)
        return replace(written, text=self._text(self.rows, self.attempts, self.outcomes, written))

    def wrote(self, written: Written) -> None:
        """Note that the update with `written` was answered."""
        self._saved = written
        self.states_until = None
        if self._slice:
            self._trial = written.trial

    def forget_outcomes(self, count: int) -> None:
        """Note that the first `count` outcomes are in a ledger part: they ride no longer (rule 11)."""
        del self.outcomes[:count]

    def take_tail(self, rows: int, pieces: int) -> list[str]:
        """Return bodies of new messages with the last `rows` waiting rows, which are not ours any more (rule 17).

        The caller puts them, waits for the answers, and then updates this message; if that is refused it drops it.
        """
        tail = [self._waiting.pop() for _ in range(rows)][::-1]
        size = -(-rows // pieces)
        bodies = [self._tail_text(tail[start : start + size]) for start in range(0, rows, size)]
        for row_index in tail:
            del self.rows[row_index]
            self.attempts.pop(row_index, None)
        self._handed_back.update(tail)
        return bodies

    def _tail_text(self, indices: Sequence[int]) -> str:
        rows = {index: self.rows[index] for index in indices}
        attempts = {index: self.attempts[index] for index in indices if index in self.attempts}
        return self._text(rows, attempts, [], Written("", len(rows), 0, None))

    def _text(self, rows: dict[int, Any], attempts: dict[int, int], outcomes: list[str], written: Written) -> str:
        trial = written.trial
        body = replace(
            self._body,
            rows=rows,
            attempts=attempts,
            outcomes=outcomes,
            checkpoints={row: name for row, name in self.checkpoints.items() if row in rows},
            deliveries=written.deliveries,
            trial=(trial.rows, trial.lost, trial.losses) if trial else None,
        )
        text = body.encode()
        if len(text) <= MAX_BODY_BYTES or outcomes or not body.checkpoints:
            return text
        return replace(body, checkpoints={}).encode()  # hundreds of rows in flight: they begin anew, nothing is lost
