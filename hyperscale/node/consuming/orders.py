"""What a worker has been given and has not answered, and its answers put beside it: pure bookkeeping."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.working import wire


@dataclass
class GivenOrder:
    """An order that a worker has been given.

    Attributes:
        message: whose rows they are.
        row_indices: in the order of their answers.
        rows_per_call: how they make calls.
        answered: how many rows have their answer.
    """

    message: HeldMessage
    row_indices: Sequence[int]
    rows_per_call: int
    answered: int = 0

    @property
    def rows_left(self) -> int:
        """Return how many rows have no answer."""
        return len(self.row_indices) - self.answered

    def take(self, rows: int) -> Sequence[int]:
        """Note the answers of the next `rows` rows, or of those that are left, and return which ones these are."""
        taken = self.row_indices[self.answered : self.answered + rows]
        self.answered += len(taken)
        return taken

    def take_call(self) -> Sequence[int]:
        """Note that the present call is over, and return its rows without an answer."""
        return self.take(self.rows_per_call - self.answered % self.rows_per_call)


class Answer(NamedTuple):
    """What a worker said of rows of one message: one text for each row, but for a call that failed as a whole.

    What was printed stands before the answer that it belongs to, and answers no row.
    """

    kind: str
    message: HeldMessage
    row_indices: Sequence[int]
    texts: Sequence[str]


class Orders:
    """The orders of one worker that makes one call after the other, oldest first.

    Attributes:
        is_garbled: a line was none of the worker's: the activity has written into its pipe. What follows is not read.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.is_garbled = False
        self._given: deque[GivenOrder] = deque()

    def __bool__(self) -> bool:
        """Whether any row is without an answer."""
        return bool(self._given)

    @property
    def rows(self) -> int:
        """Return how many rows are without an answer."""
        return sum(order.rows_left for order in self._given)

    def add(self, message: HeldMessage, order: wire.Order) -> None:
        """Note that the worker was given `order`, whose rows are of `message`."""
        self._given.append(GivenOrder(message, order.row_indices, order.rows_per_call))

    def answers(self, lines: Sequence[str]) -> Iterator[Answer]:
        """Yield what `lines` say of rows; neighbouring successes of one order make one answer."""
        at = 0
        while at < len(lines) and self._given and not self.is_garbled:
            kind, order = lines[at][:1], self._given[0]
            count = _successes(lines, at, order) if kind == wire.SUCCEEDED else int(kind in wire.OF_ROWS)
            if not count:
                self.is_garbled = True
                return
            yield Answer(kind, order.message, _taken(kind, order, count), [line[1:] for line in lines[at : at + count]])
            at += count
            self._drop_answered()

    def take_begun(self) -> list[tuple[HeldMessage, Sequence[int]]]:
        """Note that the call the worker was on is over, and return its rows without an answer."""
        order = self._given[0]
        indices = order.take_call()
        self._drop_answered()
        return [(order.message, indices)]

    def take_all(self) -> Iterator[tuple[HeldMessage, Sequence[int]]]:
        """Yield the rows of each order that were not begun, the last order first."""
        while self._given:
            order = self._given.pop()
            yield order.message, order.take(order.rows_left)

    def _drop_answered(self) -> None:
        if not self._given[0].rows_left:
            self._given.popleft()


def _successes(lines: Sequence[str], at: int, order: GivenOrder) -> int:
    """Return how many lines from `at` on say that the next rows of `order` have succeeded."""
    count = 0
    for line, row_index in zip(lines[at : at + order.rows_left], order.row_indices[order.answered :], strict=False):
        if not line.startswith(f'S{{"row_index":{row_index},'):
            break
        count += 1
    return count


def _taken(kind: str, order: GivenOrder, count: int) -> Sequence[int]:
    if kind == wire.PRINTED:
        return ()
    return order.take_call() if kind == wire.CALL_FAILED else order.take(count)
