"""What tests have arranged for steps that are yet to start: changes of their surroundings, and their death."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.execution.records import StepRecord
from emulator.execution.step_run import ReadyStep


@dataclass
class Interference:
    """Arranged once, it holds for every step that fits, until the emulator ends.

    Attributes:
        changes: pattern of the name of steps, and what is called with each before its command starts.
        doomed: pattern of the name of steps that are killed as soon as they run, and the job that they are of; None
            is any job.
    """

    changes: list[tuple[re.Pattern[str], Callable[[ReadyStep], object]]] = field(default_factory=list)
    doomed: list[tuple[re.Pattern[str], str | None]] = field(default_factory=list)

    def change(self, record: StepRecord, ready: ReadyStep) -> None:
        for pattern, change in list(self.changes):
            if pattern.fullmatch(record.plan.name):
                change(ready)

    def dooms(self, record: StepRecord) -> bool:
        name, job = record.plan.name, record.job.job.name
        return any(pattern.fullmatch(name) and of_job in (None, job) for pattern, of_job in self.doomed)
