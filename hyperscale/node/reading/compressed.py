"""Opens a file of an input for reading; one whose name ends with .gz or .zst is expanded on the way."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

_READ_BYTES = 1024 * 1024


class BrokenArchiveError(OSError):
    """A compressed file cannot be expanded, or not to its end."""


def open_bytes(path: Path) -> io.BufferedReader:
    """Return what is in the file at `path`, expanded, as a stream from its beginning to its end.

    Raises:
        OSError: when it cannot be opened; reading raises it, too, and BrokenArchiveError when it is no such archive
            or cut off.
    """
    if path.suffix == ".gz":
        return io.BufferedReader(_Archive(gzip.open(path, "rb"), "gzip"), _READ_BYTES)
    if path.suffix == ".zst":
        return io.BufferedReader(_Archive(_zstandard(path), "zstd"), _READ_BYTES)
    return path.open("rb")


def why_unreadable(error: OSError) -> str:
    """Return what reading an opened file came upon, for a message."""
    return f"cannot be read further: {error.strerror or error}"


def _zstandard(path: Path) -> Any:
    # By Arrow: the standard library reads these from Python 3.14 on only.
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")


class _Archive(io.RawIOBase):
    """The stream of an archive, whose libraries have a word of their own for each way in which it can be broken."""

    def __init__(self, stream: Any, form: str) -> None:
        self._stream, self._form = stream, form

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            if getattr(error, "errno", None):
                raise  # the disk's, not the archive's
            raise BrokenArchiveError(f"it is cut off, or no {self._form} archive") from error
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        super().close()
