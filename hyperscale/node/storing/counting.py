"""Counts the storage requests that a process makes, by what they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

from hyperscale import blobs
from hyperscale.node.storing.queues import Message, Queue
from hyperscale.node.storing.stores import Scalar, Store

_KIND_OF_FOLDER = {blobs.LEDGER: "ledger", blobs.LOGS: "logs", blobs.CONSUMERS: "heartbeat"}


class RequestCounts:
    """How many storage requests one process has made of each kind; several threads may add to it."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, kind: str) -> None:
        """Count one request."""
        with self._lock:
            self._counts[kind] += 1

    def as_fields(self) -> dict[str, int]:
        """Return `requests.<kind>` and count, of the kinds that were seen: what a heartbeat holds."""
        with self._lock:
            return {f"requests.{kind}": count for kind, count in sorted(self._counts.items())}


class CountingQueue(Queue):
    """A queue that counts each request before it passes it on.

    A receive that brings many messages is one request, as it is in Azure.
    """

    def __init__(self, queue: Queue, kind: str, counts: RequestCounts) -> None:
        """Count the requests to `queue` under `kind`: seed, consume or teardown."""
        self._queue = queue
        self._kind = kind
        self._counts = counts
        self.poll_seconds = queue.poll_seconds

    def create(self) -> None:
        self._counts.add(self._kind)
        self._queue.create()

    def put(self, body: str) -> None:
        self._counts.add(self._kind)
        self._queue.put(body)

    def put_all(self, bodies: Sequence[str]) -> None:
        for _ in bodies:
            self._counts.add(self._kind)
        self._queue.put_all(bodies)

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        self._counts.add(self._kind)
        return self._queue.receive(count, lease_seconds)

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        self._counts.add(self._kind)
        return self._queue.update(message_id, receipt, body, lease_seconds)

    def delete(self, message_id: str, receipt: str) -> None:
        self._counts.add(self._kind)
        self._queue.delete(message_id, receipt)

    def depth(self) -> int:
        self._counts.add(self._kind)
        return self._queue.depth()

    def remove(self) -> None:
        self._counts.add(self._kind)
        self._queue.remove()

    def close(self) -> None:
        self._queue.close()


class CountingStore(Store):
    """A store that counts each request before it passes it on: by the folder of its name, else by process."""

    def __init__(self, store: Store, kind: str, counts: RequestCounts) -> None:
        """Count requests outside ledger/, logs/ and consumers/ under `kind`: seed, consume or teardown."""
        self._store = store
        self.poll_seconds = store.poll_seconds
        self._kind = kind
        self._counts = counts

    def create(self, name: str, data: bytes) -> bool:
        self._count(name)
        return self._store.create(name, data)

    def read(self, name: str) -> bytes:
        self._count(name)
        return self._store.read(name)

    def names(self, prefix: str) -> list[str]:
        self._count(prefix)
        return self._store.names(prefix)

    def upload(self, name: str, path: Path) -> None:
        self._count(name)
        self._store.upload(name, path)

    def download(self, name: str, path: Path) -> None:
        self._count(name)
        self._store.download(name, path)

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._count(name)
        self._store.beat(name, fields)

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Scalar]]]:
        self._count(prefix)
        return self._store.beats(prefix)

    def now(self) -> float:
        return self._store.now()

    def remove(self) -> None:
        self._counts.add(self._kind)
        self._store.remove()

    def close(self) -> None:
        self._store.close()

    def _count(self, name: str) -> None:
        folder = name.partition("/")[0] + "/"
        self._counts.add(_KIND_OF_FOLDER.get(folder, self._kind))
