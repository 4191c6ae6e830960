"""A worker as its consumer sees it: started, given calls, read, and replaced when it dies or overruns its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import Any, Literal

from hyperscale.failures import Failure, shorten
from hyperscale.node import wire
from hyperscale.node.held import HeldMessage
from hyperscale.node.orders import Answer, Orders
from hyperscale.node.worker_end import broken_message, end_failure, timed_out_failure
from hyperscale.node.worker_settings import WorkerSettings

_PIECE_BYTES = 1 << 18
_LAST_OUTPUT_BYTES = 2_000


class WorkerProcess:
    """One child process; all times are seconds of a monotonic clock that the caller passes in.

    Attributes:
        index: which worker of its consumer it is; its replacement has the same.
        state: starting until its set_up is done, then ready; dead in the end.
        descriptor: becomes readable when the worker says something or ends.
        was_ready: whether its set_up ever was done.
        why_broken: what it said of its import or set_up, if that failed.
        orders: what it has been given and has not answered.
        seconds_per_row: of late, a moving average; None until it has finished a row.
    """

    def __init__(self, index: int, settings: WorkerSettings, now: float) -> None:
        """Start the process."""
        self.index = index
        self.state: Literal["starting", "ready", "dead"] = "starting"
        self.orders = Orders()
        self.seconds_per_row: float | None = None
        self.was_ready = False
        self.why_broken: str | None = None
        self._settings = settings
        self._busy_since = now
        self._lines = wire.LineBuffer()
        self.scratch = settings.scratch / f"worker-{index}"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._log_path = settings.scratch / f"worker-{index}.log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hyperscale.node.worker"],
                cwd=settings.code_folder,
                env={**os.environ, **settings.environment_variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.descriptor = self._stdout.fileno()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._stdin.fileno(), False)
        self._unsent = b""
        self._send(wire.pack_document(self._start_order()))

    def _start_order(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "run_id": settings.run_id,
            "consumer": settings.consumer,
            "worker_index": self.index,
            "entry": settings.entry,
            "activity_folder": str(settings.code_folder / "activity"),
            "input_folder": None if settings.input_folder is None else str(settings.input_folder),
            "key": settings.key,
            "is_given_lists": settings.rows_per_call > 1,
            "arguments": dict(settings.arguments),
            "mounts": dict(settings.mounts),
            "scratch": str(self.scratch),
            "log_level": settings.log_level,
        }

    @property
    def is_dead(self) -> bool:
        """Whether the process is over and all that it said has been read."""
        return self.state == "dead"

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
        while (piece := self._piece()) is not None:
            if not piece:
                ended = True
                break
            lines.extend(self._lines.feed(piece))
        if lines and not self.was_ready:
            self._note_start(lines.pop(0))
        answers = list(self.orders.answers(lines))
        if lines:
            self._note_time(len(lines), now)
        if ended:
            self.kill()
        return answers

    def _piece(self) -> bytes | None:
        return self._stdout.read(_PIECE_BYTES)

    def _has_ended(self) -> bool:
        """Whether the process is over; where possible without reaping it, so that its group keeps its number."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _note_start(self, line: str) -> None:
        """Note the first line of a worker: whether its set_up went well."""
        if line.startswith(wire.READY):
            self.state, self.was_ready = "ready", True
        else:
            self.why_broken = broken_message(line[1:], self._settings.entry)

    def _note_time(self, rows: int, now: float) -> None:
        seconds = (now - self._busy_since) / rows
        before = self.seconds_per_row
        self.seconds_per_row = seconds if before is None else before + (seconds - before) / 4
        self._busy_since = now

    def seconds_on_call(self, now: float) -> float:
        """Return for how long it has been on its present call."""
        return now - self._busy_since

    def overdue_seconds(self, now: float) -> float:
        """Return by how much its start or its present call has overrun its time; negative while it has not."""
        settings = self._settings
        if self.state == "starting":
            return now - self._busy_since - settings.set_up_timeout_seconds
        return now - self._busy_since - settings.timeout_seconds if self.orders else -settings.timeout_seconds

    def failure(self, *, timed_out: bool = False) -> Failure:
        """Return what its end means for the rows of the call it was on; call it once it is dead."""
        if timed_out:
            return timed_out_failure(self._settings.timeout_seconds, self._last_output())
        return end_failure(self._process.wait(), self._last_output())

    def _last_output(self) -> str | None:
        with self._log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_OUTPUT_BYTES))
            return shorten(log.read().decode("utf-8", "replace")) or None

    def stop(self) -> None:
        """Ask it to tear down and leave."""
        self._send(wire.pack_document({"order": "stop"}))

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self.is_dead:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
        self.state = "dead"

    def leave(self, grace_seconds: float) -> None:
        """Wait for it to leave after `stop`, then end what is left of it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        self.kill()
