"""What tests look at, wait for and do to the runs in an emulated Azure: each in one line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from typing import Any

from emulator.execution import Execution
from emulator.execution.images import ERROR_LINE
from emulator.execution.ordering import FINAL
from emulator.execution.step_run import ReadyStep
from emulator.resources import Compute, Job, Step
from emulator.tokens import Tokens
from emulator.world import World

#: Tag of what a submitted run has made.
_TAG_OF_RUN = "hyperscale_run"
#: What a process is called that runs rows.
_WORKER = "hyperscale.node.working.worker"
#: How often the processes of a run are looked at while a test waits for them.
_LOOK_SECONDS = 0.3


class Bystander:
    """The part of an emulator that knows what a run is. A run is named as its pipeline job is."""

    world: World
    execution: Execution
    #: What a failing build of an image says, in its log alone.
    image_log_line = ERROR_LINE

    @property
    def tokens(self) -> Tokens:
        raise NotImplementedError

    @property
    def token_seconds(self) -> float:
        """How long new tokens live."""
        return self.tokens.life_seconds

    @token_seconds.setter
    def token_seconds(self, seconds: float) -> None:
        self.tokens.life_seconds = seconds

    def add_cluster(self, name: str, size: str = "Standard_F4s_v2", **fields: Any) -> Compute:
        """Put somebody else's cluster into the workspace."""
        return self.world.add_compute(name, size, **fields)

    def cluster(self, name: str) -> Compute:
        """Return a cluster."""
        with self.world.lock:
            self.world.settle()
            return self.world.computes[name]

    def cluster_names(self, run: str | None = None) -> list[str]:
        """Return the names of all clusters, or of those that a run has made, as long as they are there."""
        with self.world.lock:
            self.world.settle()
            return sorted(
                name
                for name, compute in self.world.computes.items()
                if compute.kind == "AmlCompute" and run in (None, compute.tags.get(_TAG_OF_RUN))
            )

    def job(self, name: str) -> Job:
        """Return a job."""
        with self.world.lock:
            return self.world.jobs[name]

    def step(self, job: str, name: str) -> Step:
        """Return a step of a job, begun or not."""
        return self.execution.steps(job)[name]

    def step_log(self, job: str, name: str) -> str:
        """Return what a step has said so far."""
        return self.execution.log(job, name)

    def wait_for_job(self, job: str, status: str | Collection[str] = FINAL, timeout: float = 120) -> str:
        """Wait until a job has one of these statuses; return which."""
        return self.execution.wait_for(job, status=status, timeout=timeout)

    def wait_for_step(self, job: str, name: str, status: str | Collection[str] = FINAL, timeout: float = 120) -> str:
        """Wait until a step has one of these statuses; return which."""
        self.world.wait_until(lambda: job in self.world.jobs, timeout)
        return self.execution.wait_for(job, name, status=status, timeout=timeout)

    def wait_for_rows(self, run: str, *, at_least_running: int, timeout: float = 120) -> None:
        """Wait until so many workers of a run are there: each of them runs one row after the other.

        Heartbeats come too seldom for a test that hits a run in its middle.

        Raises:
            TimeoutError: when they are not.
        """
        deadline = time.monotonic() + timeout
        while (count := sum(_WORKER in line for line in self.execution.programs(run))) < at_least_running:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} workers of {run} are there, not {at_least_running}")
            time.sleep(_LOOK_SECONDS)

    def before_step(self, pattern: str, change: Callable[[ReadyStep], object]) -> None:
        """Call `change` with each step whose name matches, before its command starts; `step.input("x")` is a path."""
        self.execution.interference.changes.append((re.compile(pattern), change))

    def kill_step(self, pattern: str, *, job: str | None = None, when: str = "now") -> None:
        """Kill the processes of steps whose name matches, of all jobs or of one: those that run, and those to come.

        Args:
            pattern: of the whole name.
            job: name of the pipeline.
            when: "now", or "started" for steps of jobs that nobody has submitted yet.
        """
        matched = re.compile(pattern)
        self.execution.interference.doomed.append((matched, job))
        if when == "now":
            self.execution.kill_doomed()
