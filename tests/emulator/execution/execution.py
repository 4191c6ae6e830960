"""Executes the jobs that are submitted to the emulated Azure, and lets tests do to them what happens on a bad day."""

from __future__ import annotations

import contextlib
import math
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from emulator.catalogue import LOW_PRIORITY
from emulator.execution.data import Storage
from emulator.execution.dispatcher import CANCELLED, Dispatcher, compute_is_gone
from emulator.execution.host import Host
from emulator.execution.ordering import FINAL
from emulator.execution.processes import kill_all, programs
from emulator.execution.records import Fate, JobRecord, StepRecord
from emulator.execution.step_run import LOG, StepRuns
from emulator.execution.submitted import group_of, steps_of
from emulator.resources import Failure, Job, Step

_LIFELINE = Path(__file__).with_name("lifeline.py")
PREEMPTED = Failure(
    "PreemptionError",
    "Nodes of this job got pre-empted. Check if the run has failed or restarted. "
    "Reason: Received pre-emption warning signal",
)
NODE_LOST = Failure("NodeLost", "The node of this job does not answer any more.")


class Execution:
    """Runs jobs on fake nodes: each step is a group of processes of this machine.

    Attributes:
        nodes: of the clusters; `nodes.start_seconds` is how long a new one takes.
        images: of the environments; `images.build_seconds` is how long the first use of one takes.
        interference: what tests have arranged for steps that are yet to start.
    """

    def __init__(self, host: Host) -> None:
        """Begin to work for `host`; `close` ends it."""
        self._world = host.world
        folder = host.folder.resolve() / "nodes"
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._blobs = host.blob_service()
        storage = Storage(self._blobs, host.world, host.datastore_container, folder / "data", host.contents)
        self._dispatcher = Dispatcher(host, StepRuns(host, storage, folder))
        self.nodes, self.images = self._dispatcher.nodes, self._dispatcher.images
        self.interference = self._dispatcher.interference
        self._lifeline = subprocess.Popen(
            [sys.executable, "-S", "-E", "-I", _LIFELINE, folder], stdin=subprocess.PIPE, start_new_session=True
        )
        self._dispatcher.start()

    @property
    def grace_seconds(self) -> float:
        """How long a step that is cancelled has between SIGTERM and SIGKILL."""
        return self._dispatcher.grace_seconds

    @grace_seconds.setter
    def grace_seconds(self, seconds: float) -> None:
        self._dispatcher.grace_seconds = seconds

    def close(self) -> None:
        """End all processes and threads, and wait for that."""
        self._dispatcher.close()
        self._blobs.close()
        assert self._lifeline.stdin is not None
        self._lifeline.stdin.close()
        self._lifeline.wait()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def submit(self, job: Job) -> None:
        """Begin with a job that was accepted; returns at once.

        Raises:
            KeyError: when it names a component that is not there.
            NotImplementedError: when it is no pipeline.
        """
        if job.properties.get("jobType") != "Pipeline":
            raise NotImplementedError(f"{job.name} is a {job.properties.get('jobType')}: only pipelines are executed")
        with self._world.lock:
            settings = job.properties.get("settings") or {}
            record = JobRecord(job, continues_on_failure=settings.get("continue_on_step_failure") is not False)
            for plan in steps_of(job.properties, self._component_spec):
                group = group_of(plan.name)
                if group and group not in record.components:
                    record.components[group] = Step(str(uuid.uuid4()), job.name, group, children=[])
                parent = record.components[group].run_id if group else None
                step = Step(str(uuid.uuid4()), job.name, plan.name.rpartition("/")[2], parent=parent)
                step.properties["azureml.componentName"] = plan.component
                record.steps[plan.name] = StepRecord(plan, step, record, self.nodes.pool_of(plan))
            self._dispatcher.jobs[job.name] = record
            self._world.notify()

    def cancel(self, name: str) -> None:
        """Begin to end a job, or a step by its run id; returns at once. One that is over stays what it is."""
        with self._world.lock:
            record = self._dispatcher.jobs.get(name)
            if record is None:
                for found in self._records_of_run(name):
                    self._dispatcher.end(found, CANCELLED)
            elif not record.job.is_over:
                record.is_cancelled = True
                record.job.status = "CancelRequested"
            self._world.notify()

    def compute_deleted(self, name: str) -> None:
        """End what runs on a compute, or waits for it; returns at once."""
        with self._world.lock:
            for record in self._live_on({name}):
                self._dispatcher.end(record, compute_is_gone(name), at_once=True)
            self.nodes.clear(name)
            self._world.notify()

    def preempt(
        self,
        compute: str | None = None,
        share: float = 0.5,
        *,
        restart: bool = False,
        chance: random.Random | None = None,
    ) -> list[Step]:
        """Take nodes away from steps that run on low priority: kill -9, no warning. Return those steps.

        Args:
            compute: name of the cluster; None is all of low priority.
            share: of the nodes that run something, rounded up.
            restart: queue the steps again, in place of failing them: the service has done so at times.
            chance: who is hit; without it, who is first.
        """
        with self._world.lock:
            hit = [record for record in self._dispatcher.working() if self._is_preemptible(record, compute)]
            count = math.ceil(share * len(hit))
            chosen = chance.sample(hit, count) if chance else hit[:count]
            for record in chosen:
                record.fate = Fate("Failed", PREEMPTED, node="preempted", restarts=restart)
            kill_all([record.process for record in chosen if record.process])
            self._world.notify()
            return [record.step for record in chosen]

    def lose_node(self, job: str, step: str) -> None:
        """Have the node of a step vanish: it fails, and is not started again."""
        self._hit(job, step, Fate("Failed", NODE_LOST, node="gone"))

    def kill(self, job: str, step: str) -> None:
        """Kill the processes of a step, and leave its node as it is: as when its memory was used up."""
        self._hit(job, step, None)

    def kill_doomed(self) -> None:
        """Kill the steps that run and are doomed."""
        with self._world.lock:
            hit = [record for record in self._dispatcher.working() if self.interference.dooms(record)]
            kill_all([record.process for record in hit if record.process])

    def fail_image(self, pattern: str) -> None:
        """Have no environment build from now on whose id, image or packages match `pattern`."""
        with self._world.lock:
            self.images.broken.append(pattern)

    def steps(self, job: str) -> dict[str, Step]:
        """Return the steps of a job by name, those included that nobody has begun."""
        with self._world.lock:
            return {name: record.step for name, record in self._dispatcher.jobs[job].steps.items()}

    def log(self, job: str, step: str) -> str:
        """Return what a step has said so far."""
        file = self.steps(job)[step].logs.get(LOG)
        return file.read_text("utf-8", errors="replace") if file and file.exists() else ""

    def wait_for(
        self, job: str, step: str | None = None, *, status: str | Collection[str] = FINAL, timeout: float = 60
    ) -> str:
        """Wait until a job, or one of its steps, has a status; return it.

        Raises:
            TimeoutError: when it has not in time, or is over with another; says what all steps are at.
        """
        wanted = {status} if isinstance(status, str) else set(status)

        def now() -> str:
            return self.steps(job)[step].status if step else self._world.jobs[job].status

        with contextlib.suppress(TimeoutError):
            self._world.wait_until(lambda: now() in wanted | FINAL, timeout)
        if (found := now()) in wanted:
            return found
        seen = "\n".join(f"{name}: {found.status} {found.error or ''}" for name, found in self.steps(job).items())
        raise TimeoutError(f"{job} {step or ''} is {found}, not {sorted(wanted)}; its steps are:\n{seen}")

    def processes(self, job: str) -> Mapping[str, int]:
        """Return the process ids of the steps of a job that run, by name."""
        with self._world.lock:
            records = self._dispatcher.jobs[job].steps
            return {name: record.process.process_id for name, record in records.items() if record.process}

    def programs(self, job: str) -> list[str]:
        """Return the command lines of all processes in the steps of a job."""
        with self._world.lock:
            run_ids = [record.step.run_id for record in self._dispatcher.working() if record.job.job.name == job]
        return [line for run_id in run_ids for line in programs(f"AZUREML_RUN_ID={run_id}")]

    def _hit(self, job: str, step: str, fate: Fate | None) -> None:
        with self._world.lock:
            record = self._record(job, step)
            if record.process is None:
                raise ValueError(f"{step} of {job} does not run: it is {record.step.status}")
            record.fate = record.fate or fate
            kill_all([record.process])

    def _record(self, job: str, step: str) -> StepRecord:
        return self._dispatcher.jobs[job].steps[step]

    def _records_of_run(self, run_id: str) -> list[StepRecord]:
        """Return the step with this run id, or all those of the pipeline component with it."""
        step = self._world.steps.get(run_id)
        records = self._dispatcher.jobs[step.job].steps.values() if step else ()
        return [record for record in records if run_id in (record.step.run_id, record.step.parent)]

    def _live_on(self, pools: set[str]) -> list[StepRecord]:
        return [
            record
            for job in self._dispatcher.jobs.values()
            for record in job.steps.values()
            if record.pool in pools and record.order is not None and not record.step.is_over
        ]

    def _is_preemptible(self, record: StepRecord, compute: str | None) -> bool:
        found = self.nodes.compute(record.pool)
        is_meant = compute in (None, record.pool)
        return bool(is_meant and found and found.tier == LOW_PRIORITY and record.process and not record.fate)

    def _component_spec(self, component_id: str) -> Mapping[str, Any]:
        asset = self._world.asset_of(component_id)
        if asset is None:
            raise KeyError(f"there is no component {component_id}")
        spec: Mapping[str, Any] = asset.properties["componentSpec"]
        return spec
