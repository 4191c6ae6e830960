"""The newest state that a row has handed to `context.checkpoint`, in a file between its worker and its consumer.

A file, not a line of the worker: a row may checkpoint in a tight loop, and the consumer looks at the newest state
only when it wants to keep one. It outlives the worker, so the next attempt finds it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hyperscale.node.working.results import decode_stored, encode_state

#: The folder of the files, beside the scratch folders of the workers.
CHECKPOINTS = "checkpoints"


def write_state(scratch: Path, row_index: int, state: Any) -> None:
    """Keep `state` in place of the row's earlier one; `scratch` is the folder of its worker.

    Raises:
        ResultError: when it cannot be stored.
    """
    put_state(scratch.parent, row_index, encode_state(state).encode())


def read_state(scratch: Path, row_index: int) -> Any:
    """Return the newest state of the row, None if it has none; `scratch` is the folder of its worker."""
    data = state_bytes(scratch.parent, row_index)
    return None if data is None else decode_stored(data.decode())


def put_state(folder: Path, row_index: int, data: bytes) -> None:
    """Keep `data` as the row's state; `folder` is the scratch folder of the consumer. Whoever reads sees it whole."""
    path = _path(folder, row_index)
    beside = path.with_name(f".{row_index}-{os.getpid()}-{threading.get_ident()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)  # on a full disk even a part of it is in the way
        raise


def state_bytes(folder: Path, row_index: int) -> bytes | None:
    """Return the row's state as `put_state` got it, None if there is none."""
    try:
        return _path(folder, row_index).read_bytes()
    except FileNotFoundError:
        return None


def rows_with_state(folder: Path) -> Iterator[int]:
    """Yield the rows that have a state in `folder`."""
    try:
        names = os.listdir(folder / CHECKPOINTS)  # noqa: PTH208 - the loop of the consumer looks here
    except FileNotFoundError:
        return
    yield from (int(name) for name in names if name.isdecimal())


def drop_state(folder: Path, row_index: int) -> None:
    """Remove the row's state."""
    _path(folder, row_index).unlink(missing_ok=True)


def _path(folder: Path, row_index: int) -> Path:
    return folder / CHECKPOINTS / str(row_index)
