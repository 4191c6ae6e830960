"""Storage whose every request a test can stop at: kill, freeze, lose the answer, copy the request, or act in between.

The queue and the store behind it are real. One `Line` stands for the way of one process to its storage: what is
done to it happens between two requests, never by luck.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hyperscale import blobs
from hyperscale.node.storing.queues import Message, Queue
from hyperscale.node.storing.stores import Scalar, Store

T = TypeVar("T")
Act = Callable[[], object]
#: A kind of requests: all that change something, a receive that brings nothing not among them. A kill before a
#: request that only looks finds what a kill after the last change finds.
CHANGE = "change"
_LOOKS = frozenset({"depth", "read", "names", "beats"})
#: A thread that waits longer for a thaw hangs: the test is wrong.
THAW_SECONDS = 60.0
#: What the requests of a store that write are called, by the folder of their name.
_KINDS = {
    blobs.LEDGER: "part",
    blobs.SEALS: "seal",
    blobs.CONTROL: "marker",
    blobs.CONSUMERS: "beat",
    blobs.CHECKPOINTS: "checkpoint",
}


class Killed(BaseException):
    """Stands for kill -9: nothing in the program may catch it and go on."""


class Line:
    """The line between one process and its storage.

    Attributes:
        log: the kind of each request, in order: create, put, receive, renew, release, delete, depth, remove of a
            queue; part, seal, marker, beat, checkpoint, seed.json, file, read, names of a store.
        copies: requests that the network holds back, to be delivered when a test calls them.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.copies: list[Act] = []
        self.frozen = threading.Event()
        self._counts: Counter[str] = Counter()
        self._acts: dict[tuple[str, str, int], list[Act]] = defaultdict(list)
        self._lost: set[tuple[str, int]] = set()
        self._copied: set[tuple[str, int]] = set()
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self.dead = False

    # ---- what a test asks for

    def before(self, kind: str, act: Act, number: int = 1) -> None:
        """Call `act` before the `number`-th request of a kind other than CHANGE."""
        self._acts["before", kind, number].append(act)

    def after(self, kind: str, act: Act, number: int = 1) -> None:
        """Call `act` after the `number`-th request of a kind was carried out, before its answer arrives."""
        self._acts["after", kind, number].append(act)

    def lose_answer(self, kind: str, number: int = 1) -> None:
        """Carry out that request, lose its answer, and repeat it, as a client does that hears nothing (rule 12)."""
        self._lost.add((kind, number))

    def copy(self, kind: str, number: int = 1) -> None:
        """Keep a copy of that request in `copies`: the network may deliver it later."""
        self._copied.add((kind, number))

    @property
    def changes(self) -> int:
        """Return how many requests have changed something."""
        return self._counts[CHANGE]

    def kill(self) -> None:
        """Let nothing through any more: whoever asks ends."""
        self.dead = True
        self._open.set()

    def freeze(self) -> None:
        """Hold all requests until `thaw`, as SIGSTOP does."""
        self._open.clear()
        self.frozen.set()

    def thaw(self) -> None:
        self._open.set()

    # ---- what the storage asks for

    def carry_out(self, kind: str, request: Callable[[], T]) -> T:
        self._pass()
        number = self._number(kind)
        self.log.append(kind)
        self._act("before", kind, number)
        if (kind, number) in self._copied:
            self.copies.append(request)
        if (kind, number) in self._lost:
            request()
        answer = request()
        self._act("after", kind, number)
        if kind not in _LOOKS and answer != []:
            self._act("after", CHANGE, self._number(CHANGE))
        return answer

    def _number(self, kind: str) -> int:
        with self._lock:
            self._counts[kind] += 1
            return self._counts[kind]

    def _act(self, moment: str, kind: str, number: int) -> None:
        for act in self._acts.pop((moment, kind, number), ()):
            act()
        self._pass()

    def _pass(self) -> None:
        assert self._open.wait(THAW_SECONDS), "nobody has thawed the line"
        if self.dead:
            raise Killed


class HookedQueue(Queue):
    """A queue behind a line."""

    def __init__(self, queue: Queue, line: Line) -> None:
        self._queue, self._line = queue, line
        self.poll_seconds = queue.poll_seconds

    def create(self) -> None:
        self._line.carry_out("create", self._queue.create)

    def put(self, body: str) -> None:
        self._line.carry_out("put", lambda: self._queue.put(body))

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        return self._line.carry_out("receive", lambda: self._queue.receive(count, lease_seconds))

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        kind = "renew" if lease_seconds else "release"
        return self._line.carry_out(kind, lambda: self._queue.update(message_id, receipt, body, lease_seconds))

    def delete(self, message_id: str, receipt: str) -> None:
        self._line.carry_out("delete", lambda: self._queue.delete(message_id, receipt))

    def depth(self) -> int:
        return self._line.carry_out("depth", self._queue.depth)

    def remove(self) -> None:
        self._line.carry_out("remove", self._queue.remove)

    def close(self) -> None:
        self._queue.close()


class HookedStore(Store):
    """A store behind a line."""

    def __init__(self, store: Store, line: Line, ahead: Callable[[], float] = lambda: 0.0) -> None:
        """Put `line` before `store`, whose clock is `ahead` seconds behind the run's."""
        self._store, self._line, self._ahead = store, line, ahead
        self.poll_seconds = store.poll_seconds

    def create(self, name: str, data: bytes) -> bool:
        kind = _KINDS.get(name.partition("/")[0] + "/", name)
        return self._line.carry_out(kind, lambda: self._store.create(name, data))

    def read(self, name: str) -> bytes:
        return self._line.carry_out("read", lambda: self._store.read(name))

    def names(self, prefix: str) -> list[str]:
        return self._line.carry_out("names", lambda: self._store.names(prefix))

    def upload(self, name: str, path: Path) -> None:
        self._line.carry_out("file", lambda: self._store.upload(name, path))

    def download(self, name: str, path: Path) -> None:
        self._line.carry_out("download", lambda: self._store.download(name, path))

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._line.carry_out("beat", lambda: self._store.beat(name, fields))

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Any]]]:
        return self._line.carry_out("beats", lambda: iter(self._beats(prefix)))

    def _beats(self, prefix: str) -> list[tuple[str, float, dict[str, Any]]]:
        return [(name, age + self._ahead(), fields) for name, age, fields in self._store.beats(prefix)]

    def now(self) -> float:
        return self._store.now() + self._ahead()

    def remove(self) -> None:
        self._line.carry_out("remove", self._store.remove)

    def close(self) -> None:
        self._store.close()
