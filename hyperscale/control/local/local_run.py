"""Executes the steps of a pipeline on this machine: starts what is ready, shows progress, stops in good order.

What happens next is decided by `deciding`; the loop of `LocalRun` carries it out.
"""

from __future__ import annotations

import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from hyperscale import blobs
from hyperscale.control.follow.lives import bury, outcomes_so_far, planned_rows
from hyperscale.control.local.deciding import SEED, TEARDOWN, Decision, decide
from hyperscale.control.local.drill import RunningDrill
from hyperscale.control.local.step_plans import StepPlan
from hyperscale.control.local.steps import Step
from hyperscale.control.local.stopping import StopRequests
from hyperscale.control.progress import RESULTS_PHASE, Display, Pace, read_progress
from hyperscale.control.rendered.bindings import State
from hyperscale.control.run_folder import RunFolder
from hyperscale.log_lines import fields
from hyperscale.node.control import read_manifest, read_resumes, read_seed, write_cancel
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.queues import QueueGoneError
from hyperscale.tempo import at_tempo

#: How often steps are looked at.
TICK_SECONDS = 0.05
#: A storage account that does not answer is asked again after this.
RETRY_SECONDS = 1.0
STOPPING = "stopping: rows in flight are finished or given back (Ctrl-C again leaves at once)"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How the steps of a run ended.

    Attributes:
        exits: exit code of each step that was started; negative: by that signal.
        errors: of each step that failed, why.
        stop_requests: how often the user asked to stop.
        broken: why a consumer could not work at all; empty when all could.
    """

    exits: Mapping[str, int]
    errors: Mapping[str, str]
    stop_requests: int
    broken: str


class LocalRun:
    """One life of a run on this machine; call `execute` once."""

    def __init__(
        self,
        run: RunFolder,
        plans: Mapping[str, StepPlan],
        *,
        display: Display,
        stops: StopRequests,
        lock: int,
        drill: RunningDrill | None = None,
    ) -> None:
        """Prepare to run `plans`.

        Args:
            run: where it lies.
            plans: its steps.
            display: takes the progress.
            stops: counts the wishes to stop.
            lock: descriptor of the run's lock; steps inherit it.
            drill: kills consumers, which are started again, and workers.
        """
        self._run, self._plans, self._display = run, plans, display
        self._stops, self._lock, self._drill = stops, lock, drill
        with closing(run.store()) as store:
            self._total = planned_rows(read_manifest(store))
            self._life = len(read_resumes(store))
            self._done_before, self._failed_before = outcomes_so_far(store)
        # The loop never waits for a storage account that does not answer: it looks after its steps, and tries again.
        self._store = run.store(patience_seconds=0)
        self._states: dict[str, State] = dict.fromkeys(plans, "waiting")
        self._steps: dict[str, Step] = {}
        self._exits: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._asked: set[str] = set()
        self._preempted: set[str] = set()
        self._seeded = self._cancelled = self._told_stop = self._marked = self._buried = False
        self._broken = ""
        self._pace = Pace()
        self._next_show = self._next_try = 0.0

    def execute(self) -> Ending:
        """Run all steps to their end.

        Raises:
            ExperimentError: when the program of a step cannot be started; the others are killed.
        """
        needs = {job: plan.needs for job, plan in self._plans.items()}
        try:
            while not self._is_over:
                self._reap()
                self._carry_out(decide(needs, self._states, self._stops.count))
                if time.monotonic() >= self._next_show:
                    self._try(lambda: self._show(time.monotonic()))
                time.sleep(TICK_SECONDS)
            if self._errors:  # whoever could not start has said why since the last look, perhaps
                self._try(lambda: self._show(time.monotonic()))
        finally:
            for step in self._steps.values():
                step.kill()
                step.close()
            self._store.close()
        return Ending(self._exits, self._errors, self._stops.count, self._broken)

    @property
    def _is_over(self) -> bool:
        return not any(state in ("waiting", "running") for state in self._states.values())

    def _reap(self) -> None:
        for job, step in list(self._steps.items()):
            code = step.exit_code()
            if code is None or job in self._exits:
                continue
            if job in self._preempted:
                self._preempted.remove(job)
                if code == -signal.SIGKILL:
                    logger.info("step %s was preempted, and starts again", job, extra=fields("preempted", step=job))
                    # A spare takes its place, as on low priority: Azure ML does not start the job itself again.
                    self._steps.pop(job).close()
                    self._states[job] = "waiting"
                    continue
            self._exits[job] = code
            self._states[job] = "failed" if code else "succeeded"
            logger.info(
                "step %s ended: %s", job, self._states[job], extra=fields("step_ended", step=job, exit_code=code)
            )
            # A process that is just ending may take our SIGTERM as any program does: that is no failure.
            if code and not (code == -signal.SIGTERM and job in self._asked):
                self._errors[job] = step.error(code)

    def _carry_out(self, decision: Decision) -> None:
        for job in decision.skip:
            self._states[job] = "skipped"
        for job in decision.start:
            self._steps[job] = Step(self._plans[job].command, held_open=(self._lock,))
            self._states[job] = "running"
            logger.info("step %s starts", job, extra=fields("step_started", step=job, process=self._steps[job].pid))
        if decision.kill:
            for step in self._steps.values():
                step.kill()
        if self._stops.count and not self._marked:
            # Before the signals: consumers that find the marker write what they have finished, and it is counted.
            self._marked = self._try(lambda: write_cancel(self._store, self._life, "user", "stopped by the user"))
        for job in set(decision.stop) - self._asked:
            self._asked.add(job)
            self._steps[job].stop()
        if self._stops.count and not self._told_stop:
            self._told_stop = True
            self._next_show = 0.0
            self._display.say(STOPPING)
        if decision.cancel and not self._cancelled:
            self._cancelled = self._try(lambda: self._cancel(decision.cancel))
        if decision.alone and not self._buried and (self._cancelled or self._marked or not decision.cancel):
            # After the marker, which knows better why they are gone.
            self._buried = self._try(lambda: bury(self._store, self._life, ("seed", "consume")))

    def _try(self, request: Callable[[], None]) -> bool:
        """Carry out `request`; return False when the storage does not answer, and it has to be tried again."""
        now = time.monotonic()
        if now < self._next_try:
            return False
        try:
            request()
        except StorageUnavailableError:
            # The steps say so, in their logs, and wait.
            self._next_try = now + at_tempo(RETRY_SECONDS)
            return False
        return True

    def _cancel(self, reason: str) -> None:
        """End this life for teardown, unless the queue is drained: then it ends by itself."""
        message = self._errors.get(SEED, "")
        if reason == "steps_over":
            if not self._has_messages():
                return
            self._show(time.monotonic())
            failed = [f"step {job} failed: {error}" for job, error in self._errors.items()]
            message = self._broken or next(iter(failed), "all consumers have ended")
        write_cancel(self._store, self._life, reason, message)
        logger.info("no more rows are handed out: %s", message, extra=fields("cancelled", reason=reason))

    def _has_messages(self) -> bool:
        queue = self._run.queue(patience_seconds=0)
        try:
            # Exact: no process is left that could put, receive or delete.
            return queue.depth() > 0
        except QueueGoneError:
            return False
        finally:
            queue.close()

    def _show(self, now: float) -> None:
        self._next_show = now + self._store.poll_seconds
        if not self._seeded and (record := read_seed(self._store)):
            self._seeded, self._total = True, record.rows
        progress = read_progress(
            self._store.beats(blobs.CONSUMERS),
            self._total,
            seeded=self._seeded,
            life=self._life,
            done_before=self._done_before,
            failed_before=self._failed_before,
        )
        if self._drill and self._seeded:
            running = {job: step for job, step in self._steps.items() if self._states[job] == "running"}
            consumers = {job: step for job, step in running.items() if job not in (SEED, TEARDOWN)}
            self._preempted |= self._drill.tend(progress.done - self._done_before, consumers)
        if progress.broken and not self._broken:
            self._broken = progress.broken
            self._display.say(f"error: {progress.broken}")
        if self._stops.count and progress.phase != RESULTS_PHASE:
            progress = dataclasses.replace(progress, phase="stopping")
        self._display.show(self._pace.add(progress, now), now)
