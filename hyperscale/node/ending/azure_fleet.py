"""The machines of a run on Azure ML: its steps are seen and cancelled, its clusters deleted, its job gets tags."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from hyperscale.azure_run import AzureRun
from hyperscale.cost import Rates
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import DataAsset, StepFacts
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.clusters import Deleted, Deletions
from hyperscale.node.ending.joins import Join, with_joins
from hyperscale.node.ending.shared_clusters import SharedClusters, jobs_of_render
from hyperscale.node.ending.step_sight import StepSight
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import claim_of
from hyperscale.tempo import at_tempo

#: Consumers may take so long to leave and until Azure ML has their logs; then their steps are cancelled.
SETTLE_SECONDS = 60.0
#: Steps that are cancelled may take so long until they are over; then their clusters are deleted under them.
CANCEL_SECONDS = 180.0
LOOK_SECONDS = 2.0
THREADS = 8
#: So many steps are named in a line of the log.
SHOWN_STEPS = 5

logger = logging.getLogger(__name__)


class FleetInWorkspace:
    """What every run on Azure ML has, whoever its machines belong to: its steps are seen, and its job is told.

    Attributes:
        component: run id of the component of a pipeline that the run is; empty for another run.
    """

    component = ""

    def __init__(self, workspace: Workspace) -> None:
        """Ask `workspace`, which is that of the run."""
        self._workspace = workspace
        self._sight: StepSight | None = None

    def steps(self) -> tuple[StepFacts, ...]:
        """Return at once what was seen last of the run's steps."""
        return self._sight.latest() if self._sight else ()

    def close(self) -> None:
        """Look no more."""
        if self._sight:
            self._sight.close()

    def register(self, asset: DataAsset) -> None:
        """Make a data asset in the workspace.

        Raises:
            AzureError: when it refuses, or the asset exists with other data.
        """
        self._workspace.register_folder(asset)

    def _look_at(self, jobs: Callable[[], Iterable[str]]) -> None:
        """Look from now on at the steps of `jobs`."""
        self._sight = StepSight(self._workspace, jobs)
        self._sight.start()

    def _tag(self, kind: str, name: str, tags: Mapping[str, str]) -> None:
        """Give the job, or the component, that is called `name` further tags; what is refused is logged."""
        try:
            self._workspace.tag_job(name, tags)
        except AzureError as error:
            logger.warning("the %s does not get its tags %s: %s", kind, dict(tags), error)


def outcome_tags(results: RunResults) -> dict[str, str]:
    """Return what a run has come to, as tags that the studio shows."""
    counts = results.rows
    tags = {"succeeded": counts.succeeded, "failed": counts.failed, "missing": counts.missing}
    return {name: str(count) for name, count in tags.items()}


class AzureFleet(FleetInWorkspace):
    """The machines of one run, asked for as one principal; a `Fleet`.

    Attributes:
        run: where it is, and what it owns, so far as anybody joined.
    """

    def __init__(
        self, workspace: Workspace, run: AzureRun, *, run_id: str, consumers: int, clock: Callable[[], float]
    ) -> None:
        """Prepare to see and to end the machines of a run; nothing is asked yet.

        Args:
            workspace: of the run.
            run: what the inputs of its teardown say.
            run_id: of the run.
            consumers: how many consume steps are planned: some of them may not be there yet.
            clock: returns seconds.
        """
        super().__init__(workspace)
        self.run = run
        self._run_id, self._consumers, self._clock = run_id, consumers, clock
        self._joins: Callable[[], list[Join]] = list
        self._joined: list[Join] = []
        self._open_run: Callable[[str], Store] | None = None
        self._own_jobs, self._refused_jobs = set(run.jobs), set[str]()
        self._deletions: Deletions | None = None
        self._deleted: Deleted | None = None

    def rates(self, idle_seconds: float) -> Rates | None:
        """Return what the run's nodes cost; its own ones stay idle for `idle_seconds`."""
        return self.run.rates(idle_seconds)

    @property
    def is_ours(self) -> bool:
        """Return whether the run has clusters that are to be deleted."""
        return bool(self._now().clusters)

    def follow(
        self, jobs: Iterable[str], joins: Callable[[], list[Join]], open_run: Callable[[str], Store] | None = None
    ) -> None:
        """Look from now on at the steps of the run's jobs: of `jobs`, and of who joined by then, as `joins` says.

        Both are claims: a job is looked at when Azure says that it is the run's. `open_run` opens the store of a run.
        """
        self.run = replace(self.run, jobs=tuple(dict.fromkeys((*self.run.jobs, *jobs))))
        self._joins, self._open_run = joins, open_run
        self._look_at(self._jobs)

    def begin_deletion(self) -> None:
        """Have all consumers cancelled and the run's clusters deleted, and do not wait for it."""
        if self._deletions is None:
            self._cancel(self._open_steps())
            self._deletions = self._new_deletions()
            self._deletions.ask(self._clock())

    def delete(self, wait: Callable[[float], None]) -> Deleted:
        """Delete the run's clusters once its consumers have ended, and wait until they are gone.

        Once done, the same is returned again.
        """
        if self._deleted is None:
            if self._deletions is None:
                self._settle(wait)
                self._deletions = self._new_deletions()
            self._deleted = self._deletions.finish(clock=self._clock, wait=wait)
            for cluster in self._deleted.foreign:
                logger.warning("cluster %s stays: %s", cluster.name, cluster.problem)
            self._look_for_late_jobs()
        return self._deleted

    def tell(self, results: RunResults) -> None:
        """Say what the run came to as tags of its first job, which the studio shows."""
        self._tag("job", self.run.jobs[0], outcome_tags(results))

    def log(self, figures: Mapping[str, float]) -> None:
        """Show figures of now as metrics of the run's first job.

        Raises:
            AzureError: when they are not taken.
        """
        self._workspace.log_metrics(self.run.jobs[0], figures, time.time())

    def _now(self) -> AzureRun:
        """Return the run with all that joined it by now, as far as its store says."""
        try:
            self._joined = self._joins()
        except HyperscaleError as error:
            logger.warning("who has joined the run is not known: %s", error)
        for join in self._joined:
            if join.problem and join.job not in self._refused_jobs:
                logger.warning("a record of who joined the run is not taken: %s", join.problem)
                self._refused_jobs.add(join.job)
        self.run = with_joins(self.run, self._joined)
        return self.run

    def _jobs(self) -> list[str]:
        """Return the names of the run's jobs; one that a record names is the run's when Azure says so.

        Raises:
            AzureError: when Azure does not say.
        """
        for name in self._now().jobs:
            if name in self._own_jobs or name in self._refused_jobs:
                continue
            job = self._workspace.job(name)
            if job is not None and job.run_id == self._run_id:
                self._own_jobs.add(name)
            elif job is not None:
                logger.warning("job %s is left alone: it is part of run %s, whatever a record says", name, job.run_id)
                self._refused_jobs.add(name)
        return [name for name in self.run.jobs if name in self._own_jobs]

    def _new_deletions(self) -> Deletions:
        """Return the deletion of the clusters that the run may delete now."""
        claim = claim_of(self._now(), self._run_id)
        if not (claim.clusters and claim.is_shared):
            return Deletions(self._workspace, claim)
        joined = tuple(name for join in self._joined for name in join.clusters)
        try:
            if self._shared().is_last_out():
                return Deletions(self._workspace, claim)
        except AzureError as error:
            why = f"whether another run of the same files needs it is not known: {error}"
            undecided = [name for name in claim.clusters if name not in joined]
            return Deletions(self._workspace, replace(claim, clusters=joined), undecided=undecided, why=why)
        return Deletions(self._workspace, replace(claim, clusters=joined))

    def _look_for_late_jobs(self) -> None:
        """Tell of jobs that came while the clusters that they share were being deleted."""
        if not (claim_of(self.run, self._run_id).is_shared and self._deleted and self._deleted.gone):
            return
        with suppress(AzureError):
            for job in self._shared().users():
                logger.warning(
                    "job %s came while the clusters were deleted that it shares: make them again "
                    "(az ml compute create), or cancel it", job.name,
                )  # fmt: skip

    def _shared(self) -> SharedClusters:
        return SharedClusters(self._workspace, claim_of(self.run, self._run_id), self._open_run)

    def _open_steps(self) -> list[StepFacts]:
        """Return the steps that may still need a node of the run's clusters, and the seed, behind which more come."""
        steps = self._sight.look() if self._sight else ()
        return [step for step in steps if step.role != "teardown" and not step.is_over]

    def _is_one_to_come(self) -> bool:
        """Return whether Azure ML has not made each planned consume step yet, although the seed allows it."""
        steps = self.steps()
        seeds = [step.status for step in steps if step.role == "seed"]
        # Behind a gate that came too late, no consumer does.
        is_one_shut = any(step.role == "gate" and step.is_over and step.status != "Completed" for step in steps)
        consumes = sum(step.role == "consume" for step in steps)
        return seeds == ["Completed"] and consumes < self._consumers and not is_one_shut

    def _settle(self, wait: Callable[[float], None]) -> None:
        """Let consumers end in good order, for a while; then cancel what is left of them, and wait for that too.

        Spare ones that waited for a node get one now, see that the run is over and leave: a step that is cancelled
        would turn the whole job red. A cluster that is deleted while a step is on it takes the step's logs along, and
        a step that is queued on a cluster that is gone fails, or waits for ever.
        """
        self._find_further_jobs()
        left = self._await_end(SETTLE_SECONDS, wait)
        if left:
            self._cancel(left)
            left = self._await_end(CANCEL_SECONDS, wait)
        if left:
            named = ", ".join(f"{step.name} ({step.status})" for step in left[:SHOWN_STEPS])
            logger.warning(
                "%d steps are not over %d seconds after they were cancelled, and the clusters are deleted under them: "
                "%s", len(left), CANCEL_SECONDS, named,
            )  # fmt: skip

    def _find_further_jobs(self) -> None:
        """Look from now on at the further pipelines of a run that was made with az: no record names them."""
        claim = claim_of(self.run, self._run_id)
        if not (claim.is_shared and self._sight):
            return
        try:
            jobs = jobs_of_render(self._workspace, claim.value)
        except AzureError as error:
            logger.warning("whether the run has further pipelines is not known: %s", error)
            return
        further = [job.name for job in jobs if job.run_id == self._run_id]
        self._own_jobs.update(further)
        self.run = replace(self.run, jobs=tuple(dict.fromkeys((*self.run.jobs, *further))))

    def _await_end(self, seconds: float, wait: Callable[[float], None]) -> list[StepFacts]:
        """Wait until no step of the run can need a node any more; return those that can after `seconds`."""
        until = self._clock() + at_tempo(seconds)
        while (left := self._open_steps()) or self._is_one_to_come():
            if self._clock() >= until:
                break
            wait(at_tempo(LOOK_SECONDS))
        return left

    def _cancel(self, steps: list[StepFacts]) -> None:
        def cancel(step: StepFacts) -> None:
            try:
                self._workspace.cancel_step(step)
            except AzureError as error:
                logger.warning("step %s (%s) is not cancelled: %s", step.name, step.run_id, error)

        if steps:
            logger.info("%d steps that have nothing left to do are cancelled", len(steps))
            with ThreadPoolExecutor(THREADS, thread_name_prefix="cancel") as pool:
                list(pool.map(cancel, steps))
