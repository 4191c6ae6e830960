"""Finds rows whose key has the text of an earlier row's, in memory that does not grow with the input."""

from __future__ import annotations

import heapq
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.rows import Rows
from hyperscale.row_key import key_text

_BUCKETS = 64
#: A bucket moves from memory to disk beyond this size.
_BUCKET_BYTES = 256 * 1024
_BATCH_ROWS = 2_000
_MAX_REPEATS = 20
_MAX_SHOWN = 60


class KeyIndex:
    """The texts of keys in the order of the input, as hashes in buckets that spill to disk.

    Equal texts meet in one bucket, so that one bucket at a time has to be in memory. Of 64 bits, two different texts
    of ten million share a hash with a chance of 1 in 300,000: `repeat_problems` compares the texts themselves. (The
    hashes of numbers would not do: those of -1 and -2 are the same.)
    """

    def __init__(self) -> None:
        """Make the buckets."""
        self._stack = ExitStack()
        self._buckets: list[IO[bytes]] = [
            self._stack.enter_context(tempfile.SpooledTemporaryFile(_BUCKET_BYTES))  # noqa: SIM115 the stack closes it
            for _ in range(_BUCKETS)
        ]
        self._count = 0

    def __enter__(self) -> KeyIndex:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def add(self, keys: Iterable[Any]) -> None:
        """Append the keys of the next rows, whatever values they are."""
        pairs = [array("q") for _ in range(_BUCKETS)]
        for number, key in enumerate(keys, start=self._count):
            hashed = hash(key_text(key))
            pairs[hashed % _BUCKETS].extend((hashed, number))
            self._count = number + 1
        for bucket, added in zip(self._buckets, pairs, strict=True):
            bucket.write(added.tobytes())

    def duplicates(self, most: int) -> tuple[int, list[tuple[int, int]]]:
        """Return how many rows repeat a key, and the first `most` of them with the row they repeat."""
        count = 0
        first: list[tuple[int, int]] = []
        for bucket in self._buckets:
            found = list(_repeats(bucket))
            count += len(found)
            first = heapq.nsmallest(most, [*first, *found])
        return count, first


def _repeats(bucket: IO[bytes]) -> Iterable[tuple[int, int]]:
    bucket.seek(0)
    pairs = array("q", bucket.read())
    seen: dict[int, int] = {}
    for position in range(0, len(pairs), 2):
        hashed, number = pairs[position], pairs[position + 1]
        earlier = seen.setdefault(hashed, number)
        if earlier != number:
            yield number, earlier


def batches_of_unique_keys(rows: Rows, source: Input, size: int) -> Iterator[list[list[Any]]]:
    """Yield the rows of `source` like `Rows.batches`; an input that `input.rows` describes was never read before.

    Raises:
        ExperimentError: behind the last row, when rows have one key: they would write into one folder of outputs.
    """
    if source.key is None or source.form == "sweep":  # a sweep knows that without its rows
        yield from rows.batches(size)
        return
    column = rows.columns.index(source.key)
    with KeyIndex() as keys:
        for batch in rows.batches(size):
            keys.add([row[column] for row in batch])
            yield batch
        problems = list(repeat_problems(rows, source.key, keys.duplicates(_MAX_REPEATS)[1], source.place))
    if problems:
        # Where a heartbeat is all that people see of a seed, they see this line alone.
        raise ExperimentError(str(problems[0]), problems=problems, hint="`hyperscale validate` finds all bad rows")


def repeat_problems(rows: Rows, key: str, repeats: Sequence[tuple[int, int]], file: str) -> Iterator[Problem]:
    """Yield a problem for each (row, earlier row) whose keys indeed have one text; reads the input again to see them.

    Args:
        rows: whose keys were added.
        key: the column that holds them.
        repeats: as `KeyIndex.duplicates` returns them.
        file: what messages call the input.
    """
    column = rows.columns.index(key)
    wanted = {number for pair in repeats for number in pair}
    found: dict[int, tuple[Any, int]] = {}
    start = 0
    for batch in rows.checked_batches(_BATCH_ROWS, lambda _: None) if wanted else ():
        for number in wanted.intersection(range(start, start + len(batch.rows))):
            found[number] = (batch.rows[number - start][column], batch.lines[number - start])
        start += len(batch.rows)
        if len(found) == len(wanted):
            break
    for number, earlier in repeats:
        (value, line), (other, other_line) = found[number], found[earlier]
        if key_text(value) == key_text(other):
            where = f"line {other_line}" if other_line else f"row {earlier:,} (from 0)"
            message = same_key(value, other, where)
            yield Problem(file, line, 0, key, message if line else f"row {number:,} (from 0): {message}")


def same_key(value: Any, other: Any, where: str) -> str:
    """Return that the key `value` is that of an earlier row too; `other` is how it stands there, `where` is there."""
    message = f"{_shown(value)} is the key of {where} too"
    if type(value) is type(other):
        return message
    return f"{message}: it is {_shown(other)} there, and the text of both is {_shown(key_text(value))}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
