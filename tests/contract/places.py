"""Where the contract suites run: one place for each adapter. A new adapter is one function and one line here."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from hyperscale.node.storing.credentials import CONNECTION_STRING, Access, access_to
from hyperscale.node.storing.places import AccountPlace, account_place
from hyperscale.node.storing.queues import Queue
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores import Store
from hyperscale.node.storing.stores.folder import FolderStore

if TYPE_CHECKING:
    from azurite import Azurite


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
        lease_seconds: of a lease that a rule lets run out.
        many: messages that keep several processes busy for a while.
    """

    adapter: Callable[..., Queue]
    clock: Clock = field(default_factory=Clock)
    opened: list[Queue] = field(default_factory=list)
    lease_seconds = 60.0
    many = 200

    @property
    def opener(self) -> Callable[[], Queue]:
        """Gives a handle on the machine's clock; can travel to another process."""
        return self.adapter

    def open(self) -> Queue:
        self.opened.append(self.adapter(clock=self.clock))
        return self.opened[-1]

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def let_leases_run_out(self) -> None:
        self.advance(self.lease_seconds + 0.5)

    def close(self) -> None:
        for queue in self.opened:
            queue.close()


class AzuriteQueuePlace(QueuePlace):
    """Its clock cannot be moved: time passes as it does."""

    lease_seconds = 1.0
    many = 40

    def open(self) -> Queue:
        self.opened.append(self.adapter())
        return self.opened[-1]

    def advance(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self.open().remove()  # each message in the account makes Azurite slower
        super().close()


@dataclass(frozen=True)
class StorePlace:
    """One store that nothing was written to; like QueuePlace, and a folder for files of the test.

    Attributes:
        pause_seconds: that make a difference to the age of a heartbeat.
    """

    adapter: Callable[..., Store]
    folder: Path
    clock: Clock = field(default_factory=Clock)
    opened: list[Store] = field(default_factory=list)
    pause_seconds = 10.0

    @property
    def opener(self) -> Callable[[], Store]:
        return self.adapter

    def open(self) -> Store:
        self.opened.append(self.adapter(clock=self.clock))
        return self.opened[-1]

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def close(self) -> None:
        for store in self.opened:
            store.close()


class AzuriteStorePlace(StorePlace):
    """Its clock cannot be moved: time passes as it does."""

    pause_seconds = 1.5

    def open(self) -> Store:
        self.opened.append(self.adapter())
        return self.opened[-1]

    def advance(self, seconds: float) -> None:
        time.sleep(seconds)


def sqlite_place(folder: Path, adapter: type[SqliteQueue] = SqliteQueue) -> QueuePlace:
    return QueuePlace(partial(adapter, folder / "ein Lauf #1?" / "queue.sqlite"))


def folder_place(folder: Path, adapter: type[FolderStore] = FolderStore) -> StorePlace:
    return StorePlace(partial(adapter, folder / "ein Lauf #1?"), folder)


def linkless_folder_place(folder: Path) -> StorePlace:
    return StorePlace(partial(FolderStore, folder / "run", link=refuse_to_link), folder)


def refuse_to_link(source: Path, target: Path) -> None:
    """Answer as a file system without hard links does."""
    raise PermissionError(errno.EPERM, "Operation not permitted", str(source), None, str(target))


def azurite_queue_place(folder: Path, azurite: Azurite) -> QueuePlace:
    return AzuriteQueuePlace(partial(azure_queue, azurite.queue_url, f"run-{uuid4().hex}", secret_of(azurite)))


def azurite_store_place(folder: Path, azurite: Azurite) -> StorePlace:
    # A folder with a blank and more in it: its name has to come back as it went.
    url = f"{azurite.blob_url}/runs/ein%20Ordner/%C3%A4%2B1"
    return AzuriteStorePlace(partial(azure_store, url, f"run-{uuid4().hex}", secret_of(azurite)), folder)


def secret_of(azurite: Azurite) -> str | None:
    """Return the connection string where Azurite talks http; over https it is asked with a token."""
    return None if azurite.authority else azurite.connection_string


def azure_queue(url: str, run_id: str, secret: str | None) -> Queue:
    from hyperscale.node.storing.queues.azure import AzureQueue

    place = account_place(url, "queue")
    return AzureQueue(place, run_id, access(place, secret))


def azure_store(url: str, run_id: str, secret: str | None) -> Store:
    from hyperscale.node.storing.stores.azure import AzureBlobStore

    place = account_place(url, "store")
    return AzureBlobStore(place, run_id, access(place, secret))


def access(place: AccountPlace, secret: str | None) -> Access:
    from azurite.tokens import FakeCredential

    if secret:
        return access_to(place, {CONNECTION_STRING: secret})
    return Access(FakeCredential(), "the tests", "", "")


#: Each adapter, and the fixture that it needs besides a folder.
QUEUES: dict[str, tuple[Callable[..., QueuePlace], str | None]] = {
    "sqlite": (sqlite_place, None),
    "azurite": (azurite_queue_place, "azurite"),
    "azurite with tokens": (azurite_queue_place, "azurite_with_tokens"),
}
STORES: dict[str, tuple[Callable[..., StorePlace], str | None]] = {
    "folder": (folder_place, None),
    "folder without hard links": (linkless_folder_place, None),
    "azurite": (azurite_store_place, "azurite"),
    "azurite with tokens": (azurite_store_place, "azurite_with_tokens"),
}


def places_and_rules(places: Mapping[str, Any], rules: Sequence[Callable[..., None]]) -> list[Any]:
    """Return each place with each rule that it has to keep.

    Over https with tokens, Azurite is the same as without: what costs seconds there is tried once.
    """
    return [
        pytest.param(place, rule, id=f"{place}-{rule.__name__}")
        for place in places
        for rule in rules
        if place != "azurite with tokens" or not takes_seconds(rule)
    ]


def takes_seconds(rule: Callable[..., None]) -> bool:
    """Return whether a rule lets time pass, or starts processes."""
    return not {"advance", "let_leases_run_out", "ProcessPoolExecutor"}.isdisjoint(rule.__code__.co_names)


def made_place(makers: Mapping[str, tuple[Callable[..., Any], str | None]], request: pytest.FixtureRequest) -> Any:
    """Return the place that `request.param` names."""
    make, fixture = makers[request.param]
    folder = request.getfixturevalue("tmp_path")
    if fixture is None:
        return make(folder)
    azurite = request.getfixturevalue(fixture)
    if azurite.authority:
        request.getfixturevalue("monkeypatch").setenv("REQUESTS_CA_BUNDLE", str(azurite.authority))
    return make(folder, azurite)


@contextmanager
def refused(error: type[Exception]):
    """Fail unless the block raises `error`; an AssertionError, so that a broken double fails like an adapter."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected, and nothing was refused")
