"""Measures in turn: everything that is compared runs in each round, so that all share the machine's mood."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.01

#: Name to value, in seconds or bytes; a round gives the same names each time.
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        started_at, ended_at: Unix seconds.
        peak_bytes: of its own memory (VmHWM), without its children. Unlike ru_maxrss, that begins at 0: the largest
            resident size of `getrusage` is inherited from the parent over fork.
    """

    started_at: float
    ended_at: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        return self.ended_at - self.started_at


def medians(rounds: int, measured: Callable[[], Figures]) -> dict[str, float]:
    """Return the median of each figure over `rounds` calls."""
    seen = []
    for number in range(1, rounds + 1):
        seen.append(measured())
        told = ", ".join(f"{name} {value:,.4g}" for name, value in seen[-1].items())
        print(f"  round {number} of {rounds}: {told}", file=sys.stderr, flush=True)
    return {name: statistics.median(figures[name] for figures in seen) for name in seen[0]}


def watch(process: subprocess.Popen[bytes], started_at: float) -> Ended:
    """Wait for `process`, and return how it ended.

    Raises:
        RuntimeError: when its exit code is not 0.
    """
    status, peak_bytes = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        peak_bytes = max(peak_bytes, _peak_bytes(status))
        time.sleep(POLL_SECONDS)
    ended_at = time.time()
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return Ended(started_at, ended_at, peak_bytes)


def _peak_bytes(status: Path) -> int:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), default=0)
