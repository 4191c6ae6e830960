"""What a worker prints, by Python or not, goes to a file of its own; it is cut at each row, head and tail are kept."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from io import TextIOWrapper
from pathlib import Path

from hyperscale.node.working.hidden_values import NOTHING_HIDDEN, HiddenValues

#: So much is kept of the beginning, and of the end, of what a row prints.
KEPT_BYTES = 16 * 1024
#: While a row is still printing, its consumer gives back the disk space between head and tail beyond this.
MAX_BYTES = 8 * 1024 * 1024
_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02  # linux/falloc.h

_lseek, _pread, _write, _format_exc = os.lseek, os.pread, os.write, traceback.format_exc


def open_printed(path: Path) -> int:
    """Return a descriptor of the file `path`, made empty; all that is written to it is appended."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def open_stream(descriptor: int) -> TextIOWrapper:
    """Return a stream to 1 or 2, which stay open when it is closed.

    A line is in the file at once, as a crash loses what is not.
    """
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def print_exception() -> None:
    """Print the exception that is being handled, whatever the activity did to sys.stderr."""
    with contextlib.suppress(OSError):
        _write(2, _format_exc().encode("utf-8", "backslashreplace"))


def excerpt(descriptor: int, start: int = 0, hidden: HiddenValues = NOTHING_HIDDEN) -> str:
    """Return what was printed from `start` on, without hidden values: its head and its tail, if it is long."""
    size = _lseek(descriptor, 0, os.SEEK_END) - start
    if size <= 2 * KEPT_BYTES:
        return hidden.hide(_text(_pread(descriptor, max(size, 0), start)))
    # Where it is cut, a part of a hidden value may stand, which nobody would know again: so much goes as well.
    head = hidden.hide(_text(_pread(descriptor, KEPT_BYTES, start)))
    head = head[: max(len(head) - hidden.longest, 0)]
    return f"{head}\n... {size - 2 * KEPT_BYTES:,} bytes left out ...\n{ending(descriptor, hidden)}"


def ending(descriptor: int, hidden: HiddenValues = NOTHING_HIDDEN) -> str:
    """Return the tail of a file, or all of it if it is short, without hidden values."""
    start = max(_lseek(descriptor, 0, os.SEEK_END) - KEPT_BYTES, 0)
    text = hidden.hide(_text(_pread(descriptor, KEPT_BYTES, start)))
    return text[hidden.longest :] if start else text


def _text(data: bytes) -> str:
    return data.replace(b"\0", b"").decode("utf-8", "replace")


def give_back_middle(descriptor: int, given_back: int) -> int:
    """Give back disk space while a row prints without end; head, tail and size stay.

    Args:
        descriptor: of the file.
        given_back: up to where that was done before: what this returned.
    """
    end = os.fstat(descriptor).st_size
    if end < given_back:  # it was cut since
        given_back = 0
    if end - given_back <= MAX_BYTES:
        return given_back
    end -= end % 4096 + 4 * KEPT_BYTES
    _punch_hole(descriptor, KEPT_BYTES, end - KEPT_BYTES)
    return end


def _punch_hole(descriptor: int, start: int, length: int) -> None:
    """Free a part of a file; where that is not possible the file goes on growing until its row ends."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate64
        fallocate(descriptor, _KEEP_SIZE_AND_PUNCH_HOLE, ctypes.c_longlong(start), ctypes.c_longlong(length))
