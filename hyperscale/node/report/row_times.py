"""Reads from the ledger of a run when and how long its rows were worked on, in one byte of memory a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from hyperscale.ledger import SUCCEEDED, Seal, read_part
from hyperscale.node.collecting.outcome_lines import UnreadableLineError, read_head, read_outcome
from hyperscale.node.storing.read_ahead import read_ahead
from hyperscale.node.storing.stores import Store

#: How `ledger.succeeded_line` and `failed_line` begin; what stands behind it need not be read.
_OUR_LINE = re.compile(
    rb'\{"row_index":(\d{1,18}),"outcome":"(succeeded|failed)","attempts":(\d+),"seconds":([-+.\deE]+),'
    rb'"started_at":([-+.\deE]+),"consumer":"([^"\\]*)","worker":(-?\d+),'
)


class RowTime(NamedTuple):
    """What the ledger says of the attempt that decided a row; `worker` is -1 when no worker had it."""

    row_index: int
    succeeded: bool
    attempts: int
    seconds: float
    started_at: float
    consumer: str
    worker: int


def row_times(store: Store, below: int, seals: Sequence[Seal]) -> Iterator[RowTime]:
    """Yield the attempt that decides each row of a run, by the merge rule (rule 24); parts in the order of seals.

    Args:
        store: of the run.
        below: row indices of the run are below it.
        seals: of the run, oldest first.

    Raises:
        DamagedPartError: when a part is damaged.
        MissingBlobError: when a sealed part is gone.
    """
    decided = bytearray(below)
    for seal in seals:
        with_failures = []
        for name, lines in _parts(store, seal.parts):
            all_succeeded = True
            for found in _row_times(lines, below):
                if not found.succeeded:
                    all_succeeded = False
                elif not decided[found.row_index]:
                    decided[found.row_index] = 1
                    yield found
            if not all_succeeded:
                with_failures.append(name)
        # Of the rows of one seal a success counts, wherever it stands; so the failed ones come after all of those.
        for _, lines in _parts(store, with_failures):
            for found in _row_times(lines, below):
                if not decided[found.row_index]:
                    decided[found.row_index] = 1
                    yield found


def _parts(store: Store, names: Sequence[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the name and the lines of each part, in order."""
    return ((name, read_part(name, data)) for name, data in read_ahead(store, names))


def _row_times(lines: Iterable[bytes], below: int) -> Iterator[RowTime]:
    """Yield what the lines of a part say, but for those that collecting sets aside."""
    for line in lines:
        with suppress(UnreadableLineError):
            if read_head(line)[0] < below:
                yield _row_time(line)


def _row_time(line: bytes) -> RowTime:
    found = _OUR_LINE.match(line)
    if found:
        row_index, outcome, attempts, seconds, started_at, consumer, worker = found.groups()
        return RowTime(
            int(row_index),
            outcome == b"succeeded",
            int(attempts),
            float(seconds),
            float(started_at),
            consumer.decode(),
            int(worker),
        )
    told = read_outcome(line)
    return RowTime(
        told["row_index"],
        told["outcome"] == SUCCEEDED,
        told["attempts"],
        told["seconds"],
        told["started_at"],
        told["consumer"],
        told["worker"],
    )
