"""The workers of one consumer: kept at their number, read, timed, and what each one says turned into events."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hyperscale.failures import Failure
from hyperscale.node import wire
from hyperscale.node.held import HeldMessage
from hyperscale.node.worker_process import GivenCall, WorkerProcess, WorkerSettings

#: So many starts in a row that fail end the consumer: its environment is broken, not a row.
MAX_FAILED_STARTS = 3
#: How long workers may take to tear down when the consumer leaves.
LEAVE_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowSucceeded:
    """A row is done: its ledger line, and the folder of the files it keeps, if any."""

    message: HeldMessage
    row_index: int
    line: str
    files: Path | None = None


@dataclass(frozen=True)
class AttemptFailed:
    """An attempt of a row failed; Unix and elapsed seconds."""

    message: HeldMessage
    row_index: int
    failure: Failure
    seconds: float
    started_at: float
    worker: int


@dataclass(frozen=True)
class CallFailed:
    """A call of several rows failed or killed its worker: each row is repeated alone, uncharged."""

    message: HeldMessage
    row_indices: tuple[int, ...]


@dataclass(frozen=True)
class NotBegun:
    """Rows that a worker was given and did not begin before it died."""

    message: HeldMessage
    row_indices: tuple[int, ...]


Event = RowSucceeded | AttemptFailed | CallFailed | NotBegun


class Crew:
    """A fixed number of workers; a dead one is replaced.

    Attributes:
        workers: as they are now.
        broken: why no worker can start, for people; None while they can.
    """

    def __init__(self, settings: WorkerSettings, count: int, now: float) -> None:
        """Start `count` workers; `now` is monotonic seconds, as everywhere here."""
        self._settings = settings
        self._failed_starts = 0
        self.broken: str | None = None
        self.workers = [WorkerProcess(index, settings, now) for index in range(count)]

    @property
    def rows_in_flight(self) -> int:
        """Return how many rows the workers have been given and have not answered."""
        return sum(worker.rows_held for worker in self.workers)

    @property
    def ready(self) -> list[WorkerProcess]:
        """Return the workers whose set_up is done."""
        return [worker for worker in self.workers if worker.state == "ready"]

    def tend(self, now: float, wall_now: float) -> Iterator[Event]:
        """Read all workers, end the overdue ones, replace the dead ones; yield what happened to rows."""
        for place, worker in enumerate(self.workers):
            if worker.is_dead:
                continue
            for frame, call in worker.read(now):
                yield from self._event(worker, frame, call)
            timed_out = not worker.is_dead and worker.overdue_seconds(now) > 0
            if timed_out:
                worker.kill()
            if worker.is_dead:
                yield from self._lost(worker, timed_out, now, wall_now)
                if self.broken is None:
                    self.workers[place] = WorkerProcess(worker.index, self._settings, now)

    def _event(self, worker: WorkerProcess, frame: wire.Frame, call: GivenCall | None) -> Iterator[Event]:
        if frame.kind == wire.READY:
            self._failed_starts = 0
        elif frame.kind == wire.BROKEN:
            return
        elif call is None:
            logger.warning("worker %d answered a row that it was not given; the answer is dropped", worker.index)
        elif frame.kind == wire.CALL_FAILED:
            yield CallFailed(call.message, tuple(row.row_index for row in call.rows))
        elif frame.kind == wire.FAILED:
            said = json.loads(frame.content)
            failure = Failure(**{**said["failure"], "frames": tuple(said["failure"]["frames"])})
            yield AttemptFailed(
                call.message, frame.row_index, failure, said["seconds"], said["started_at"], worker.index
            )
        else:
            files = self._files_of(worker, call, frame.row_index) if frame.kind == wire.SUCCEEDED_WITH_FILES else None
            yield RowSucceeded(call.message, frame.row_index, frame.content.decode(), files)

    def _files_of(self, worker: WorkerProcess, call: GivenCall, row_index: int) -> Path:
        attempt = call.message.attempts.get(row_index, 0) + 1
        return worker.scratch / "outputs" / f"{row_index}-{attempt}"

    def _note_failed_start(self, why: str) -> None:
        self._failed_starts += 1
        logger.error("%s", why)
        if self._failed_starts >= MAX_FAILED_STARTS:
            self.broken = why

    def _lost(self, worker: WorkerProcess, timed_out: bool, now: float, wall_now: float) -> Iterator[Event]:
        """Yield what the end of a worker means: for the call it was on, and for those it had not begun."""
        if not worker.was_ready:
            self._note_failed_start(worker.why_broken or self._why_no_start(worker, timed_out))
        if worker.calls:
            seconds = worker.seconds_on_call(now)
            yield _guilty(
                worker.calls[0],
                worker.failure(timed_out=timed_out),
                seconds,
                wall_now - seconds,
                worker.index,
            )
        for call in reversed(list(worker.calls)[1:]):
            yield NotBegun(call.message, tuple(row.row_index for row in call.rows))

    def _why_no_start(self, worker: WorkerProcess, timed_out: bool) -> str:
        entry = self._settings.entry
        if timed_out:
            limit = self._settings.set_up_timeout_seconds
            return f"activity.entry {entry}: import and set_up took longer than {limit:g} s"
        failure = worker.failure()
        return f"activity.entry {entry}: {failure.message} while it was set up\n{failure.last_output or ''}".rstrip()

    def stop(self) -> None:
        """Let all workers tear down and leave; end those that do not."""
        alive = [worker for worker in self.workers if not worker.is_dead]
        for worker in alive:
            worker.stop()
        for worker in alive:
            worker.leave(LEAVE_SECONDS if worker.state == "ready" and not worker.calls else 0.0)

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.kill()


def _guilty(call: GivenCall, failure: Failure, seconds: float, started_at: float, worker: int) -> Event:
    indices = tuple(row.row_index for row in call.rows)
    if len(indices) > 1:
        return CallFailed(call.message, indices)
    return AttemptFailed(call.message, indices[0], failure, seconds, started_at, worker)
