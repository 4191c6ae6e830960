"""What a consumer and its workers say to each other, over pipes that the user's prints cannot reach.

Consumer to worker: a length and JSON. Worker to consumer: lines, each a letter and JSON. A worker writes the line of
a row the moment the row is done, in the order it was given: when it dies, the first row without a line is the one
it was on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

READY = "R"
BROKEN = "B"
SUCCEEDED = "S"
#: Succeeded, and it kept files in its outputs folder.
SUCCEEDED_WITH_FILES = "O"
FAILED = "F"
#: A call of several rows failed as a whole: nobody is charged, each row is repeated alone.
CALL_FAILED = "C"

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
    document: dict[str, Any] = json.loads(_read_exactly(read, length))
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

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are whole now; the rest waits for more."""
        head, line_break, rest = data.rpartition(b"\n")
        if not line_break:
            self._rest.append(data)
            return []
        whole = b"".join([*self._rest, head])
        self._rest = [rest]
        return whole.decode("ascii", "replace").split("\n")
