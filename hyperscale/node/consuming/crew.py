"""The workers of one consumer: kept at their number, read, timed, and what each one says turned into events."""

from __future__ import annotations

import logging
import os
import selectors
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale.failures import Failure
from hyperscale.ledger import failed_line
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.orders import Answer
from hyperscale.node.consuming.row_logs import Logs
from hyperscale.node.consuming.strays import Strays
from hyperscale.node.consuming.threads import own_cores, share_threads
from hyperscale.node.consuming.worker_process import WorkerProcess
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.working import wire
from hyperscale.node.working.answering import log_record
from hyperscale.node.working.worker_end import failed_answer

#: So many starts in a row that fail end the consumer: its environment is broken, not a row.
MAX_FAILED_STARTS = 3
#: How long workers may take to tear down when the consumer leaves.
LEAVE_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowsSucceeded:
    """Rows are done: their ledger lines."""

    message: HeldMessage
    row_indices: Sequence[int]
    lines: Sequence[str]


@dataclass(frozen=True)
class RowKeepsFiles:
    """A row is done: its ledger line, and the folder of the files that it keeps."""

    message: HeldMessage
    row_index: int
    line: str
    files: Path


@dataclass(frozen=True)
class AttemptFailed:
    """An attempt of a row failed; Unix and elapsed seconds."""

    message: HeldMessage
    row_index: int
    failure: Failure
    seconds: float
    started_at: float
    worker: int

    def line(self, attempts: int, consumer: str) -> str:
        """Return the ledger line of the row, if this attempt was its last one."""
        return failed_line(
            self.row_index, attempts=attempts, seconds=self.seconds, started_at=self.started_at,
            consumer=consumer, worker=self.worker, failure=self.failure.to_document(),
        )  # fmt: skip


@dataclass(frozen=True)
class CallFailed:
    """A call of several rows failed or killed its worker: each row is repeated alone, uncharged."""

    message: HeldMessage
    row_indices: Sequence[int]


@dataclass(frozen=True)
class NotBegun:
    """Rows that a worker was given and did not begin before it died."""

    message: HeldMessage
    row_indices: Sequence[int]


Event = RowsSucceeded | RowKeepsFiles | AttemptFailed | CallFailed | NotBegun


class Crew:
    """A fixed number of workers; a dead one is replaced.

    Attributes:
        workers: as they are now.
        selector: says when one of them has something to say; others may be registered too.
        broken: why no worker can start, for people; None while they can.
        set_up_seconds: of the worker that took longest to start; 0 while none is ready.
    """

    def __init__(self, settings: WorkerSettings, count: int, logs: Logs, now: float) -> None:
        """Start `count` workers; what rows print goes to `logs`; `now` is monotonic seconds, as everywhere here."""
        threads = share_threads(own_cores(os.environ), count, settings.environment(0))
        self._settings = replace(settings, threads=threads)
        self._logs = logs
        self._strays = Strays(settings.adopts_orphans)
        self._starts = self._failed_starts = 0
        self.broken: str | None = None
        self.set_up_seconds = 0.0
        self.selector = selectors.DefaultSelector()
        self.workers: list[WorkerProcess] = []
        try:
            self.workers += (self._start(index, now) for index in range(count))
        except BaseException:  # no more processes or files are allowed here: those that did start must not stay
            self.kill()
            raise

    def _start(self, index: int, now: float) -> WorkerProcess:
        worker = WorkerProcess(index, self._starts, self._settings, now)
        self._starts += 1
        self.selector.register(worker.descriptor, selectors.EVENT_READ)
        return worker

    @property
    def rows_in_flight(self) -> int:
        """Return how many rows the workers have been given and have not answered."""
        return sum(worker.orders.rows for worker in self.workers)

    @property
    def ready(self) -> list[WorkerProcess]:
        """Return the workers whose set_up is done."""
        return [worker for worker in self.workers if worker.state == "ready"]

    @property
    def idle_workers(self) -> int:
        """Return how many ready workers have nothing to do."""
        return sum(not worker.orders for worker in self.ready)

    @property
    def seconds_per_row(self) -> float | None:
        """Return what a row takes of late, over all workers; None while nobody knows."""
        known = [seconds for worker in self.ready if (seconds := worker.pace.seconds_per_row) is not None]
        return sum(known) / len(known) if known else None

    def longest_call_seconds(self, now: float) -> float:
        """Return for how long the oldest present call has taken; 0 when there is none."""
        return max((worker.seconds_on_call(now) for worker in self.ready if worker.orders), default=0.0)

    def tend(self, now: float, wall_now: float) -> Iterator[Event]:
        """Read all workers, end the overdue ones, replace the dead ones; yield what happened to rows."""
        for place, worker in enumerate(self.workers):
            if worker.is_dead:
                continue
            for answer in worker.read(now):
                if answer.kind == wire.PRINTED:
                    self._logs.add(answer.texts[0], now)
                else:
                    yield self._event(worker, answer)
            if worker.was_ready:
                self._failed_starts = 0
                self.set_up_seconds = max(self.set_up_seconds, worker.set_up_seconds)
            timed_out = not worker.is_dead and worker.overdue_seconds(now) > 0
            if timed_out:
                worker.tell_frames()
                worker.kill()
            if worker.is_dead:
                self.selector.unregister(worker.descriptor)
                yield from self._lost(worker, timed_out, now, wall_now)
                if self.broken is None:
                    self.workers[place] = self._start(worker.index, now)
        self._logs.tend(now)
        self._strays.tend(now, [worker.pid for worker in self.workers])

    def _event(self, worker: WorkerProcess, answer: Answer) -> Event:
        kind, message, indices, texts = answer
        if kind == wire.SUCCEEDED:
            return RowsSucceeded(message, indices, texts)
        if kind == wire.CALL_FAILED:
            return CallFailed(message, indices)
        if kind == wire.SUCCEEDED_WITH_FILES:
            return RowKeepsFiles(message, indices[0], texts[0], _outputs_of(worker, message, indices[0]))
        failure, seconds, started_at = failed_answer(texts[0])
        return AttemptFailed(message, indices[0], failure, seconds, started_at, worker.index)

    def _note_failed_start(self, why: str) -> None:
        self._failed_starts += 1
        logger.error("%s", why)
        if self._failed_starts >= MAX_FAILED_STARTS:
            self.broken = why

    def _lost(self, worker: WorkerProcess, timed_out: bool, now: float, wall_now: float) -> Iterator[Event]:
        """Yield what the end of a worker means: for the rows it was on, and for those it had not begun."""
        if not worker.was_ready:
            self._note_failed_start(worker.why_broken or self._why_no_start(worker, timed_out))
        outputs = []
        if worker.orders and not worker.is_unfit:
            for event in self._begun(worker, timed_out, now, wall_now):
                outputs += [_outputs_of(worker, event.message, row_index) for row_index in _rows_of(event)]
                yield event
        for message, indices in worker.orders.take_all():
            yield NotBegun(message, indices)
        worker.files.discard(outputs)

    def _begun(
        self, worker: WorkerProcess, timed_out: bool, now: float, wall_now: float
    ) -> Iterator[CallFailed | AttemptFailed]:
        """Yield what the end of a worker means for the rows that it was on: one is guilty, of several none is."""
        begun = worker.orders.take_begun()
        if sum(len(indices) for _, indices in begun) > 1:
            yield from (CallFailed(message, indices) for message, indices in begun)
            return
        ((message, (row_index,)),) = begun
        printed = worker.files.printed()
        if printed and self._settings.logs != "none":
            attempt = message.attempts.get(row_index, 0) + 1
            self._logs.add(log_record({row_index: attempt}, worker.index, printed), now)
        seconds = worker.seconds_on_call(now)
        failure = worker.failure(timed_out=timed_out)
        yield AttemptFailed(message, row_index, failure, seconds, wall_now - seconds, worker.index)

    def _why_no_start(self, worker: WorkerProcess, timed_out: bool) -> str:
        named = self._settings.named
        if timed_out:
            return f"{named}: import and set_up took longer than {self._settings.set_up_timeout_seconds:.15g} s"
        failure = worker.failure()
        return f"{named}: {failure.message} while it was set up\n{failure.last_output or ''}".rstrip()

    def stop(self) -> None:
        """Let all workers tear down and leave; end those that do not."""
        alive = [worker for worker in self.workers if not worker.is_dead]
        for worker in alive:
            worker.stop()
        deadline = time.monotonic() + LEAVE_SECONDS
        for worker in alive:
            worker.leave(deadline if worker.state == "ready" and not worker.orders else 0.0)
        self._logs.flush()

    def kill(self) -> None:
        """End all workers at once, and all that their activities left behind."""
        for worker in self.workers:
            worker.kill()
            worker.files.close()
        self._strays.end_all()
        self.selector.close()


def _rows_of(event: CallFailed | AttemptFailed) -> Sequence[int]:
    return event.row_indices if isinstance(event, CallFailed) else [event.row_index]


def _outputs_of(worker: WorkerProcess, message: HeldMessage, row_index: int) -> Path:
    """Return the folder of the files of a row's present attempt."""
    return worker.files.outputs_of(row_index, message.attempts.get(row_index, 0) + 1)
