"""Processes that an activity left behind: found in /proc by their parents, and ended with their worker or consumer.

A consumer adopts orphans (PR_SET_CHILD_SUBREAPER): what loses its parent anywhere below becomes its child, also what
has left its session. Without Linux only the worker's process group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER, linux/prctl.h
_REAP_SECONDS = 5.0
_END_SECONDS = 5.0


class _Process(NamedTuple):
    pid: int
    parent: int
    session: int
    is_over: bool


def adopt_orphans() -> bool:
    """Make this process the parent of whatever loses its own below it; say whether that is possible here."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def end_with_worker(worker: int) -> None:
    """Kill the process `worker`, its group, its session and all below it; `worker` itself is not reaped."""
    below = list(_below(worker))
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
    for pid in below:
        _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _below(ancestor: int) -> Iterator[int]:
    """Yield the processes below `ancestor`, and those of its session."""
    processes = list(_processes())
    known = {ancestor}
    grown = True
    while grown:
        more = {one.pid for one in processes if one.parent in known or one.session == ancestor} - known
        known |= more
        grown = bool(more)
    yield from known - {ancestor}


def _processes() -> Iterator[_Process]:
    """Yield all processes of this machine; none where there is no /proc."""
    for entry in os.scandir("/proc") if sys.platform == "linux" else ():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
                yield _Process(int(entry.name), int(fields[1]), int(fields[3]), fields[0] in (b"Z", b"X"))


class Strays:
    """The adopted processes of one consumer.

    Without `adopts` nothing is done: the process then has other children than workers, which are nobody's strays.
    """

    def __init__(self, adopts: bool) -> None:
        """See to strays if this process adopts orphans and has no children but workers."""
        self._adopts = adopts
        self._next = 0.0
        self._over: set[int] = set()

    def tend(self, now: float, workers: Collection[int]) -> None:
        """Now and then reap strays that are over; `workers` are the process ids that are not ours to reap."""
        if not self._adopts or now < self._next:
            return
        self._next = now + _REAP_SECONDS
        over = {one.pid for one in _processes() if one.is_over and one.parent == os.getpid()} - set(workers)
        # Seen twice, or somebody else in this process (a library that runs a program) is about to reap it.
        for pid in over & self._over:
            _reap(pid)
        self._over = over

    def end_all(self) -> None:
        """Kill and reap what is left below this process; call it when the workers are gone."""
        deadline = time.monotonic() + _END_SECONDS
        while self._adopts and (below := list(_below(os.getpid()))) and time.monotonic() < deadline:
            for pid in below:
                _kill(pid)
            for pid in below:
                _reap(pid)
            time.sleep(0.005)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
