"""The machines of a run on Azure ML: its steps are seen and cancelled, its clusters deleted, its job gets tags."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hyperscale.azure_run import AzureRun
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.clusters import Deleted, Deletions
from hyperscale.node.ending.joins import Join, with_joins
from hyperscale.node.ending.step_sight import StepSight
from hyperscale.tempo import at_tempo

#: Consumers may take so long to leave and until Azure ML has their logs; then their steps are cancelled.
SETTLE_SECONDS = 60.0
LOOK_SECONDS = 2.0
THREADS = 8

logger = logging.getLogger(__name__)


class AzureFleet:
    """The machines of one run, asked for as one principal; a `Fleet`.

    Attributes:
        run: where it is, and what it owns, so far as anybody joined.
    """

    def __init__(self, workspace: Workspace, run: AzureRun, *, clock: Callable[[], float]) -> None:
        """Ask `workspace`, which is that of `run`; `clock` returns seconds."""
        self.run = run
        self._workspace, self._clock = workspace, clock
        self._joins: Callable[[], list[Join]] = list
        self._sight: StepSight | None = None
        self._deletions: Deletions | None = None
        self._deleted: Deleted | None = None

    @property
    def usd_per_node_hour(self) -> float | None:
        """Return the list price of a consumer's node; None when nobody knows it."""
        return self.run.usd_per_node_hour

    @property
    def is_ours(self) -> bool:
        """Return whether the run has clusters that are to be deleted."""
        return bool(self._now().clusters)

    def follow(self, jobs: Iterable[str], joins: Callable[[], list[Join]]) -> None:
        """Look from now on at the steps of the run's jobs: of `jobs`, and of who joined by then, as `joins` says."""
        self.run = replace(self.run, jobs=tuple(dict.fromkeys((*self.run.jobs, *jobs))))
        self._joins = joins
        self._sight = StepSight(self._workspace, lambda: self._now().jobs)
        self._sight.start()

    def close(self) -> None:
        """Look no more."""
        if self._sight:
            self._sight.close()

    def steps(self) -> tuple[StepFacts, ...]:
        """Return at once what was seen last of the run's jobs."""
        return self._sight.latest() if self._sight else ()

    def begin_deletion(self) -> None:
        """Have all consumers cancelled and the run's clusters deleted, and do not wait for it."""
        if self._deletions is None:
            self._cancel(self._open_consumers())
            self._deletions = self._new_deletions()
            self._deletions.ask(self._clock())

    def delete(self, wait: Callable[[float], None]) -> Deleted:
        """Delete the run's clusters once its consumers have ended, and wait until they are gone.

        Once done, the same is returned again.
        """
        if self._deleted is None:
            if self._deletions is None:
                self._settle(wait)
            self._deleted = (self._deletions or self._new_deletions()).finish(clock=self._clock, wait=wait)
            for name in self._deleted.foreign:
                logger.warning(
                    "cluster %s stays: it is not tagged %s=%s, so it is not this run's",
                    name, self.run.tag, self.run.tag_value,
                )  # fmt: skip
        return self._deleted

    def tell(self, results: RunResults) -> None:
        """Say what the run came to as tags of its first job, which the studio shows."""
        counts = results.rows
        tags = {"succeeded": counts.succeeded, "failed": counts.failed, "missing": counts.missing}
        try:
            self._workspace.tag_job(self.run.jobs[0], {name: str(count) for name, count in tags.items()})
        except AzureError as error:
            logger.warning("the job does not get its tags %s: %s", tags, error)

    def log(self, figures: Mapping[str, float]) -> None:
        """Show figures of now as metrics of the run's first job.

        Raises:
            AzureError: when they are not taken.
        """
        self._workspace.log_metrics(self.run.jobs[0], figures, time.time())

    def _now(self) -> AzureRun:
        """Return the run with all that joined it by now, as far as its store says."""
        try:
            self.run = with_joins(self.run, self._joins())
        except HyperscaleError as error:
            logger.warning("who has joined the run is not known: %s", error)
        return self.run

    def _new_deletions(self) -> Deletions:
        run = self._now()
        return Deletions(self._workspace, run.clusters, tag=run.tag, value=run.tag_value)

    def _open_consumers(self) -> list[StepFacts]:
        steps = self._sight.look() if self._sight else ()
        return [step for step in steps if step.role == "consume" and not step.is_over]

    def _settle(self, wait: Callable[[float], None]) -> None:
        """Let consumers end in good order, for a while; then cancel what is left of them.

        Spare ones that waited for a node get one now, see that the run is over and leave: a step that is cancelled
        would turn the whole job red. A cluster that is deleted while a step is on it takes the step's logs along.
        """
        until = self._clock() + at_tempo(SETTLE_SECONDS)
        while (left := self._open_consumers()) and self._clock() < until:
            wait(at_tempo(LOOK_SECONDS))
        self._cancel(left)

    def _cancel(self, steps: list[StepFacts]) -> None:
        def cancel(step: StepFacts) -> None:
            try:
                self._workspace.cancel_step(step)
            except AzureError as error:
                logger.warning("step %s (%s) is not cancelled: %s", step.name, step.run_id, error)

        if steps:
            logger.info("%d consumers that have nothing left to do are cancelled", len(steps))
            with ThreadPoolExecutor(THREADS, thread_name_prefix="cancel") as pool:
                list(pool.map(cancel, steps))
