"""A drill: kills consumers and workers of a run on this machine, to show beforehand that losing them loses no row.

When it kills is counted in finished rows: the same seed kills at the same points of a run, however fast that is.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from hyperscale.control.local.steps import Step
from hyperscale.control.terminal_text import in_one_line
from hyperscale.errors import ExperimentError
from hyperscale.figures import counted
from hyperscale.whole_numbers import MAX_DIGITS, whole_number

T = TypeVar("T")
#: With more, consumers live so shortly that a run may never end.
MAX_PERCENT = 50
#: How the command line of a worker reads (node.worker_process).
WORKER_PROGRAM = "hyperscale.node.working.worker"
EXAMPLE = "--drill preempt=5%,crash=1%"

_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%", re.ASCII)


@dataclass(frozen=True)
class Drill:
    """What `--drill` asks for.

    Attributes:
        preempt: the chance of a consumer to be killed, for each message's worth of finished rows; 0 to 1.
        crash: the chance of a worker to be killed, for each finished row; 0 to 1.
        seed: of all chance.
    """

    preempt: float
    crash: float
    seed: int

    def __str__(self) -> str:
        """Return it as `--drill` takes it."""
        shares = [f"{name}={share * 100:g}%" for name, share in self._shares if share]
        return ",".join([*shares, f"seed={self.seed}"])

    @property
    def _shares(self) -> tuple[tuple[str, float], ...]:
        return ("preempt", self.preempt), ("crash", self.crash)


@dataclass(frozen=True)
class Kill:
    """One moment of a drill.

    Attributes:
        after_rows: it comes when so many rows are finished.
        victim: a worker alone; or a consumer with all that is below it, as a preempted node goes.
        chance: which one of those that live then; from 0 to 1, 1 excluded.
    """

    after_rows: int
    victim: Literal["consumer", "worker"]
    chance: float


def read_drill(text: str, new_seed: Callable[[], int]) -> Drill:
    """Return the drill that `text`, such as "preempt=5%,crash=1%,seed=7", asks for.

    Args:
        text: after `--drill`.
        new_seed: gives the seed where none is named.

    Raises:
        ExperimentError: when `text` asks for no drill.
    """
    given: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in ("preempt", "crash", "seed"):
            raise _wrong(f"{name!r} is not one of preempt, crash, seed")
        if name in given:
            raise _wrong(f"{name} is given twice")
        given[name] = value
    preempt, crash = (_share(given, name) for name in ("preempt", "crash"))
    if not preempt and not crash:
        raise _wrong("neither preempt nor crash is given: nothing would be killed")
    return Drill(preempt, crash, _seed(given["seed"]) if "seed" in given else new_seed())


def kills(drill: Drill, rows_per_message: int) -> Iterator[Kill]:
    """Yield the moments of a drill in order, without end; the same for the same drill."""
    return heapq.merge(
        _kills("consumer", drill.preempt, rows_per_message, drill.seed),
        _kills("worker", drill.crash, 1, drill.seed),
        key=lambda kill: kill.after_rows,
    )


class RunningDrill:
    """A drill while a run goes on.

    Attributes:
        consumers, workers: how many it has killed.
    """

    def __init__(self, moments: Iterator[Kill]) -> None:
        """Kill at these `moments`, which are in order."""
        self.consumers = self.workers = 0
        self._moments = moments
        self._next = next(moments, None)

    def told(self) -> str:
        """Return how many it has killed, in words."""
        return f"{counted(self.consumers, 'consumer')} and {counted(self.workers, 'worker')}"

    def tend(self, rows_done: int, consumers: Mapping[str, Step]) -> set[str]:
        """Kill what is due when `rows_done` rows are finished; return the jobs whose consumer was killed.

        Each is killed once at most: where more is due than there is, the rest is left out.

        Args:
            rows_done: in this life of the run; a row that was lost and finished again counts twice.
            consumers: job to step, of those that live.
        """
        due = list(self._due(rows_done))
        doomed = _chosen(sorted(consumers), [kill for kill in due if kill.victim == "consumer"])
        crashes = [kill for kill in due if kill.victim == "worker"]
        if crashes:
            of_others = [step.pid for job, step in consumers.items() if job not in doomed]
            for worker in _chosen(workers_of(of_others), crashes):
                self._end_worker(worker)
        for job in doomed:
            consumers[job].kill()
        self.consumers += len(doomed)
        return set(doomed)

    def _due(self, rows_done: int) -> Iterator[Kill]:
        while self._next is not None and self._next.after_rows <= rows_done:
            yield self._next
            self._next = next(self._moments, None)

    def _end_worker(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.workers += 1


def workers_of(consumers: Collection[int]) -> list[int]:
    """Return the process ids of the workers that the processes `consumers` have started, in order."""
    # -ww: whole command lines, however narrow the terminal is.
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    processes = [line.split(None, 2) for line in listing.splitlines()]
    return sorted(
        int(fields[0])
        for fields in processes
        if len(fields) == 3 and int(fields[1]) in consumers and WORKER_PROGRAM in fields[2]
    )


def _kills(victim: Literal["consumer", "worker"], share: float, rows_apart: int, seed: int) -> Iterator[Kill]:
    """Yield the moments of one kind of victims, which has the chance `share` every `rows_apart` rows."""
    chance = random.Random(f"{victim} {seed}")  # noqa: S311 - it is to be repeatable
    after_rows = 0
    while share:
        # How often one tries until what has this chance happens: the geometric distribution.
        after_rows += rows_apart * (1 + int(math.log(1 - chance.random()) / math.log(1 - share)))
        yield Kill(after_rows, victim, chance.random())


def _chosen(living: Sequence[T], moments: Sequence[Kill]) -> list[T]:
    """Return one of the `living` for each of `moments`, none twice."""
    left = list(living)
    return [left.pop(int(kill.chance * len(left))) for kill in moments[: len(left)]]


def _share(given: Mapping[str, str], name: str) -> float:
    if name not in given:
        return 0.0
    found = _SHARE.fullmatch(given[name])
    percent = float(found[1]) if found else 0.0
    if not 0 < percent <= MAX_PERCENT:
        raise _wrong(f"{name}={in_one_line(given[name], 60)} is not a share above 0% and up to {MAX_PERCENT}%")
    return percent / 100


def _seed(text: str) -> int:
    seed = whole_number(text)
    if seed is None:
        raise _wrong(f"seed={in_one_line(text, 60)} is not a whole number from 0 on, of at most {MAX_DIGITS} digits")
    return seed


def _wrong(what: str) -> ExperimentError:
    return ExperimentError(f"--drill: {what}", hint=f"write it like {EXAMPLE}, or {EXAMPLE},seed=7 to repeat one")
