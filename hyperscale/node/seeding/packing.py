"""Packs rows into bodies: as many a message as were asked for, and fewer where they would not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from hyperscale.body import FILL_BODY_BYTES, Body
from hyperscale.node.seeding.stored_rows import Stored, stored_apart

#: row_index to values, in order.
NumberedRows = Mapping[int, Sequence[Any]]
#: Returns those of the rows start..stop-1 that are wanted: `Tally.missing_rows`, `RowSet.rows_between`.
RowsBetween = Callable[[int, int], Sequence[int]]


@dataclass(frozen=True)
class Packed:
    """The text of one message, how many rows it carries, and what has to be in the store before it is put."""

    body: str
    rows: int
    stored: Stored | None = None


def numbered(batches: Iterable[Sequence[Sequence[Any]]]) -> Iterator[NumberedRows]:
    """Yield each batch of an input with the row indices of its rows."""
    start = 0
    for rows in batches:
        yield dict(zip(range(start, start + len(rows)), rows, strict=True))
        start += len(rows)


def chosen(batches: Iterable[NumberedRows], rows_between: RowsBetween, *, size: int) -> Iterator[NumberedRows]:
    """Yield the rows that `rows_between` names, `size` at a time, under the row indices that they have."""
    gathered: dict[int, Sequence[Any]] = {}
    for batch in batches:
        start = next(iter(batch))
        gathered.update((index, batch[index]) for index in rows_between(start, start + len(batch)))
        while len(gathered) >= size:
            full = dict(islice(gathered.items(), size))
            yield full
            gathered = dict(islice(gathered.items(), size, None))
    if gathered:
        yield gathered


def pack(batches: Iterable[NumberedRows], *, run_id: str, seed_id: str, columns: tuple[str, ...]) -> Iterator[Packed]:
    """Yield messages that carry all rows of `batches`, in order; a batch that does not fit goes in halves.

    A row that does not fit alone is put into the store, and its message says so.

    Raises:
        ExperimentError: when a row is too large even for that.
    """
    numbers = count()
    for batch in batches:
        waiting = [batch]
        while waiting:
            rows = waiting.pop()
            body = Body(run_id, seed_id, next(numbers), columns, rows)
            text = body.encode()
            if len(text) <= FILL_BODY_BYTES:
                yield Packed(text, len(rows))
                continue
            if len(rows) == 1:
                text, stored = stored_apart(body)
                yield Packed(text, 1, stored)
                continue
            numbers = count(body.batch)
            waiting += reversed(_halves(rows))


def _halves(rows: NumberedRows) -> tuple[NumberedRows, NumberedRows]:
    middle = len(rows) // 2
    return dict(islice(rows.items(), middle)), dict(islice(rows.items(), middle, None))
