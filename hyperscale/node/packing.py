"""Packs rows into bodies: as many a message as were asked for, and fewer where they would not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from hyperscale.body import FILL_BODY_BYTES, Body
from hyperscale.errors import ExperimentError
from hyperscale.ledger import Tally

#: row_index to values, in order.
NumberedRows = Mapping[int, Sequence[Any]]


@dataclass(frozen=True)
class Packed:
    """The text of one message, and how many rows it carries."""

    body: str
    rows: int


def numbered(batches: Iterable[Sequence[Sequence[Any]]]) -> Iterator[NumberedRows]:
    """Yield each batch of an input with the row indices of its rows."""
    start = 0
    for rows in batches:
        yield dict(zip(range(start, start + len(rows)), rows, strict=True))
        start += len(rows)


def without_outcome(batches: Iterable[NumberedRows], tally: Tally, *, size: int) -> Iterator[NumberedRows]:
    """Yield the rows that are missing in `tally`, `size` at a time, under the row indices that they have."""
    gathered: dict[int, Sequence[Any]] = {}
    for batch in batches:
        start = next(iter(batch))
        gathered.update((index, batch[index]) for index in tally.missing_rows(start, start + len(batch)))
        while len(gathered) >= size:
            full = dict(islice(gathered.items(), size))
            yield full
            gathered = dict(islice(gathered.items(), size, None))
    if gathered:
        yield gathered


def pack(batches: Iterable[NumberedRows], *, run_id: str, seed_id: str, columns: tuple[str, ...]) -> Iterator[Packed]:
    """Yield messages that carry all rows of `batches`, in order; a batch that does not fit goes in halves.

    Raises:
        ExperimentError: when a row alone is too large for a message.
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
            numbers = count(body.batch)
            waiting += reversed(_halves(rows, len(text)))


def _halves(rows: NumberedRows, size_bytes: int) -> tuple[NumberedRows, NumberedRows]:
    if len(rows) == 1:
        (row_index,) = rows
        raise ExperimentError(
            f"row {row_index:,} of the input (from 0) takes {size_bytes:,} bytes in a message, "
            f"{FILL_BODY_BYTES:,} are allowed",
            hint="keep large values in files, and name the file in the row",
        )
    middle = len(rows) // 2
    return dict(islice(rows.items(), middle)), dict(islice(rows.items(), middle, None))
