"""How far a run is, in figures and in words, from its heartbeats; and lines of it where there is no terminal."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from hyperscale.figures import duration, rate_text
from hyperscale.talk import is_notebook, is_quiet, say

#: The rate is of this last stretch of time, so that it follows the run but does not flicker.
WINDOW_SECONDS = 30.0
#: So long without a finished row, and the phase says that rows are slow.
SLOW_SECONDS = 30.0
#: A worker that died is replaced within less than this: so long, nobody needs to hear of it.
REPLACED_SECONDS = 5.0
#: Without a terminal a line is written this often; sooner for a new phase, but not for each of a flicker.
PLAIN_SECONDS = 10.0
NEW_PHASE_SECONDS = 1.0

#: When all rows that can have an outcome have it, and tables are made of them.
RESULTS_PHASE = "writing the results"
#: Of these, rows per second and time left would say nothing.
_WITHOUT_PACE = frozenset({"seeding", "proving the count", RESULTS_PHASE, "stopping"})

Beats = Iterable[tuple[str, float, Mapping[str, object]]]


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: what it is doing, in words.
        done, failed: rows that are finished, and those of them that failed.
        held: rows that consumers have received and not finished.
        total: rows of the run; None while nobody knows.
        workers: that are at work now.
        broken: why a consumer cannot work at all; empty when all can.
        rows_per_second, seconds_left: None while nobody knows.
        figures: what else is said in the same line: nodes, cost.
        details: lines that a terminal has room for.
    """

    phase: str
    done: int = 0
    failed: int = 0
    held: int = 0
    total: int | None = None
    workers: int = 0
    broken: str = ""
    rows_per_second: float | None = None
    seconds_left: float | None = None
    figures: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


class Display(Protocol):
    """Where progress is shown while a run goes on."""

    def show(self, progress: Progress, now: float) -> None:
        """Show how far the run is; `now` is a monotonic clock's time in seconds."""

    def say(self, text: str) -> None:
        """Say one sentence that stays."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def read_progress(
    beats: Beats, total: int | None, *, seeded: bool, life: int, done_before: int = 0, failed_before: int = 0
) -> Progress:
    """Return what the heartbeats of a run say.

    Args:
        beats: name, age in seconds and fields of each process of the run.
        total: rows of the run, as far as known.
        seeded: whether seed.json is written.
        life: of the run; what heartbeats of earlier lives counted may have died with their processes.
        done_before: rows that had an outcome in the ledger when this life began.
        failed_before: those of them that failed.
    """
    of_processes = [fields for _, _, fields in beats]
    of_life = [fields for fields in of_processes if fields.get("life") == life]
    if not seeded:
        return Progress(
            "seeding", done=max((_number(fields, "rows_seeded") for fields in of_processes), default=0), total=total
        )
    consumers = [fields for fields in of_life if fields.get("role") == "consume"]
    at_work = [fields for fields in consumers if fields.get("state") in ("running", "draining")]
    done = done_before + sum(_number(fields, "rows_done") for fields in consumers)
    progress = Progress(
        phase="",
        done=done if total is None else min(done, total),
        failed=failed_before + sum(_number(fields, "rows_failed") for fields in consumers),
        held=sum(_number(fields, "rows_held") for fields in at_work),
        total=total,
        workers=sum(_number(fields, "workers") for fields in at_work),
        broken=next((str(fields.get("message")) for fields in consumers if fields.get("state") == "broken"), ""),
    )
    if any(fields.get("role") == "teardown" and fields.get("state") in ("collecting", "left") for fields in of_life):
        return replace(progress, phase=RESULTS_PHASE)
    return replace(progress, phase=_phase(progress))


def _phase(progress: Progress) -> str:
    if progress.total is not None and progress.done >= progress.total:
        return "proving the count"
    if not progress.workers:
        return "workers starting" if not progress.done else "waiting for workers"
    if progress.total is not None and progress.held and progress.done + progress.held >= progress.total:
        return "last rows in flight"
    return "running"


def _number(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    return int(value) if isinstance(value, int | float) else 0


class Pace:
    """Watches how `done` grows, and adds rate, time left and slow rows to a progress."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: deque[tuple[float, int]] = deque()
        self._began_at: float | None = None
        self._moved_at: float | None = None

    def add(self, progress: Progress, now: float) -> Progress:
        """Return `progress` of the time `now` (monotonic seconds) with all that follows from earlier ones."""
        if progress.phase in _WITHOUT_PACE:
            return progress
        if self._began_at is None:
            self._began_at = now
        if self._seen and progress.done != self._seen[-1][1]:
            self._moved_at = now
        self._seen.append((now, progress.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()
        still = now - (self._began_at if self._moved_at is None else self._moved_at)
        phase = progress.phase
        if phase == "waiting for workers" and self._moved_at is not None and still < REPLACED_SECONDS:
            phase = "running"
        elif phase in ("running", "last rows in flight") and still >= SLOW_SECONDS:
            phase = f"slow rows: none finished for {duration(still)}"
        rate = self._rate()
        left = None
        if rate and progress.total is not None:
            left = (progress.total - progress.done) / rate
        return replace(progress, phase=phase, rows_per_second=rate, seconds_left=left)

    def _rate(self) -> float | None:
        (first_at, first_done), (last_at, last_done) = self._seen[0], self._seen[-1]
        if last_at <= first_at or last_done <= first_done:
            return None
        return (last_done - first_done) / (last_at - first_at)


def progress_line(progress: Progress) -> str:
    """Return the progress as one line for a log."""
    parts = [progress.phase]
    if progress.total:
        percent = 100 * progress.done // progress.total
        parts.append(f"{progress.done:,}/{progress.total:,} rows ({percent}%)")
    return "  ".join([*parts, *pace_parts(progress)])


def pace_parts(progress: Progress) -> list[str]:
    """Return what is known of rate, failures, time left and the like, in words."""
    parts = []
    if progress.rows_per_second is not None:
        parts.append(f"{rate_text(progress.rows_per_second)} rows/s")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return [*parts, *progress.figures]


class PlainDisplay:
    """Writes a line to stderr every ten seconds, and one when the phase changes."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._phase = ""
        self._written_at = float("-inf")

    def show(self, progress: Progress, now: float) -> None:
        """Write the progress when it is time to."""
        phase = progress.phase.partition(":")[0]
        if now < self._written_at + (PLAIN_SECONDS if phase == self._phase else NEW_PHASE_SECONDS):
            return
        self._phase, self._written_at = phase, now
        self.say(progress_line(progress))

    def say(self, text: str) -> None:
        """Write `text` as a line."""
        say(text)

    def close(self) -> None:
        """Do nothing: a line needs no end."""


def open_display(*, is_terminal: bool) -> Display:
    """Return a bar where a terminal can draw one and somebody wants to see it, else what says lines.

    Whoever opens it closes it.
    """
    if is_notebook() and not is_quiet():
        from hyperscale.control.notebook_display import NotebookDisplay

        return NotebookDisplay()
    if not is_terminal or is_quiet() or os.environ.get("TERM") == "dumb":
        return PlainDisplay()
    # rich takes a while to import, and only a terminal needs it.
    from hyperscale.control.terminal import TerminalDisplay

    return TerminalDisplay()
