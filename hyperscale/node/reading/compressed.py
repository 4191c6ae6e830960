"""Opens a file of an input for reading; one whose name ends with .gz or .zst is expanded on the way."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any, cast

_READ_BYTES = 1024 * 1024


def open_bytes(path: Path) -> io.BufferedReader:
    """Return what is in the file at `path`, expanded, as a stream from its beginning to its end.

    Raises:
        OSError: when it cannot be opened; reading raises it, or EOFError, when it is no such archive or cut off.
    """
    if path.suffix == ".gz":
        return io.BufferedReader(cast(io.RawIOBase, gzip.open(path, "rb")), _READ_BYTES)
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstandard(path), _READ_BYTES)
    return path.open("rb")


class _Zstandard(io.RawIOBase):
    """The stream of a .zst file by Arrow: the standard library reads these from Python 3.14 on only."""

    def __init__(self, path: Path) -> None:
        import pyarrow

        self._stream: Any = pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._stream.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        super().close()
