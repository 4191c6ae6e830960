"""What the execution remembers of jobs, steps and nodes beyond what the service tells of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.execution.ordering import FINAL
from emulator.execution.processes import StepProcess
from emulator.execution.submitted import SubmittedStep, group_of
from emulator.resources import Failure, Job, Step


@dataclass(frozen=True)
class Fate:
    """How a step ends, whatever its process says.

    Attributes:
        status: Failed or Canceled.
        error: why.
        node: what becomes of its node: idle, preempted or gone.
        restarts: it is queued again in place of ending.
    """

    status: str
    error: Failure | None = None
    node: str = "idle"
    restarts: bool = False


@dataclass
class StepRecord:
    """A step that ends, runs, or may do so one day.

    Attributes:
        plan: what was submitted.
        step: what the service tells of it; in the world once it has begun.
        job: its pipeline.
        pool: where it runs: name of a cluster, or of what serverless has for such steps.
        order: who is handed to computes earlier has the lower one; None before.
        image_at: when its image is built (monotonic seconds); None when nobody builds it.
        node: that it has.
        process: its command, while it runs.
        has_thread: whether a thread looks after it.
        fate: how it ends, once that is known before its process has ended.
        stop_at: when its time is over (monotonic seconds).
        kill_at: when it has had the time to end in good order (monotonic seconds).
    """

    plan: SubmittedStep
    step: Step
    job: JobRecord
    pool: str
    order: int | None = None
    image_at: float | None = None
    node: str | None = None
    process: StepProcess | None = None
    has_thread: bool = False
    fate: Fate | None = None
    stop_at: float | None = None
    kill_at: float | None = None

    @property
    def is_queued(self) -> bool:
        """Whether it waits for a node."""
        return self.step.status == "Queued" and not self.has_thread


@dataclass
class JobRecord:
    """A pipeline that was submitted.

    Attributes:
        job: what the service tells of it.
        steps: by name, in the order of the pipeline; those of a pipeline component are called NODE/STEP.
        components: the nodes that are pipeline components, by name: runs of their own, between the job and their steps.
        continues_on_failure: steps that do not need a failed one go on.
        is_cancelled: somebody asked for its end.
    """

    job: Job
    continues_on_failure: bool
    steps: dict[str, StepRecord] = field(default_factory=dict)
    components: dict[str, Step] = field(default_factory=dict)
    is_cancelled: bool = False

    @property
    def needs(self) -> Mapping[str, frozenset[str]]:
        return {name: record.plan.needs for name, record in self.steps.items()}

    def end_components(self, clock: float, *, is_over: bool) -> bool:
        """Have each component be over whose steps all are, or whose job is; return whether one is now."""
        ended = False
        for name, component in self.components.items():
            states = {status for step, status in self.statuses.items() if group_of(step) == name}
            if component.started_at is None or component.is_over or not (is_over or states <= FINAL):
                continue
            failed = "Canceled" if "Canceled" in states else "Failed"
            component.status = "Completed" if states == {"Completed"} else failed
            component.ended_at, ended = clock, True
        return ended

    @property
    def optional_needs(self) -> Mapping[str, frozenset[str]]:
        return {name: record.plan.optional_needs for name, record in self.steps.items()}

    @property
    def statuses(self) -> dict[str, str]:
        return {name: record.step.status for name, record in self.steps.items()}


@dataclass
class Threads:
    """The threads that look after steps: all are joined at the end."""

    running: list[threading.Thread] = field(default_factory=list)

    def start(self, thread: threading.Thread) -> None:
        self.running = [known for known in self.running if known.is_alive()]
        self.running.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self.running:
            thread.join()
