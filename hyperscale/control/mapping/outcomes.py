"""What `map_rows` returns: an iterator of outcomes that asks for rows only as it is asked for outcomes."""

from __future__ import annotations

import html
import json
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from hyperscale.control.mapping import parcels
from hyperscale.control.mapping.workshop import Workshop
from hyperscale.errors import IncompleteRunError
from hyperscale.failures import Failure
from hyperscale.ledger import SUCCEEDED

Row = TypeVar("Row")
Result = TypeVar("Result")

#: While outcomes wait to be taken, so many rows are asked for at most before the next one is given.
_ROWS_A_TURN = 2


@dataclass(frozen=True)
class Outcome(Generic[Row, Result]):
    """What became of one row.

    Attributes:
        row_index: the row's place in what was given, from 0.
        row: the row itself.
        failure: why it failed; None when it succeeded.
        attempts: how often it was tried.
        seconds: that its last attempt took; of a call of several rows its share.
        printed: what its attempts printed, the middle left out if it was much.
    """

    row_index: int
    row: Row
    failure: Failure | None
    attempts: int
    seconds: float
    printed: str
    _result: Result | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.failure is None

    @property
    def result(self) -> Result:
        """What the function returned.

        Raises:
            IncompleteRunError: when the row failed.
        """
        if self.failure is not None:
            frames = "".join(f"\n    {frame}" for frame in self.failure.frames)
            raise IncompleteRunError(
                f"row {self.row_index} failed: {self.failure.type}: {self.failure.message}{frames}",
                hint="`outcome.succeeded` says which rows have a result",
            )
        return cast(Result, self._result)


class Outcomes(Iterator[Outcome[Row, Result]]):
    """An iterator of outcomes; it starts its workers at the first `next`, and ends them at the last.

    They end, too, when `close` is called, a `with` block is left, nobody refers to the iterator any more, the wait for
    an outcome is interrupted, or the rows raise an exception. Use it in one thread at a time.

    Attributes:
        rows_taken: how many rows it has asked for.
        succeeded, failed: outcomes that it has given.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        open_workshop: Callable[[], tuple[Workshop, Path, Callable[[], None]]],
        *,
        frames_of: Callable[[Sequence[str]], tuple[str, ...]],
        rows_ahead: int,
        ordered: bool,
    ) -> None:
        """Start nothing yet.

        Args:
            rows: asked in the thread that asks for outcomes.
            open_workshop: starts the workers; returns them, a folder for large rows, and what ends and removes both.
            frames_of: says of a failure's frames what is known here.
            rows_ahead: so many rows at most are asked for whose outcomes were not given yet.
            ordered: whether outcomes are given in the order of the rows.
        """
        self.rows_taken = self.succeeded = self.failed = 0
        self._source: Iterator[Row] | None = iter(rows)
        self._open, self._frames_of = open_workshop, frames_of
        self._rows_ahead, self._ordered = rows_ahead, ordered
        self._workshop: Workshop | None = None
        self._end: Callable[[], object] | None = None
        self._ahead: dict[int, tuple[Row, str]] = {}
        self._ready: deque[Outcome[Row, Result]] = deque()
        self._early: dict[int, Outcome[Row, Result]] = {}
        self._is_closed = False

    def __next__(self) -> Outcome[Row, Result]:
        """Return the next outcome.

        Raises:
            StopIteration: when every row has had its outcome, or it was closed.
            HyperscaleError: when no worker can start; whatever the rows raise.
        """
        if self._is_closed:
            raise StopIteration
        try:
            workshop = self._workshop or self._start()
            self._ask_for_rows(workshop)
            while not self._ready:
                if not self._ahead:
                    raise StopIteration
                self._note(workshop.lines(wait=True), workshop)
        except BaseException:
            self.close()
            raise
        return self._given(self._ready.popleft())

    def __enter__(self) -> Outcomes[Row, Result]:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the workers at once, and remove their files; nothing more is given."""
        self._is_closed = True
        self._source = None
        self._ready.clear()
        if self._end is not None:
            self._end()

    def __repr__(self) -> str:
        """Return how far it is."""
        return f"<map_rows: {self._told()}>"

    def _repr_html_(self) -> str:
        return f"<div>map_rows: {html.escape(self._told())}</div>"

    def _told(self) -> str:
        state = "over" if self._is_closed else "not started" if self._workshop is None else "open"
        return f"{self.succeeded:,} succeeded, {self.failed:,} failed, {self.rows_taken:,} rows taken, {state}"

    def _start(self) -> Workshop:
        self._workshop, self._folder, end = self._open()
        self._end = weakref.finalize(self, end)
        return self._workshop

    def _ask_for_rows(self, workshop: Workshop) -> None:
        """Put rows into the workshop while there is room; while outcomes wait, only as many as keep it full."""
        self._note_all(workshop)
        taken = 0
        while self._source is not None and self._rows_open < self._rows_ahead:
            if self._ready and taken >= _ROWS_A_TURN:
                break
            try:
                row = next(self._source)
            except StopIteration:
                self._source = None
                workshop.end()
                break
            packed = parcels.pack(row, self._folder / f"row-{self.rows_taken}.pickle")
            self._ahead[self.rows_taken] = (row, packed)
            workshop.put(self.rows_taken, packed)
            self.rows_taken += 1
            taken += 1
            self._note_all(workshop)  # a source may be slow: what is done meanwhile does not wait for it

    @property
    def _rows_open(self) -> int:
        return len(self._ahead) + len(self._ready) + len(self._early)

    def _note_all(self, workshop: Workshop) -> None:
        while lines := workshop.lines(wait=False):
            self._note(lines, workshop)

    def _note(self, lines: Iterable[str], workshop: Workshop) -> None:
        for line in lines:
            outcome = self._outcome(json.loads(line), workshop)
            if self._ordered:
                self._early[outcome.row_index] = outcome
            else:
                self._ready.append(outcome)
        while (following := self.succeeded + self.failed + len(self._ready)) in self._early:
            self._ready.append(self._early.pop(following))

    def _outcome(self, line: dict[str, Any], workshop: Workshop) -> Outcome[Row, Result]:
        row_index = line["row_index"]
        row, packed = self._ahead.pop(row_index)
        parcels.discard(packed)
        failure, result = None, None
        if line["outcome"] == SUCCEEDED:
            try:
                result = parcels.unpack(line["result"])
            except Exception as error:
                message = f"the result cannot be unpickled here: {type(error).__name__}: {error}"
                failure = Failure("result", "ResultError", message)
            parcels.discard(line["result"])
        else:
            failure = Failure(**{**line["failure"], "frames": self._frames_of(line["failure"]["frames"])})
        printed = workshop.printed.take(row_index)
        return Outcome(row_index, row, failure, line["attempts"], line["seconds"], printed, result)

    def _given(self, outcome: Outcome[Row, Result]) -> Outcome[Row, Result]:
        if outcome.succeeded:
            self.succeeded += 1
        else:
            self.failed += 1
        return outcome
