"""What a worker with several calls in flight has been given and has not answered; its answers come in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.orders import Answer
from hyperscale.node.working import wire


class _Given(NamedTuple):
    message: HeldMessage
    row_index: int
    alone: bool


class OrdersInFlight:
    """The rows of one worker by number, counted as the worker counts them; see `Orders`.

    A worker begins rows in the order they are given, `concurrency` at a time; orders of calls of one row are repeats,
    each of which has the worker to itself. So the rows in flight are known without a word from the worker.
    """

    def __init__(self, concurrency: int) -> None:
        """Start with none."""
        self.is_garbled = False
        self._concurrency = concurrency
        self._count = 0
        self._given: dict[int, _Given] = {}

    def __bool__(self) -> bool:
        """Whether any row is without an answer."""
        return bool(self._given)

    @property
    def rows(self) -> int:
        """Return how many rows are without an answer."""
        return len(self._given)

    def add(self, message: HeldMessage, order: wire.Order) -> None:
        """Note that the worker was given `order`, whose rows are of `message`."""
        for row_index in order.row_indices:
            self._given[self._count] = _Given(message, row_index, order.rows_per_call == 1)
            self._count += 1

    def answers(self, lines: Sequence[str]) -> Iterator[Answer]:
        """Yield what each line says of its row."""
        for line in lines:
            kind, text = line[:1], line[1:]
            if kind == wire.PRINTED and self._given:
                yield Answer(kind, next(iter(self._given.values())).message, (), [text])
                continue
            number, _, text = text.partition(":")
            given = self._given.pop(int(number), None) if number.isdecimal() and kind in wire.OF_ROWS else None
            if given is None:
                self.is_garbled = True
                return
            yield Answer(kind, given.message, [given.row_index], [text])

    def take_begun(self) -> list[tuple[HeldMessage, Sequence[int]]]:
        """Note that the rows in flight are over, and return them by message."""
        numbers: list[int] = []
        for number, given in self._given.items():
            if len(numbers) == self._concurrency or (given.alone and numbers):
                break
            numbers.append(number)
            if given.alone:
                break
        return self._take(numbers)

    def take_all(self) -> Iterator[tuple[HeldMessage, Sequence[int]]]:
        """Yield the rows that were not begun, by message."""
        yield from self._take(list(self._given))

    def _take(self, numbers: Sequence[int]) -> list[tuple[HeldMessage, Sequence[int]]]:
        taken: dict[int, tuple[HeldMessage, list[int]]] = {}
        for given in map(self._given.pop, numbers):
            taken.setdefault(id(given.message), (given.message, []))[1].append(given.row_index)
        return list(taken.values())
