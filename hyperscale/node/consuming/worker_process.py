"""A worker as its consumer sees it: started, given calls, read, and replaced when it dies or overruns its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any, Literal

from hyperscale.failures import Failure
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.orders import Answer, Orders
from hyperscale.node.consuming.orders_in_flight import OrdersInFlight
from hyperscale.node.consuming.pace import Pace
from hyperscale.node.consuming.strays import end_with_worker
from hyperscale.node.consuming.worker_files import WorkerFiles
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.working import wire
from hyperscale.node.working.worker_end import (
    broken_message,
    end_failure,
    frames_of_crash,
    garbled_failure,
    timed_out_failure,
)

_PIECE_BYTES = 1 << 18
_LAST_OUTPUT = 2_000
#: A worker with calls in flight times them itself; it is late when it cannot even do that.
_IN_FLIGHT_GRACE_SECONDS = 2.0
#: How long an overdue worker may take to write its frames, and a killed one to be gone.
_FRAMES_SECONDS = 0.3
_GONE_SECONDS = 5.0
#: The pipe of a process that ends is closed a moment before.
_END_SECONDS = 0.2


class WorkerProcess:
    """One child process; all times are seconds of a monotonic clock that the caller passes in.

    Attributes:
        index: which worker of its consumer it is; its replacement has the same.
        state: starting until its set_up is done, then ready; dead in the end.
        descriptor: becomes readable when the worker says something or ends.
        was_ready: whether its set_up ever was done.
        is_unfit: it makes room for a new worker, and no row is charged with its end.
        set_up_seconds: from its start until its set_up was done; 0 until then.
        why_broken: what it said of its import or set_up, if that failed.
        orders: what it has been given and has not answered.
        pace: how long its rows take.
        files: its scratch folder, and what it prints.
    """

    def __init__(self, index: int, life: int, settings: WorkerSettings, now: float) -> None:
        """Start the process; `life` is a number that no other process of this consumer has had."""
        self.index = index
        self.state: Literal["starting", "ready", "dead"] = "starting"
        self.orders = OrdersInFlight(settings.concurrency) if settings.concurrency > 1 else Orders()
        self.pace = Pace()
        self.was_ready = self.is_unfit = False
        self.set_up_seconds = 0.0
        self.why_broken: str | None = None
        self._settings = settings
        self._busy_since = now
        self._lines = wire.LineBuffer()
        self.files = WorkerFiles(settings.scratch, f"worker-{index}-{life}", settings.hidden)
        self._is_lost = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hyperscale.node.working.worker"],
                cwd=settings.code_folder,
                env=settings.environment(index),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.files.printed_descriptor,
                bufsize=0,
                start_new_session=True,
            )
        except BaseException:
            self.files.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.descriptor = self._stdout.fileno()
        for pipe in (self.descriptor, self._stdin.fileno()):
            os.set_blocking(pipe, False)
            wire.widen(pipe)
        self._unsent = b""
        self._send(wire.pack_document({**settings.start_order(), **self._own_order()}))

    def _own_order(self) -> dict[str, Any]:
        files = self.files
        return {"worker_index": self.index, "scratch": str(files.scratch), "frames_path": str(files.frames_path)}

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether the process is over and all that it said has been read."""
        return self.state == "dead"

    # ---- said to it, and by it

    def give(self, message: HeldMessage, order: wire.Order, now: float) -> None:
        """Hand it rows of `message`; what it cannot take any more shows when it is read."""
        if not self.orders:
            self._busy_since = now
        self._send(wire.pack_order(order, message.columns))
        self.orders.add(message, order)

    def _send(self, data: bytes) -> None:
        """Write as much as the pipe takes; a worker that does not read must not hold up its consumer."""
        self._unsent += data
        try:
            while self._unsent:
                written = self._stdin.write(self._unsent)
                if written is None:
                    return
                self._unsent = self._unsent[written:]
        except BrokenPipeError:
            self._unsent = b""

    def read(self, now: float) -> list[Answer]:
        """Return what it has answered since the last time.

        Notes, too, whether it still lives, and writes what is unsent.
        """
        ended = self._has_ended()
        self._send(b"")
        lines: list[str] = []
        while (piece := self._stdout.read(_PIECE_BYTES)) is not None:
            if not piece:
                ended, self._is_lost = True, not self._ends_within(_END_SECONDS)
                break
            lines.extend(self._lines.feed(piece))
        self.files.bound()
        answers = self._answers(lines, now)
        self._is_lost |= self.orders.is_garbled or self._lines.is_flooded
        if ended or self._is_lost:
            self.kill()
        return answers

    def _answers(self, lines: list[str], now: float) -> list[Answer]:
        if lines and not self.was_ready:
            self._note_start(lines.pop(0), now)
        if lines and lines[-1] == wire.UNFIT:
            lines.pop()
            self.is_unfit = True
        answers = list(self.orders.answers(lines))
        rows = sum(len(answer.row_indices) for answer in answers)
        if rows:
            self.pace.note(rows, now - self._busy_since)
            self._busy_since = now
        return answers

    def _has_ended(self) -> bool:
        """Whether the process is over; where possible without reaping it, so that its group keeps its number."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _note_start(self, line: str, now: float) -> None:
        """Note the first line of a worker: whether its set_up went well."""
        if line.startswith(wire.READY):
            self.state, self.was_ready, self.set_up_seconds = "ready", True, now - self._busy_since
        else:
            self.why_broken = broken_message(line[1:], self._settings.named)

    def seconds_on_call(self, now: float) -> float:
        """Return for how long it has been on its present call."""
        return now - self._busy_since

    def overdue_seconds(self, now: float) -> float:
        """Return by how much its start or its present call has overrun its time; negative while it has not."""
        settings, grace = self._settings, _IN_FLIGHT_GRACE_SECONDS if self._settings.concurrency > 1 else 0.0
        if self.state == "starting":
            return now - self._busy_since - settings.set_up_timeout_seconds
        return now - self._busy_since - settings.timeout_seconds - grace if self.orders else -settings.timeout_seconds

    # ---- its end

    def failure(self, *, timed_out: bool = False) -> Failure:
        """Return what its end means for the row it was on; call it once it is dead."""
        last_output = self.files.printed()[-_LAST_OUTPUT:] or None
        if timed_out:
            failure = timed_out_failure(self._settings.timeout_seconds, last_output)
        elif self._is_lost or self._process.returncode is None:
            failure = garbled_failure(last_output)
        else:
            failure = end_failure(self._process.returncode, last_output)
        return replace(failure, frames=frames_of_crash(self.files.frames(), self._settings.activity_folder))

    def tell_frames(self) -> None:
        """Have a worker that hangs say where; it may be in code that does not return.

        The signal can end a wait inside of the call, which then goes on: what it printed is taken before.
        """
        self.files.keep_last_words()
        before, deadline = -1, time.monotonic() + _FRAMES_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR2)
        while time.monotonic() < deadline:
            size = len(self.files.frames())
            if size == before and size:
                return
            before = size
            time.sleep(0.005)

    def stop(self) -> None:
        """Ask it to tear down and leave."""
        self._send(wire.pack_document({"order": wire.STOP}))

    def leave(self, deadline: float) -> None:
        """Wait until `deadline` for it to leave after `stop`, then end what is left of it."""
        self._ends_within(deadline - time.monotonic())
        self.kill()

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return True

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self.is_dead:
            return
        end_with_worker(self.pid)
        # A process that hangs in the system is given up; its rows must not wait for it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_SECONDS)
        self._stdin.close()
        self._stdout.close()
        self.state = "dead"
