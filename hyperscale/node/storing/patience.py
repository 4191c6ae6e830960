"""Repeats what a storage service did not answer until it does: outages cost time, and no rows (rule 12).

`seconds_until_next` decides; `Patience` carries it out, for a queue as `PatientQueue`, for a store as `PatientStore`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from hyperscale.errors import AzureError
from hyperscale.node.storing.queues import Message, Queue
from hyperscale.node.storing.stores import Scalar, Store
from hyperscale.tempo import at_tempo

T = TypeVar("T")

#: The waits between two tries: this, then twice as long each time, up to the longest.
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 10.0
#: A service that asks for more than this is asked again all the same: its outage may be over.
LONGEST_RETRY_AFTER_SECONDS = 120.0
#: A step that was asked to leave tries for so long to give back what it holds; then the leases run out.
LEAVING_SECONDS = 10.0
#: The SDK's client keeps ten connections.
PUTS_AT_ONCE = 8
#: An outage is told of this often.
TELL_SECONDS = 60.0

logger = logging.getLogger(__name__)


class StorageUnavailableError(AzureError):
    """The service did not answer, or is busy: the same request may pass later; whether this one did is not known."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, hint: str | None = None) -> None:
        """Keep what the service says about when to come back."""
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


def seconds_until_next(
    tries: int, *, retry_after_seconds: float | None, seconds_left: float | None, chance: float
) -> float | None:
    """Return how long to wait before a request is repeated; None: it is not.

    Args:
        tries: how often it was made, from 1.
        retry_after_seconds: what the service asked for, if anything.
        seconds_left: for how long it may go on; None is for ever.
        chance: from 0 to 1: consumers that failed together must not come back together.
    """
    if seconds_left is not None and seconds_left <= 0:
        return None
    longest = min(FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 30), LONGEST_WAIT_SECONDS)
    wait = at_tempo(longest) * (1 + chance) / 2
    if retry_after_seconds is not None:
        # Never sooner than asked, and not all at the same moment.
        wait = max(wait, min(retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS) * (1 + chance / 4))
    return wait if seconds_left is None else min(wait, seconds_left)


def retry_after(text: str | None, now: float | None) -> float | None:
    """Return for how many seconds the header Retry-After, `text`, asks for peace; it holds seconds, or a date.

    Args:
        text: of the header; None when there is none.
        now: Unix seconds, by the clock of the service; None when that is not known.
    """
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
    except ValueError:
        return None


class Patience:
    """How long the requests of one process are repeated; several threads may use it at once."""

    def __init__(
        self,
        *,
        limit_seconds: float | None = None,
        leaving: Callable[[], bool] = lambda: False,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Repeat for ever, unless one of the arguments says otherwise.

        Args:
            limit_seconds: for how long; None is for ever.
            leaving: whether the process was asked to end.
            wait: waits so many seconds, or less when the process is asked to end meanwhile.
            clock: monotonic seconds.
            chance: numbers from 0 to 1.
        """
        self._limit_seconds = limit_seconds
        self._leaving, self._wait, self._clock, self._chance = leaving, wait, clock, chance
        self._leaving_since: float | None = None
        self._lock = threading.Lock()
        self._tell_at = float("-inf")

    @classmethod
    def until(cls, stop: threading.Event) -> Patience:
        """Return the patience of a step: for ever, until `stop` is set."""

        def wait(seconds: float) -> None:
            if stop.is_set():
                time.sleep(seconds)
            else:
                stop.wait(seconds)

        return cls(leaving=stop.is_set, wait=wait)

    def ask(self, request: Callable[[], T]) -> T:
        """Return the answer of `request`, which is repeated as long as the service does not give one.

        Raises:
            StorageUnavailableError: when the time is up.
        """
        began_at, tries = self._clock(), 0
        while True:
            try:
                return request()
            except StorageUnavailableError as error:
                unanswered = error
            tries += 1
            now = self._clock()
            wait = seconds_until_next(
                tries,
                retry_after_seconds=unanswered.retry_after_seconds,
                seconds_left=self._seconds_left(began_at, now),
                chance=self._chance(),
            )
            if wait is None:
                raise unanswered
            self._tell(unanswered, tries, now - began_at, now)
            self._wait(wait)

    def _seconds_left(self, began_at: float, now: float) -> float | None:
        if self._leaving():
            self._leaving_since = now if self._leaving_since is None else self._leaving_since
            return self._leaving_since + LEAVING_SECONDS - now
        return None if self._limit_seconds is None else began_at + self._limit_seconds - now

    def _tell(self, error: StorageUnavailableError, tries: int, seconds: float, now: float) -> None:
        with self._lock:
            if now < self._tell_at:
                return
            self._tell_at = now + TELL_SECONDS
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - seconds))
        hint = f" (hint: {error.hint})" if error.hint else ""
        logger.warning("%s%s; tries since %s: %d; it is repeated", error, hint, since, tries)


class PatientQueue(Queue):
    """A queue whose requests are repeated until they are answered: a put may then be there twice (protocol 2)."""

    def __init__(self, queue: Queue, patience: Patience) -> None:
        """Ask `queue` with `patience`."""
        self._queue, self._ask = queue, patience.ask
        self.poll_seconds = queue.poll_seconds

    def create(self) -> None:
        self._ask(self._queue.create)

    def put(self, body: str) -> None:
        self._ask(lambda: self._queue.put(body))

    def put_all(self, bodies: Sequence[str]) -> None:
        with ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="put") as threads:
            list(threads.map(self.put, bodies))

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        return self._ask(lambda: self._queue.receive(count, lease_seconds))

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        return self._ask(lambda: self._queue.update(message_id, receipt, body, lease_seconds))

    def delete(self, message_id: str, receipt: str) -> None:
        self._ask(lambda: self._queue.delete(message_id, receipt))

    def depth(self) -> int:
        return self._ask(self._queue.depth)

    def remove(self) -> None:
        self._ask(self._queue.remove)

    def close(self) -> None:
        self._queue.close()


class PatientStore(Store):
    """A store whose requests are repeated until they are answered.

    A `create` whose answer was lost then finds its own blob, and returns False: parts and seals reckon with that.
    """

    def __init__(self, store: Store, patience: Patience) -> None:
        """Ask `store` with `patience`."""
        self._store, self._ask = store, patience.ask
        self.poll_seconds = store.poll_seconds

    def create(self, name: str, data: bytes) -> bool:
        return self._ask(lambda: self._store.create(name, data))

    def read(self, name: str) -> bytes:
        return self._ask(lambda: self._store.read(name))

    def names(self, prefix: str) -> list[str]:
        return self._ask(lambda: self._store.names(prefix))

    def upload(self, name: str, path: Path) -> None:
        self._ask(lambda: self._store.upload(name, path))

    def download(self, name: str, path: Path) -> None:
        self._ask(lambda: self._store.download(name, path))

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._ask(lambda: self._store.beat(name, fields))

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Scalar]]]:
        return iter(self._ask(lambda: list(self._store.beats(prefix))))

    def now(self) -> float:
        return self._ask(self._store.now)

    def remove(self) -> None:
        self._ask(self._store.remove)

    def close(self) -> None:
        self._store.close()
