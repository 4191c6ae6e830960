"""Sorts the lines of a ledger of any size on disk: into buckets of neighbouring rows, then bucket by bucket.

Memory holds one bucket's positions at a time, and never its contents.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hyperscale.ledger import Line, merge

#: Rows of one bucket; their positions take about 20 MB while they are merged.
ROWS_PER_BUCKET = 65_536
#: Lines wait in memory up to this many bytes, so that no bucket's file has to stay open.
BUFFER_BYTES = 8 * 1024 * 1024


class Spill:
    """The lines of sealed parts on their way to one line a row, in a folder of their own."""

    def __init__(
        self, folder: Path, *, rows_per_bucket: int = ROWS_PER_BUCKET, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        """Start empty; `folder` must exist and be empty."""
        self._folder = folder
        self._rows_per_bucket = rows_per_bucket
        self._buffer_bytes = buffer_bytes
        self._waiting: defaultdict[int, list[bytes]] = defaultdict(list)
        self._waiting_bytes = 0

    def add(self, seal: int, row_index: int, succeeded: bool, line: bytes, *, run: int = 0) -> None:
        """Take in a line of the `run`-th run of a lineage; lines come in the order of `hyperscale.ledger.merge`."""
        entry = b"%d %d %d %d %s\n" % (run, seal, row_index, succeeded, line)
        self._waiting[row_index // self._rows_per_bucket].append(entry)
        self._waiting_bytes += len(entry)
        if self._waiting_bytes >= self._buffer_bytes:
            self._flush()

    def merge(self) -> Iterator[bytes]:
        """Yield the line that decides each row, in order of rows, and keep them for `merged`."""
        self._flush()
        for path in sorted(self._folder.glob("*.bucket")):
            with path.with_suffix(".merged").open("wb") as kept:
                for line in _deciding(path):
                    kept.write(line)
                    yield line
            path.unlink()

    def merged(self) -> Iterator[bytes]:
        """Yield again what `merge` yielded; it must have come to its end."""
        for path in sorted(self._folder.glob("*.merged")):
            with path.open("rb") as lines:
                yield from lines

    def _flush(self) -> None:
        for bucket, entries in self._waiting.items():
            with (self._folder / f"{bucket:012d}.bucket").open("ab") as file:
                file.writelines(entries)
        self._waiting.clear()
        self._waiting_bytes = 0


def _deciding(path: Path) -> Iterator[bytes]:
    """Yield the deciding lines of a bucket, in order of rows (rule 24)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        decided = merge(_positions(content))
        for row_index in sorted(decided):
            start, end = decided[row_index].content
            yield content[start:end]


def _positions(content: mmap.mmap) -> Iterator[Line]:
    """Yield each line of a bucket with where it stands in place of what it says."""
    end = 0
    while entry := content.readline():
        run, seal, row_index, succeeded, line = entry.split(b" ", 4)
        end += len(entry)
        yield Line(int(seal), int(row_index), succeeded == b"1", (end - len(line), end), int(run))
