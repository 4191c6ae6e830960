"""Which rows of an input a run has when it does not have all of them: those of a retry, or of a trial."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_OUT, _IN = b"\0", b"\1"


class RowSet:
    """Rows by their row_index, one byte for each row of the input up to the last one that is in."""

    def __init__(self, marks: bytes | bytearray) -> None:
        """Take the rows whose byte in `marks` is 1; the others' is 0."""
        self.marks = bytes(marks.rstrip(_OUT))
        self.count = self.marks.count(_IN)

    @classmethod
    def all(cls, rows: int) -> RowSet:
        """Return the set of the rows 0..rows-1."""
        return cls(_IN * rows)

    @classmethod
    def of(cls, indices: Iterable[int]) -> RowSet:
        """Return the set of the rows `indices`, in any order."""
        marks = bytearray()
        for index in indices:
            if index >= len(marks):
                marks.extend(bytes(index + 1 - len(marks)))
            marks[index] = 1
        return cls(bytes(marks))

    def __contains__(self, row_index: int) -> bool:
        """Return whether the run has that row."""
        return 0 <= row_index < len(self.marks) and bool(self.marks[row_index])

    def rows_between(self, start: int, stop: int) -> list[int]:
        """Return the rows of start..stop-1 that are in, in order."""
        return [index for index, mark in enumerate(self.marks[start:stop], start) if mark]

    def without(self, other: RowSet) -> RowSet:
        """Return the rows of this set that are not in `other`."""
        ours, theirs = self._as_numbers(other)
        return RowSet((ours & ~theirs).to_bytes(len(self.marks), "little"))

    def among(self, other: RowSet) -> RowSet:
        """Return the rows of this set that are in `other`, too."""
        ours, theirs = self._as_numbers(other)
        return RowSet((ours & theirs).to_bytes(len(self.marks), "little"))

    def _as_numbers(self, other: RowSet) -> tuple[int, int]:
        # A byte at a time takes a hundred times as long.
        first, second = (marks[: len(self.marks)] for marks in (self.marks, other.marks))
        return int.from_bytes(first, "little"), int.from_bytes(second, "little")

    def encode(self) -> bytes:
        """Return what `decode` takes; a million rows take 150 KiB at most, and mostly less than one."""
        return zlib.compress(self.marks)

    @classmethod
    def decode(cls, data: bytes) -> RowSet:
        """Return the set that `encode` was called on.

        Raises:
            ValueError: when `data` is damaged.
        """
        try:
            marks = zlib.decompress(data)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if marks.translate(None, _OUT + _IN):
            raise ValueError("a byte of a set of rows is neither 0 nor 1")
        return cls(marks)
