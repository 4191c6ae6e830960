"""The processes of one step: started as a group of their own, ended together with all that they left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

_DYING_SECONDS = 0.002


class Sweeper:
    """Ends what steps have left behind them: looking through all processes takes a while, and is done for several."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pass = threading.Lock()
        self._marks: set[str] = set()

    def sweep(self, mark: str) -> None:
        """Kill every process with this mark; returns when that is done."""
        with self._lock:
            self._marks.add(mark)
        with self._pass:
            # Whoever had the pass before may have taken our mark along.
            with self._lock:
                marks, self._marks = self._marks, set()
            if marks:
                kill_marked(marks)


class StepProcess:
    """The command of a step. Whoever starts it calls `wait` once, which reaps it."""

    def __init__(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        mark: str,
        sweeper: Sweeper,
    ) -> None:
        """Start `command` in a bash of its own.

        Args:
            command: text for bash.
            folder: where it starts.
            environment: all that it knows.
            log: takes what it says.
            mark: `NAME=value` of its environment that no other step has: it tells what belongs to it, as the walls
                of a container do on a node.
            sweeper: ends what it leaves behind.
        """
        self._mark, self._sweeper = mark, sweeper
        self._lock = threading.Lock()
        self._is_over = False
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Wait for its end, kill what it left behind, and return the exit code; negative: by that signal."""
        # Its group is named by its id, which nobody gets before it is reaped: kill the rest first.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._is_over = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            code = self._process.wait()
        self._sweeper.sweep(self._mark)
        return code

    def ask_to_end(self) -> None:
        """Send SIGTERM to all of its group."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if not self._is_over:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)


def kill_all(processes: Iterable[StepProcess]) -> None:
    """Send SIGKILL to the groups of `processes`, and to all that has left those."""
    listed = list(processes)
    for process in listed:
        process._signal(signal.SIGKILL)
    if listed:
        kill_marked(process._mark for process in listed)


def kill_marked(marks: Iterable[str]) -> None:
    """Kill every process that has one of `marks` (`NAME=value`) in its environment, until none is left."""
    wanted = [b"\0%b\0" % mark.encode() for mark in marks]
    while found := [process for process in _others() if _has_one_of(process, wanted)]:
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        # They need a moment to die.
        time.sleep(_DYING_SECONDS)


def programs(mark: str) -> list[str]:
    """Return the command lines of the processes that have `mark` in their environment."""
    found = []
    for process in _others():
        if _has_one_of(process, [b"\0%b\0" % mark.encode()]):
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def _others() -> list[int]:
    # Looked through at the end of each step: with pathlib that takes five times as long.
    names = os.listdir("/proc")  # noqa: PTH208
    return [int(name) for name in names if name.isdigit() and int(name) != os.getpid()]


def _has_one_of(process: int, marks: list[bytes]) -> bool:
    """Whether a process that lives has a mark; the environment of one that is killed already is empty."""
    try:
        descriptor = os.open(f"/proc/{process}/environ", os.O_RDONLY)
        try:
            # All variables of a process that we started fit: Linux takes no more than 128 KiB for one.
            variables = b"\0%b\0" % os.read(descriptor, 1 << 20)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return any(mark in variables for mark in marks)
