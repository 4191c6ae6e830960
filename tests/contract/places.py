"""Where the contract suites run: one place for each adapter. A new adapter is one function and one line here."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hyperscale.node.queues import Queue
from hyperscale.node.queues.sqlite import SqliteQueue
from hyperscale.node.stores import Store
from hyperscale.node.stores.folder import FolderStore


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class QueuePlace:
    """One queue that does not exist yet.

    Attributes:
        open: gives a further handle to it, as another process would have.
        advance: lets so many seconds pass.
        opener: `open` on the machine's clock; it can travel to another process.
    """

    open: Callable[[], Queue]
    advance: Callable[[float], None]
    opener: Callable[[], Queue]


@dataclass(frozen=True)
class StorePlace:
    """One store that nothing was written to; its attributes are those of QueuePlace, and a folder for files."""

    open: Callable[[], Store]
    advance: Callable[[float], None]
    opener: Callable[[], Store]
    folder: Path


def sqlite_place(folder: Path, adapter: type[SqliteQueue] = SqliteQueue) -> QueuePlace:
    clock = Clock()
    path = folder / "ein Lauf #1?" / "queue.sqlite"
    return QueuePlace(partial(adapter, path, clock=clock), clock.advance, partial(adapter, path))


def folder_place(folder: Path, adapter: type[FolderStore] = FolderStore) -> StorePlace:
    clock = Clock()
    path = folder / "ein Lauf #1?"
    return StorePlace(partial(adapter, path, clock=clock), clock.advance, partial(adapter, path), folder)


def linkless_folder_place(folder: Path) -> StorePlace:
    clock = Clock()
    path = folder / "run"
    opener = partial(FolderStore, path, link=refuse_to_link)
    return StorePlace(partial(opener, clock=clock), clock.advance, opener, folder)


def refuse_to_link(source: Path, target: Path) -> None:
    """Answer as a file system without hard links does."""
    raise PermissionError(errno.EPERM, "Operation not permitted", str(source), None, str(target))


QUEUES: dict[str, Callable[[Path], QueuePlace]] = {"sqlite": sqlite_place}
STORES: dict[str, Callable[[Path], StorePlace]] = {
    "folder": folder_place,
    "folder without hard links": linkless_folder_place,
}


@contextmanager
def refused(error: type[Exception]):
    """Fail unless the block raises `error`; an AssertionError, so that a broken double fails like an adapter."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected, and nothing was refused")
