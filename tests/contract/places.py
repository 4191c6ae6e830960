"""Where the contract suites run: one place for each adapter. A new adapter is one function and one line here."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
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
        adapter: gives a further handle to it, as another process would have, on a given clock.
        clock: whose time passes in `advance`.
    """

    adapter: Callable[..., Queue]
    clock: Clock = field(default_factory=Clock)
    opened: list[Queue] = field(default_factory=list)

    @property
    def opener(self) -> Callable[[], Queue]:
        """Gives a handle on the machine's clock; can travel to another process."""
        return self.adapter

    def open(self) -> Queue:
        self.opened.append(self.adapter(clock=self.clock))
        return self.opened[-1]

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def close(self) -> None:
        for queue in self.opened:
            queue.close()


@dataclass(frozen=True)
class StorePlace:
    """One store that nothing was written to; like QueuePlace, and a folder for files of the test."""

    adapter: Callable[..., Store]
    folder: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def opener(self) -> Callable[[], Store]:
        return self.adapter

    def open(self) -> Store:
        return self.adapter(clock=self.clock)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)


def sqlite_place(folder: Path, adapter: type[SqliteQueue] = SqliteQueue) -> QueuePlace:
    return QueuePlace(partial(adapter, folder / "ein Lauf #1?" / "queue.sqlite"))


def folder_place(folder: Path, adapter: type[FolderStore] = FolderStore) -> StorePlace:
    return StorePlace(partial(adapter, folder / "ein Lauf #1?"), folder)


def linkless_folder_place(folder: Path) -> StorePlace:
    return StorePlace(partial(FolderStore, folder / "run", link=refuse_to_link), folder)


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
