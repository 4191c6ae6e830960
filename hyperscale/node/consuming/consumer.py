"""A consumer: one process on each node that holds messages, hands their rows to workers and commits the outcomes.

Its loop only carries out decisions: `handing` says how much to hand out, `attempts` what becomes of rows that
were answered, `custody` what is asked of queue and ledger, `crew` what happened to workers.
"""

from __future__ import annotations

import logging
import selectors
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hyperscale.failures import RetryPolicy
from hyperscale.log_lines import fields
from hyperscale.node.consuming.attempts import Attempts
from hyperscale.node.consuming.crew import Crew
from hyperscale.node.consuming.custody import Custody
from hyperscale.node.consuming.dealing import deal, shortest_turn_seconds
from hyperscale.node.consuming.handing import rows_to_hand_back, wants_message
from hyperscale.node.consuming.heartbeat import Counts, Heartbeat
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.row_logs import RowLogs
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.storing.background import Background
from hyperscale.node.working.worker_end import worker_memory_mb

#: How long rows in flight may go on when the consumer is told to stop; then they are given back.
STOP_GRACE_SECONDS = 5.0
#: The longest time between two looks at clocks (time-outs, delayed rows, leases).
TICK_SECONDS = 0.1
REQUEST_THREADS = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tools:
    """What a consumer works with, made by its entry point.

    Attributes:
        patience_seconds: for how long it waits for rows, while there are others that wait (compute.idle_seconds).
    """

    custody: Custody
    background: Background
    heartbeat: Heartbeat
    logs: RowLogs
    patience_seconds: float


class Told(NamedTuple):
    """Why a consumer stops before the queue is empty; `flush` sends outcomes to the ledger (rule 26)."""

    reason: str
    flush: bool


class Consumer:
    """One life of a consumer; call `run` once."""

    def __init__(
        self,
        tools: Tools,
        settings: WorkerSettings,
        *,
        workers: int,
        policy: RetryPolicy,
        stop_requested: Callable[[], bool],
    ) -> None:
        """Start the workers.

        Args:
            tools: queue, ledger, heartbeat.
            settings: of each worker.
            workers: how many.
            policy: what becomes of rows whose attempts fail.
            stop_requested: whether the process was asked to leave in good order (SIGTERM).
        """
        self._custody, self._background = tools.custody, tools.background
        self._heartbeat, self._patience_seconds = tools.heartbeat, tools.patience_seconds
        self._settings = settings
        self._stop_requested = stop_requested
        self._crew = Crew(settings, workers, tools.logs, time.monotonic())
        self._crew.selector.register(self._background, selectors.EVENT_READ)
        self._workers = workers
        logs = None if settings.logs == "none" else tools.logs
        self._attempts = Attempts(tools.custody, policy, consumer=settings.consumer, key=settings.key, logs=logs)
        self._idle_since: float | None = None

    def run(self) -> str | None:
        """Work until the queue is empty or somebody says stop.

        Returns:
            None, or why the environment is broken, for people.
        """
        try:
            told = self._work()
            if told:
                self._stop(told)
            self._crew.stop()
            state = "broken" if self._crew.broken else "left"
            self._heartbeat.last(state, self._crew.broken or "", self._counts(idle_workers=0))
            if told:
                shutil.rmtree(self._settings.scratch, ignore_errors=True)
            return self._crew.broken
        finally:
            self._crew.kill()
            self._background.close()

    # ---- working

    def _work(self) -> Told | None:
        while True:
            self._turn(hand_out=True)
            if self._crew.broken:
                return Told("broken", flush=True)
            if self._stop_requested():
                return Told("asked to leave", flush=self._heartbeat.look_for_cancel() is not None)
            if self._heartbeat.cancel:
                return Told(f"the run was cancelled: {self._heartbeat.cancel.message}", flush=True)
            if self._is_over():
                return None

    def _is_over(self) -> bool:
        """Whether nothing is left to do for anybody, or for this consumer: others are enough for the tail."""
        custody = self._custody
        if custody.queue_is_gone:
            return True
        if not custody.is_idle or custody.depth is None:
            return False
        return custody.depth == 0 or not self._heartbeat.is_needed(
            idle_seconds=self._idle_seconds(time.monotonic()),
            patience_seconds=self._patience_seconds,
            depth=custody.depth,
        )

    def _idle_seconds(self, now: float) -> float:
        return 0.0 if self._idle_since is None else now - self._idle_since

    def _turn(self, *, hand_out: bool) -> None:
        now = time.monotonic()
        for event in self._crew.tend(now, time.time()):
            self._attempts.note(event, now)
        if hand_out:
            self._hand_out(now)
            self._receive()
            self._hand_back(now)
        self._custody.tend()
        self._beat(now)
        self._wait(now)

    def _hand_out(self, now: float) -> None:
        custody = self._custody
        deal(self._crew, custody.held.values(), self._settings, now, queue_is_empty=custody.depth is not None)

    def _receive(self) -> None:
        custody, ready = self._custody, self._crew.ready
        if custody.is_receiving or custody.clock() < custody.look_at:
            return
        if wants_message(
            custody.waiting_rows,
            self._crew.idle_workers,
            len(ready),
            self._crew.seconds_per_row,
            custody.receive_seconds,
        ):
            custody.receive()

    def _hand_back(self, now: float) -> None:
        """Give waiting rows to idle workers of other consumers."""
        idle_elsewhere = self._heartbeat.idle_elsewhere
        message, rows = self._rows_to_hand_back(idle_elsewhere, now)
        if message and rows and not message.busy:
            self._custody.hand_back(message, rows, min(rows, idle_elsewhere))
            self._heartbeat.idle_elsewhere = 0

    def _rows_to_hand_back(self, idle_elsewhere: int, now: float) -> tuple[HeldMessage | None, int]:
        """Return the message with the most rows to spare, and how many of them so many idle workers should get."""
        crew = self._crew
        message = max(self._custody.held.values(), key=lambda held: held.spare_rows, default=None)
        if message is None:
            return None, 0
        seconds_per_row = max(crew.seconds_per_row or 0.0, crew.longest_call_seconds(now))
        return message, rows_to_hand_back(
            message.spare_rows, len(crew.ready), idle_elsewhere, seconds_per_row, self._custody.receive_seconds
        )

    # ---- beating, waiting, stopping

    def _beat(self, now: float) -> None:
        custody = self._custody
        finds_nothing = custody.depth is not None and not custody.waiting_rows
        if custody.held or not finds_nothing:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        self._heartbeat.tend(
            self._counts(idle_workers=self._crew.idle_workers if finds_nothing else 0),
            is_ready=bool(self._crew.ready),
            looks_around=self._idle_seconds(now) > self._patience_seconds or self._rows_to_hand_back(1, now)[1] > 0,
        )

    def _counts(self, *, idle_workers: int) -> Counts:
        custody = self._custody
        return Counts(
            custody.rows_done, self._attempts.rows_failed, custody.unfinished_rows, self._workers, idle_workers,
            round(self._crew.set_up_seconds, 3), worker_memory_mb(),
        )  # fmt: skip

    def _wait(self, now: float) -> None:
        """Wait until a worker or a request has something to say, or a clock is to be looked at."""
        looks_again = self._custody.look_at - self._custody.clock() if self._custody.depth is not None else TICK_SECONDS
        self._crew.selector.select(min(TICK_SECONDS, max(looks_again, 0.0)))
        time.sleep(max(0.0, now + shortest_turn_seconds(self._crew) - time.monotonic()))
        self._background.deliver()

    def _stop(self, told: Told) -> None:
        """Let rows in flight end, for a while; then give back all that is held."""
        logger.info("stopping: %s", told.reason, extra=fields("stopping"))
        until = time.monotonic() + STOP_GRACE_SECONDS
        while self._crew.rows_in_flight and time.monotonic() < until and not self._crew.broken:
            self._turn(hand_out=False)
        while not self._custody.is_idle:
            self._custody.release(flush=told.flush)
            self._wait(time.monotonic())
