"""The frames between a consumer and its workers, over pipes that the user's prints cannot reach.

Consumer to worker: a length and JSON. Worker to consumer: a header (kind, length, row_index) and text. A worker
writes the frame of a row the moment the row is done: when it dies, the first row without a frame is the one it was on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

READY = b"R"
BROKEN = b"B"
SUCCEEDED = b"S"
#: Succeeded, and it kept files in its outputs folder.
SUCCEEDED_WITH_FILES = b"O"
FAILED = b"F"
#: A call of several rows failed as a whole: nobody is charged, each row is repeated alone.
CALL_FAILED = b"C"

_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<cIQ")


class Frame(NamedTuple):
    """What a worker says; `row_index` has a meaning in frames of rows alone."""

    kind: bytes
    row_index: int
    content: bytes


class RowToDo(NamedTuple):
    """A row on its way to a worker; `attempt` counts from 1."""

    row_index: int
    attempt: int
    values: list[Any]


@dataclass(frozen=True)
class Calls:
    """Rows for a worker: each call is one call of the activity, its rows in order."""

    columns: tuple[str, ...]
    key: str | None
    calls: list[list[RowToDo]]


def pack_document(document: dict[str, Any]) -> bytes:
    """Return a frame for a worker."""
    data = json.dumps(document, separators=(",", ":")).encode()
    return _LENGTH.pack(len(data)) + data


def pack_calls(calls: Calls) -> bytes:
    """Return the frame that hands rows to a worker."""
    return pack_document({"columns": calls.columns, "key": calls.key, "calls": calls.calls})


def read_exactly(read: Any, count: int) -> bytes:
    """Return `count` bytes from `read(n)`.

    Raises:
        EOFError: when the other end closes first.
    """
    data = b""
    while len(data) < count:
        more = read(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_document(read: Any) -> dict[str, Any]:
    """Return the next frame for a worker; `read(n)` gives up to n bytes, none at the end.

    Raises:
        EOFError: when the consumer has closed the pipe.
    """
    (length,) = _LENGTH.unpack(read_exactly(read, _LENGTH.size))
    document: dict[str, Any] = json.loads(read_exactly(read, length))
    return document


def pack_frame(kind: bytes, row_index: int, text: str) -> bytes:
    """Return a frame for the consumer."""
    content = text.encode("utf-8", "surrogateescape")
    return _HEADER.pack(kind, len(content), row_index) + content


class FrameBuffer:
    """Cuts what a worker wrote, read in pieces of any length, into frames."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._data = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole now; the rest waits for more."""
        data = self._data + data if self._data else data
        at = 0
        while len(data) - at >= _HEADER.size:
            kind, length, row_index = _HEADER.unpack_from(data, at)
            end = at + _HEADER.size + length
            if end > len(data):
                break
            yield Frame(kind, row_index, data[at + _HEADER.size : end])
            at = end
        self._data = data[at:]
