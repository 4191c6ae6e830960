"""What a consumer and its workers say to each other, over pipes that the user's prints cannot reach.

Consumer to worker: a length and JSON. Worker to consumer: lines, each a letter and JSON. A worker writes the line of
a row the moment the row is done, in the order it was given: when it dies, the first row without a line is the one
it was on. With `activity.concurrency` above 1 lines come in any order, and the letter is followed by the number of the
row (counted over all rows that the worker was given) and a colon; rows begin in the order they were given.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.node.working.plain_json import decode

READY = "R"
BROKEN = "B"
SUCCEEDED = "S"
#: Succeeded, and it kept files in its outputs folder.
SUCCEEDED_WITH_FILES = "O"
FAILED = "F"
#: A call of several rows failed as a whole: nobody is charged, each row is repeated alone.
CALL_FAILED = "C"
#: What the next rows to be answered have printed: a line of `logs/`.
PRINTED = "P"
#: The kinds of lines that belong to rows.
OF_ROWS = (SUCCEEDED, SUCCEEDED_WITH_FILES, FAILED, CALL_FAILED, PRINTED)
#: The worker ends and makes room for a new one; no row is charged with that.
UNFIT = "U"
#: The order to leave, as its field `order`.
STOP = "stop"
#: A worker whose pipe, or whose copies of other descriptors, the activity has closed ends with this code.
LOST_PIPE_CODE = 74
#: The end of a worker that makes room for a new one; no row is charged.
UNFIT_CODE = 75
#: No line is longer: a result has its limit, and what was printed too.
MAX_LINE_BYTES = 8 * 1024 * 1024
#: What anybody may let a pipe of Linux hold (/proc/sys/fs/pipe-max-size); 64 KiB are 3 ms of quick rows.
PIPE_BYTES = 1024 * 1024

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Order:
    """Rows of one message for a worker, in the order in which it works and answers.

    Attributes:
        row_indices: which rows.
        rows: their values, by column.
        attempts: failed attempts so far, row_index to count, of the rows that have any.
        rows_per_call: so many rows make one call of the activity; the last call has what is left.
    """

    row_indices: Sequence[int]
    rows: Sequence[Sequence[Any]]
    attempts: dict[int, int]
    rows_per_call: int


def widen(pipe: int) -> None:
    """Let a pipe hold more, where that is allowed: its user may have no more such pages left."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def pack_document(document: dict[str, Any]) -> bytes:
    """Return a frame for a worker."""
    data = json.dumps(document, separators=(",", ":")).encode()
    return _LENGTH.pack(len(data)) + data


def pack_order(order: Order, columns: Sequence[str]) -> bytes:
    """Return the frame that hands rows to a worker."""
    return pack_document(
        {
            "columns": columns,
            "row_indices": order.row_indices,
            "rows": order.rows,
            "attempts": order.attempts,
            "rows_per_call": order.rows_per_call,
        }
    )


def read_document(read: Callable[[int], bytes]) -> dict[str, Any]:
    """Return the next frame for a worker; `read(n)` gives up to n bytes, none at the end.

    Raises:
        EOFError: when the consumer has closed the pipe.
    """
    (length,) = _LENGTH.unpack(_read_exactly(read, _LENGTH.size))
    document: dict[str, Any] = decode(_read_exactly(read, length).decode())
    return document


def _read_exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = read(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def pack_line(kind: str, text: str) -> bytes:
    """Return a line for the consumer; `text` is JSON, so it has no line break, and is ASCII."""
    return f"{kind}{text}\n".encode("ascii")


class LineBuffer:
    """Cuts what a worker wrote, read in pieces of any length, into lines."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._rest: list[bytes] = []
        self._rest_bytes = 0

    @property
    def is_flooded(self) -> bool:
        """Whether what was read last is longer than any line."""
        return self._rest_bytes > MAX_LINE_BYTES

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are whole now; the rest waits for more."""
        head, line_break, rest = data.rpartition(b"\n")
        if not line_break:
            self._rest.append(data)
            self._rest_bytes += len(data)
            return []
        whole = b"".join([*self._rest, head])
        self._rest, self._rest_bytes = [rest], len(rest)
        return whole.decode("ascii", "replace").split("\n")
