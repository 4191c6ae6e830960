"""Finds rows whose key an earlier row has, in memory that does not grow with the input."""

from __future__ import annotations

import heapq
import tempfile
from array import array
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import IO

_BUCKETS = 64
#: A bucket moves from memory to disk beyond this size.
_BUCKET_BYTES = 256 * 1024


class KeyIndex:
    """The keys of rows in the order of the input, as hashes in buckets that spill to disk.

    Equal keys meet in one bucket, so that one bucket at a time has to be in memory. Of 64 bits, two different
    keys of ten million share a hash with a chance of 1 in 300,000: who reports a duplicate compares the keys.
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

    def add(self, keys: Iterable[object]) -> None:
        """Append the keys of the next rows."""
        pairs = [array("q") for _ in range(_BUCKETS)]
        for number, key in enumerate(keys, start=self._count):
            hashed = hash(key)
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
