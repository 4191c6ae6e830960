"""The loop of the execution: what is decided about jobs, steps and nodes is carried out, when something has changed."""

from __future__ import annotations

import itertools
import threading
import time
import traceback

from emulator.execution.host import Host
from emulator.execution.images import BUILD_LOG, Images, write_build_log
from emulator.execution.interference import Interference
from emulator.execution.nodes import Nodes
from emulator.execution.ordering import FINAL, PREPARING, Decision, decide
from emulator.execution.processes import StepProcess, kill_all
from emulator.execution.records import Fate, JobRecord, StepRecord, Threads
from emulator.execution.step_run import LOG, ReadyStep, StepRuns, carry_out, output_uris
from emulator.execution.submitted import SERVERLESS, SubmittedStep, group_of
from emulator.resources import Failure

CANCELLED = Fate("Canceled")
#: What the service says is not known here by more than its code.
TIMED_OUT = Fate("Canceled", Failure("JobTimedOut", "The job has run for longer than its limits.timeout."))
FAILED_CHILDREN = "Pipeline has failed child jobs. Failed nodes: {}. For more details and logs, please go to the job detail page and check the child jobs."  # noqa: E501


class Dispatcher:
    """Carries jobs on in a thread of its own, and each step that runs in another.

    Attributes:
        jobs: by name.
        nodes, images: of the world.
        grace_seconds: how long a step that is cancelled has after SIGTERM.
        interference: what tests have arranged for steps.
    """

    def __init__(self, host: Host, runs: StepRuns) -> None:
        """Prepare to work for `host`; `start` begins."""
        self.jobs: dict[str, JobRecord] = {}
        self.nodes = Nodes(host.world)
        self.images = Images(host.world)
        self.grace_seconds = 5.0
        self.interference = Interference()
        self._world, self._runs = host.world, runs
        self._orders = itertools.count()
        self._threads = Threads()
        self._thread = threading.Thread(target=self._loop, name="dispatcher")
        self._is_closing = False

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all steps and threads, and wait for that."""
        with self._world.lock:
            self._is_closing = True
            kill_all([record.process for record in self.working() if record.process])
            self._world.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._threads.join()

    def working(self) -> list[StepRecord]:
        """Return the steps that a thread looks after."""
        return [record for job in self.jobs.values() for record in job.steps.values() if record.has_thread]

    def end(self, record: StepRecord, fate: Fate, *, at_once: bool = False) -> None:
        """Have a step end; one that runs has `grace_seconds` for it, or nothing if it has to end `at_once`."""
        if record.step.is_over:
            return
        record.fate = record.fate or fate
        if not record.has_thread:
            self._finish(record, record.fate)
        elif at_once:
            kill_all([record.process] if record.process else [])
        elif record.kill_at is None:
            record.step.status = "CancelRequested"
            record.kill_at = time.monotonic() + self.grace_seconds
            if record.process:
                record.process.ask_to_end()
        self._world.notify()

    def _loop(self) -> None:
        with self._world.lock:
            while not self._is_closing:
                now, clock = time.monotonic(), time.time()
                while self._advance(now, clock):
                    self._world.notify()
                times = [at for at in self._next_changes(now, clock) if at > now]
                self._world.changed.wait(min(times) - now if times else None)

    def _advance(self, now: float, clock: float) -> bool:
        """Do what is due; return whether something has changed."""
        self._world.settle()
        changed = self.nodes.let_idle_ones_leave(now)
        changed |= self._mind_times(now)
        for job in self.jobs.values():
            if not job.job.is_over:
                decision = decide(
                    job.needs,
                    job.statuses,
                    optional_needs=job.optional_needs,
                    continues_on_failure=job.continues_on_failure,
                    is_cancelled=job.is_cancelled,
                )
                changed |= self._carry_out(job, decision, now, clock)
        return changed | self._assign(now, clock)

    def _carry_out(self, job: JobRecord, decision: Decision, now: float, clock: float) -> bool:
        changed = bool(decision.start or decision.ending)
        if job.job.status == PREPARING:
            job.job.status, job.job.started_at, changed = "Running", clock, True
        for name in decision.start:
            self._begin(job.steps[name], now)
        for name in decision.stop:
            record = job.steps[name]
            changed |= not record.has_thread or record.fate is None
            self.end(record, CANCELLED)
        changed |= job.end_components(clock, is_over=bool(decision.ending))
        if decision.ending:
            job.job.status, job.job.ended_at = decision.ending, clock
            failed = [f"/{name}" for name, status in job.statuses.items() if status in ("Failed", "Canceled")]
            if decision.ending == "Failed":
                job.job.error = Failure("UserError", FAILED_CHILDREN.format(", ".join(failed)))
        return changed

    def _begin(self, record: StepRecord, now: float) -> None:
        """Hand a step to its compute, by way of its image."""
        step = record.step
        record.order = next(self._orders)
        step.created_at = time.time()
        step.outputs = output_uris(record)
        self._world.steps[step.run_id] = step
        siblings = record.job.job.steps
        if group := record.job.components.get(group_of(record.plan.name) or ""):
            if group.run_id not in self._world.steps:
                self._world.steps[group.run_id] = group
                group.status, group.started_at = "Running", time.time()
                siblings.append(group)
            assert group.children is not None
            siblings = group.children
        siblings.append(step)
        for name, output in record.plan.outputs.items():
            if output.of_pipeline:
                record.job.job.outputs[output.of_pipeline] = step.outputs[name]
        failure = self.images.failure(record.plan.environment)
        record.image_at = self.images.ready_at(record.plan.environment, now)
        if failure:
            file = self._runs.folder_of(record) / "logs" / BUILD_LOG
            write_build_log(file)
            step.logs[BUILD_LOG] = file
        if record.image_at > now:
            step.status = "Preparing"
        elif failure:
            self._finish(record, Fate("Failed", failure))
        else:
            step.status = "Queued"

    def _mind_times(self, now: float) -> bool:
        changed = False
        for job in self.jobs.values():
            for record in job.steps.values():
                if record.step.status == "Preparing" and not record.has_thread and (record.image_at or 0) <= now:
                    failure = self.images.failure(record.plan.environment)
                    record.step.status, changed = "Queued", True
                    if failure:
                        self._finish(record, Fate("Failed", failure))
        for record in self.working():
            if record.stop_at is not None and record.stop_at <= now:
                record.stop_at = None
                self.end(record, TIMED_OUT)
        late = [record for record in self.working() if record.kill_at is not None and record.kill_at <= now]
        kill_all([record.process for record in late if record.process])
        for record in late:
            record.kill_at = float("inf")
        return changed

    def _next_changes(self, now: float, clock: float) -> list[float]:
        times = self.nodes.next_change(now, clock)
        times += [now + one.ends_at - clock for one in self._world.operations.values() if one.then]
        for job in self.jobs.values():
            for record in job.steps.values():
                if record.has_thread:
                    times += [at for at in (record.stop_at, record.kill_at) if at is not None and at != float("inf")]
                elif record.step.status == "Preparing" and record.image_at is not None:
                    times.append(record.image_at)
        return times

    def _assign(self, now: float, clock: float) -> bool:
        """Give nodes to steps that wait for one, and start those."""
        queued = [record for job in self.jobs.values() for record in job.steps.values() if record.is_queued]
        lost = [record for record in queued if self.nodes.compute(record.pool) is None]
        for record in lost:
            self._finish(record, compute_is_gone(record.pool))
        waiting = sorted((record for record in queued if record not in lost), key=lambda record: record.order or 0)
        by_id = {record.step.run_id: record for record in waiting}
        given = self.nodes.assign([(record.step.run_id, record.pool) for record in waiting], now, clock)
        for run_id, node in given.items():
            self._start(by_id[run_id], node, now)
        return bool(lost or given)

    def _start(self, record: StepRecord, node: str, now: float) -> None:
        record.node = record.step.node = node
        record.step.compute = record.plan.compute if record.pool in self._world.computes else ""
        record.step.status = "Preparing"
        record.step.logs[LOG] = self._runs.folder_of(record) / "logs" / LOG
        record.has_thread = True
        if record.plan.timeout_seconds is not None:
            record.stop_at = now + record.plan.timeout_seconds
        compute = self.nodes.compute(record.pool)
        identity_ids = self._serverless_identities(record.plan) if record.plan.compute == SERVERLESS else []
        identity_ids += compute.identity_ids if compute else []
        self._threads.start(threading.Thread(target=self._work, args=(record, identity_ids), name=record.plan.name))

    def _serverless_identities(self, plan: SubmittedStep) -> list[str]:
        """Return the identity that a serverless step has: one of the workspace's, if it asks for it."""
        there = self._world.workspace.identities if plan.is_managed else []
        return [str(one.path) for one in there if plan.client_id in (None, one.client_id)]

    def _work(self, record: StepRecord, identity_ids: list[str]) -> None:
        """Be the thread of a step."""
        try:
            fate = carry_out(record, self._runs, identity_ids, self._begin_process, self._finalize)
        except Exception:
            fate = Fate("Failed", Failure("InternalServerError", f"the emulator has failed: {traceback.format_exc()}"))
        with self._world.lock:
            record.has_thread = False
            self._finish(record, record.fate or fate)
            self._world.notify()

    def _begin_process(self, record: StepRecord, ready: ReadyStep) -> StepProcess | None:
        self.interference.change(record, ready)
        with self._world.lock:
            if self._is_closing:
                record.fate = record.fate or CANCELLED
            if record.fate:
                return None
            record.process = ready.start()
            record.step.status, record.step.started_at = "Running", time.time()
            self._world.notify()
            if self.interference.dooms(record):
                kill_all([record.process])
            return record.process

    def _finalize(self, record: StepRecord) -> None:
        with self._world.lock:
            record.process = None
            if record.fate is None:
                record.step.status = "Finalizing"
                self._world.notify()

    def _finish(self, record: StepRecord, fate: Fate | None) -> None:
        """Write down how a step has ended, and take its node back."""
        if record.node:
            self.nodes.release(record.pool, record.node, fate.node if fate else "idle", time.monotonic())
        record.node = record.process = record.fate = record.stop_at = record.kill_at = None
        if fate and fate.restarts:
            record.step.status, record.step.node = "Queued", None
            return
        record.step.status = fate.status if fate else "Completed"
        record.step.error = fate.error if fate else None
        record.step.ended_at = time.time()
        assert record.step.status in FINAL


def compute_is_gone(name: str) -> Fate:
    """Return how steps end whose compute is deleted; what the service really says is not documented."""
    return Fate("Failed", Failure("ComputeNotFound", f"The compute {name} was deleted."), node="gone")
