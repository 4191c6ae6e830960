"""Where a run of the protocol's tests lies: on this machine, or on Azurite. Leases end in both when a test says so."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import RLock
from typing import Protocol
from uuid import uuid4

import pytest
from azure.storage.queue import QueueClient
from azurite import Azurite

from hyperscale.body import Body
from hyperscale.node.storing.credentials import CONNECTION_STRING
from hyperscale.node.storing.queues import LeaseLostError, Message, Queue, QueueGoneError, open_queue
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores import Store, open_store
from hyperscale.node.storing.stores.folder import FolderStore

#: What the tests of the protocol run on. The rules are the same on both; what differs is held by the contract suite.
RUN_PLACES = ("this machine", pytest.param("Azurite", marks=pytest.mark.long))
#: How often these queues are looked at: a look is free in tests.
POLL_SECONDS = 0.05


class RunPlace(Protocol):
    """Queue and store of one run.

    Attributes:
        run_id: names the run.
        ahead: by how much the store's clock is behind the run's; seconds.
    """

    run_id: str
    queue: Queue
    store: Store

    def ahead(self) -> float: ...

    def beside(self, clock: Callable[[], float]) -> RunPlace:
        """Return the place of another run, beside this one and on its own clock."""

    def open_run(self, run_id: str) -> Store:
        """Return the store of a run beside this one."""

    def end_leases(self) -> None:
        """Let every lease run out: receipts stay valid until somebody else receives."""

    def steal(self) -> Message:
        """Let the lease of the oldest message run out, and receive it before anybody else can."""

    def bodies(self) -> list[Body]:
        """Return the bodies in the queue, whoever holds them; none when it is gone."""


class OnThisMachine(RunPlace):
    """The embedded queue, and a folder."""

    def __init__(self, folder: Path, clock: Callable[[], float], run_id: str = "run") -> None:
        self.run_id = run_id
        self._folder, self._clock = folder, clock
        self._file = folder / run_id / "queue.sqlite"
        self.queue: SqliteQueue = SqliteQueue(self._file)
        self.store = FolderStore(folder / run_id, clock=clock)

    def ahead(self) -> float:
        return 0.0

    def beside(self, clock: Callable[[], float]) -> OnThisMachine:
        return OnThisMachine(self._folder, clock, f"run-{uuid4().hex}")

    def open_run(self, run_id: str) -> FolderStore:
        return FolderStore(self._folder / run_id, clock=self._clock)

    def end_leases(self) -> None:
        with suppress(QueueGoneError):
            self.queue.expire_leases()

    def steal(self) -> Message:
        with closing(sqlite3.connect(self._file, isolation_level=None)) as database:
            # In one step: a consumer that looks for messages must not be faster than the thief.
            (found,) = database.execute(
                "UPDATE messages SET visible_at = ?, receipt = receipt + 1, deliveries = deliveries + 1"
                " WHERE number = (SELECT min(number) FROM messages) RETURNING id, receipt, body, deliveries",
                (time.time() + 3600,),
            ).fetchall()
        return Message(found[0], str(found[1]), found[2], found[3])

    def bodies(self) -> list[Body]:
        if not self._file.exists():
            return []
        with closing(sqlite3.connect(self._file)) as database:
            return [Body.decode(text) for (text,) in database.execute("select body from messages order by number")]


class OnAzurite(RunPlace):
    """Azurite's queues and blobs, whose clock is the machine's."""

    def __init__(self, azurite: Azurite, clock: Callable[[], float]) -> None:
        self.run_id = f"run-{uuid4().hex}"
        self._azurite, self._clock = azurite, clock
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CONNECTION_STRING, azurite.connection_string)
            self.queue: EndableLeases = EndableLeases(open_queue(azurite.queue_url, self.run_id))
        self.store = self.open_run(self.run_id)
        self._eye = QueueClient.from_connection_string(azurite.connection_string, self.run_id)

    def ahead(self) -> float:
        return self._clock() - time.time()

    def beside(self, clock: Callable[[], float]) -> OnAzurite:
        return OnAzurite(self._azurite, clock)

    def open_run(self, run_id: str) -> Store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CONNECTION_STRING, self._azurite.connection_string)
            return open_store(f"{self._azurite.blob_url}/runs", run_id)

    def end_leases(self) -> None:
        self.queue.end_leases()

    def steal(self) -> Message:
        return self.queue.steal()

    def bodies(self) -> list[Body]:
        try:
            self.queue.depth()
        except QueueGoneError:
            return []
        with self.queue.lock:
            texts = {message.id: message.content for message in self._eye.peek_messages(32)}
            texts.update({message.id: message.body for message in self.queue.leased.values()})
        return sorted(map(Body.decode, texts.values()), key=lambda body: body.batch)


class EndableLeases(Queue):
    """A queue whose leases a test can end at once; the service itself ends them with time alone.

    The lease is ended by an update with its owner's receipt. That gives a new receipt, and the owner's stands for it
    from then on: it is valid until somebody else receives the message, as after a lease that ran out.

    Attributes:
        leased: the messages under a lease by id, as the service has answered last.
        lock: held while a request is under way.
    """

    poll_seconds = POLL_SECONDS

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.leased: dict[str, Message] = {}
        self.lock = RLock()
        self._newer: dict[str, str] = {}

    def create(self) -> None:
        self._queue.create()

    def put(self, body: str) -> None:
        self._queue.put(body)

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        with self.lock:
            messages = self._queue.receive(count, lease_seconds)
            self.leased.update({message.id: message for message in messages})
            return messages

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        with self.lock:
            new = self._queue.update(message_id, self._newer.get(receipt, receipt), body, lease_seconds)
            if lease_seconds:
                self.leased[message_id] = Message(message_id, new, body, 1)
            else:
                self.leased.pop(message_id, None)
            return new

    def delete(self, message_id: str, receipt: str) -> None:
        with self.lock:
            self._queue.delete(message_id, self._newer.get(receipt, receipt))
            self.leased.pop(message_id, None)

    def end_leases(self) -> None:
        with self.lock:
            for message in list(self.leased.values()):
                self._end(message)

    def steal(self) -> Message:
        with self.lock:
            self._end(min(self.leased.values(), key=lambda message: Body.decode(message.body).batch))
            (stolen,) = self.receive(1, 3600.0)
            return stolen

    def _end(self, message: Message) -> None:
        with suppress(LeaseLostError, QueueGoneError):
            self._newer[message.receipt] = self.update(message.id, message.receipt, message.body, 0.0)
        self.leased.pop(message.id, None)

    def depth(self) -> int:
        return self._queue.depth()

    def remove(self) -> None:
        with self.lock:
            self._queue.remove()
            self.leased.clear()

    def close(self) -> None:
        self._queue.close()


def make_run_place(request: pytest.FixtureRequest, folder: Path) -> Callable[[Callable[[], float]], RunPlace]:
    """Return what makes the place that `request.param` names, on the clock of the run."""
    if request.param == "Azurite":
        azurite = request.getfixturevalue("azurite")
        return lambda clock: OnAzurite(azurite, clock)
    return lambda clock: OnThisMachine(folder, clock)
