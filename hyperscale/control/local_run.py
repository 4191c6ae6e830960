"""Executes the steps of a pipeline on this machine: starts what is ready, shows progress, stops in good order.

What happens next is decided by `decide`, a pure function; the loop of `LocalRun` carries it out.
"""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hyperscale import blobs
from hyperscale.control.bindings import State, next_steps
from hyperscale.control.progress import Display, Pace, read_progress
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.step_plans import StepPlan
from hyperscale.control.steps import Step, error_of
from hyperscale.control.stopping import StopRequests
from hyperscale.node.control import read_resumes, read_seed, write_cancel
from hyperscale.node.ledger_reader import count_outcomes
from hyperscale.node.queues import QueueGoneError
from hyperscale.node.stores import Store

SEED = "seed"
TEARDOWN = "teardown"
#: How often steps are looked at, and how often heartbeats are.
TICK_SECONDS = 0.05
PROGRESS_SECONDS = 0.2
STOPPING = "stopping: rows in flight are finished or given back (Ctrl-C again leaves at once)"


@dataclass(frozen=True)
class Decision:
    """What happens next.

    Attributes:
        start: jobs that are started.
        skip: jobs that never will be.
        stop: jobs that are asked to end in good order.
        kill: whether everything ends at once.
        cancel: why teardown need not wait any longer: seed_failed, steps_over, or "".
        alone: whether teardown is the last process of the run.
    """

    start: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    kill: bool = False
    cancel: str = ""
    alone: bool = False


def decide(needs: Mapping[str, Collection[str]], states: Mapping[str, State], stop_requests: int) -> Decision:
    """Return what happens next.

    Args:
        needs: job to the jobs whose outputs it reads.
        states: of every job.
        stop_requests: how often the user asked to stop.
    """
    running = [job for job, state in states.items() if state == "running"]
    waiting = tuple(job for job, state in states.items() if state == "waiting")
    others = tuple(job for job in running if job != TEARDOWN)
    if stop_requests > 1:
        return Decision(skip=waiting, kill=True)
    alone = running == [TEARDOWN]
    if stop_requests:
        # Teardown ends by the marker, after the consumers: what they still write belongs into its seal.
        return Decision(skip=waiting, stop=others, alone=alone)
    if states.get(TEARDOWN) in ("succeeded", "failed"):
        return Decision(skip=waiting, stop=others)
    start, skip = next_steps(needs, states)
    cancel = ""
    if TEARDOWN in running and states.get(SEED) == "failed":
        cancel = "seed_failed"
    elif alone and not waiting:
        cancel = "steps_over"
    return Decision(start=start, skip=skip, cancel=cancel, alone=alone and not start)


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
        total: int | None = None,
    ) -> None:
        """Prepare to run `plans`.

        Args:
            run: where it lies.
            plans: its steps.
            display: takes the progress.
            stops: counts the wishes to stop.
            lock: descriptor of the run's lock; steps inherit it.
            total: rows, as planned; seed.json knows better later.
        """
        self._run, self._plans, self._display = run, plans, display
        self._stops, self._lock, self._total = stops, lock, total
        self._store = run.store()
        self._life = len(read_resumes(self._store))
        self._done_before, self._failed_before = _outcomes_so_far(self._store)
        self._states: dict[str, State] = dict.fromkeys(plans, "waiting")
        self._steps: dict[str, Step] = {}
        self._exits: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._asked: set[str] = set()
        self._seeded = self._cancelled = self._told_stop = self._buried = False
        self._broken = ""
        self._pace = Pace()
        self._next_show = 0.0

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
                self._show(time.monotonic())
                time.sleep(TICK_SECONDS)
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
        for job, step in self._steps.items():
            code = step.exit_code()
            if code is None or job in self._exits:
                continue
            self._exits[job] = code
            self._states[job] = "failed" if code else "succeeded"
            # A process that is just ending may take our SIGTERM as any program does: that is no failure.
            if code and not (code == -signal.SIGTERM and job in self._asked):
                self._errors[job] = error_of(step.log_tail(), code)

    def _carry_out(self, decision: Decision) -> None:
        for job in decision.skip:
            self._states[job] = "skipped"
        for job in decision.start:
            self._steps[job] = Step(self._plans[job].command, held_open=(self._lock,))
            self._states[job] = "running"
        if decision.kill:
            for step in self._steps.values():
                step.kill()
        for job in decision.stop:
            if job not in self._asked:
                self._asked.add(job)
                self._steps[job].stop()
        if self._stops.count and not self._told_stop:
            self._told_stop = True
            self._next_show = 0.0
            self._display.say(STOPPING)
            write_cancel(self._store, self._life, "user", "stopped by the user")
        if decision.cancel and not self._cancelled:
            self._cancelled = True
            self._cancel(decision.cancel)
        if decision.alone and not self._buried:
            # After the marker, which knows better why they are gone.
            self._buried = True
            self._bury()

    def _bury(self) -> None:
        """Say in their place that seed and consumers are gone: a killed one could not, and is waited for."""
        for name, _, fields in list(self._store.beats(blobs.CONSUMERS)):
            is_ours = fields.get("role") != TEARDOWN and fields.get("life", self._life) == self._life
            if is_ours and fields.get("state") not in ("left", "broken"):
                self._store.beat(name, {**fields, "state": "left", "message": "its process has ended"})

    def _cancel(self, reason: str) -> None:
        """End this life for teardown, unless the queue is drained: then it ends by itself."""
        message = self._errors.get(SEED, "")
        if reason == "steps_over":
            if not self._has_messages():
                return
            self._next_show = 0.0
            self._show(time.monotonic())
            failed = [f"step {job} failed: {error}" for job, error in self._errors.items()]
            message = self._broken or next(iter(failed), "all consumers have ended")
        write_cancel(self._store, self._life, reason, message)

    def _has_messages(self) -> bool:
        queue = self._run.queue()
        try:
            # Exact: no process is left that could put, receive or delete.
            return queue.depth() > 0
        except QueueGoneError:
            return False
        finally:
            queue.close()

    def _show(self, now: float) -> None:
        if now < self._next_show:
            return
        self._next_show = now + PROGRESS_SECONDS
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
        if progress.broken and not self._broken:
            self._broken = progress.broken
            self._display.say(f"error: {progress.broken}")
        progress = self._pace.add(progress, now)
        if self._stops.count:
            progress = dataclasses.replace(progress, phase="stopping")
        self._display.show(progress, now)


def _outcomes_so_far(store: Store) -> tuple[int, int]:
    """Return how many rows have an outcome in the ledger, and how many of them failed."""
    seed = read_seed(store)
    if seed is None:
        return 0, 0
    tally = count_outcomes(store, seed.rows)
    return tally.succeeded + tally.failed, tally.failed
