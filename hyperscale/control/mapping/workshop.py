"""The workers of one `map_rows`, looked after in a thread: rows go in, ledger lines come out as rows are done.

There is no queue, lease or ledger, as nothing outlives the process that asked; all that concerns workers is as in a
run: the crew, how rows are dealt out, what an attempt is, who is charged with a crash.
"""

from __future__ import annotations

import contextlib
import json
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from hyperscale.body import Body
from hyperscale.control.mapping.mapped import COLUMN
from hyperscale.errors import HyperscaleError
from hyperscale.failures import RetryPolicy
from hyperscale.node.consuming.attempts import Attempts
from hyperscale.node.consuming.crew import LEAVE_SECONDS, Crew
from hyperscale.node.consuming.dealing import deal, shortest_turn_seconds
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.storing.queues import Message

#: The longest time between two looks at clocks (time-outs, delayed rows).
TICK_SECONDS = 0.1


class Printed:
    """What rows printed, until somebody takes it: in place of the logs of a run."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._texts: dict[int, str] = {}

    def add(self, record: str, now: float) -> None:
        """Take the record of a call; what several rows printed together belongs to each of them."""
        del now
        said = json.loads(record)
        for row_index in said.get("row_indices") or [said["row_index"]]:
            self._texts[row_index] = self._texts.get(row_index, "") + said["output"]

    def tend(self, now: float) -> None:
        """Do nothing: it is not written anywhere."""

    def flush(self) -> None:
        """Do nothing: it is not written anywhere."""

    def take(self, row_index: int) -> str:
        """Return what a row printed in all of its attempts, and forget it."""
        return self._texts.pop(row_index, "")


class Workshop:
    """Workers, and the thread that looks after them; every method but `start` may be called from any thread.

    Attributes:
        printed: by rows that are done.
    """

    def __init__(self, settings: WorkerSettings, workers: int, policy: RetryPolicy) -> None:
        """Prepare so many workers, which `start` starts; `policy` says what becomes of rows whose attempts fail."""
        self.printed = Printed()
        self._settings, self._workers = settings, workers
        self._held: dict[str, HeldMessage] = {}
        self._attempts = Attempts(self, policy, consumer=settings.consumer, key=None)
        self._arrived: deque[tuple[int, str]] = deque()
        self._lines: queue.SimpleQueue[list[str] | BaseException] = queue.SimpleQueue()
        self._is_ended = self._is_closed = self._is_waiting = False
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        # A daemon: an interpreter that ends does not wait for rows, its end closes us.
        self._thread = threading.Thread(target=self._work, name="map_rows", daemon=True)

    @property
    def held(self) -> Mapping[str, HeldMessage]:
        """Return the rows that are not done, as messages by id."""
        return self._held

    # ---- called by who has rows

    def start(self) -> None:
        """Start the workers."""
        try:
            self._thread.start()
        except BaseException:  # no more threads are allowed here
            self._close_bell()
            raise

    def put(self, row_index: int, packed: str) -> None:
        """Take one more row."""
        self._arrived.append((row_index, packed))
        if self._is_waiting:
            self._ring()

    def end(self) -> None:
        """Note that no more rows come."""
        self._is_ended = True
        self._ring()

    def lines(self, *, wait: bool) -> list[str]:
        """Return the ledger lines of rows that are done since the last time; `wait` for one of them.

        Raises:
            HyperscaleError: when no worker can start.
        """
        try:
            said = self._lines.get(block=wait)
        except queue.Empty:
            return []
        if isinstance(said, BaseException):
            self._lines.put(said)  # who asks again hears it again
            raise said
        return said

    def close(self) -> None:
        """End the workers: those without a row tear down, those on a row are killed."""
        self._is_closed = True
        self._ring()
        if self._thread is not threading.current_thread():
            # Not for ever: the garbage collector may have called us inside of whatever our thread waits for.
            self._thread.join(LEAVE_SECONDS + 5.0)

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # it is closed already
            self._button.send(b"!")

    def _close_bell(self) -> None:
        self._bell.close()
        self._button.close()

    # ---- in the thread

    def _work(self) -> None:
        settings = self._settings
        try:
            crew = Crew(settings, self._workers, self.printed, time.monotonic())
            try:
                crew.selector.register(self._bell, selectors.EVENT_READ)
                while not self._is_closed:
                    self._turn(crew)
                    if crew.broken:
                        raise HyperscaleError(
                            crew.broken, hint="what it imports and sets up must work in a new process"
                        )
                crew.stop()
            finally:
                crew.kill()
        except BaseException as error:
            self._lines.put(error)
        finally:
            self._close_bell()

    def _turn(self, crew: Crew) -> None:
        now = time.monotonic()
        for event in crew.tend(now, time.time()):
            self._attempts.note(event, now)
        self._hold_arrived()
        deal(crew, self._held.values(), self._settings, now, queue_is_empty=True)
        self._let_go(now)
        self._is_waiting = True
        crew.selector.select(0.0 if self._count_to_hold() else TICK_SECONDS)
        self._is_waiting = False
        time.sleep(max(0.0, now + shortest_turn_seconds(crew) - time.monotonic()))
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)

    def _hold_arrived(self) -> None:
        """Hold the rows that have arrived as one message."""
        arrived = [self._arrived.popleft() for _ in range(self._count_to_hold())]
        if arrived:
            rows = {row_index: (packed,) for row_index, packed in arrived}
            name = str(next(iter(rows)))
            body = Body(run_id=self._settings.run_id, seed_id="", batch=0, columns=(COLUMN,), rows=rows, deliveries=1)
            self._held[name] = HeldMessage(Message(name, "", "", deliveries=1), body, renew_at=float("inf"))

    def _count_to_hold(self) -> int:
        """Return how many rows that have arrived need not wait for others: calls of several rows are to be full."""
        is_ended = self._is_ended  # asked first: what arrived before is there then
        count = len(self._arrived)
        return count if is_ended else count - count % self._settings.rows_per_call

    def _let_go(self, now: float) -> None:
        """Pass on what is done."""
        for name, message in list(self._held.items()):
            message.wake(now)
            if message.outcomes:
                lines = message.outcomes[:]
                message.forget_outcomes(len(lines))
                self._lines.put(lines)
            if message.is_finished:
                del self._held[name]

    def keep_files(self, folder: Path, name: str, then: Callable[[str | None], None]) -> None:
        """Let a row that kept files be finished; the activity of `map_rows` lets none come so far."""
        del folder, name
        then(None)
