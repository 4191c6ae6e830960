"""Looks at a run again and again, in a handful of requests a look, whatever the number of its consumers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hyperscale import blobs
from hyperscale.control.follow.claims import check_clusters, named_jobs
from hyperscale.control.follow.failures_so_far import PARTS_A_LOOK, PARTS_OF_ONE_LOOK, FailuresSoFar
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.lives import outcomes_so_far, planned_rows, unfinished_step
from hyperscale.control.follow.look import Look, Seen
from hyperscale.control.follow.looking import look_at
from hyperscale.control.run_list import read_results
from hyperscale.errors import HyperscaleError
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.control import read_cancel, read_resumes, read_seed
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import claim_of

#: The log of an image build, and how much of its end is shown.
IMAGE_LOG = "20_image_build_log.txt"
IMAGE_LOG_LINES = 20
#: A run may have a hundred steps a page of run history: while rows are worked on, they are asked for this seldom.
STEPS_EVERY_LOOKS = 3
#: Teardown says so when `run_results.json` is written, or will not be.
_WRITTEN = ("deleting", "left", "broken")


class Observer:
    """Looks at one run; use one object for all looks: what does not change any more is asked once.

    Attributes:
        results: run_results.json, once it is there.
    """

    def __init__(self, found: FoundRun, store: Store, clock: Callable[[], float], *, is_once: bool = False) -> None:
        """Look at a run.

        Args:
            found: the run.
            store: of it.
            clock: Unix seconds.
            is_once: whether there will be no other look: then more of the failures is read in it.
        """
        self.results: dict[str, Any] | None = None
        self._is_once = is_once
        self._found, self._store, self._clock = found, store, clock
        self._failures = FailuresSoFar(store, PARTS_OF_ONE_LOOK if is_once else PARTS_A_LOOK)
        life = len(read_resumes(store))
        done, failed = outcomes_so_far(store) if life else (0, 0)
        self._seen = Seen(
            found.run_id,
            found.experiment,
            clock(),
            rows=planned_rows(found.manifest),
            life=life,
            azure=found.azure,
            done_before=done,
            failed_before=failed,
            unfinished=unfinished_step(found.folder.path),
            idle_seconds=float(((found.manifest or {}).get("node_experiment") or {}).get("idle_seconds") or 0),
        )
        self._looks = 0
        self._has_image_log = False

    def look(self) -> Look:
        """Return what the run is doing now.

        Raises:
            AzureError: when the workspace or the storage account cannot be asked.
        """
        seen = replace(self._seen, now=self._clock(), is_alive=self._found.folder.is_locked())
        seen, has_steps = self._of_workspace(seen)
        seen = replace(seen, beats=tuple(self._store.beats(blobs.CONSUMERS)))
        if not seen.seeded and (seed := read_seed(self._store)):
            seen = replace(seen, seeded=True, rows=seed.rows)
        if self.results is None and (seen.is_over or seen.teardown_state() in _WRITTEN):
            self.results = read_results(self._store)
        # Teardown says that it is draining when there is a marker: without that, nobody needs to look for one.
        if seen.cancel is None and not seen.is_over and not seen.has_teardown_at_work:
            seen = replace(seen, cancel=read_cancel(self._store, seen.life))
        if not seen.is_over and (self._is_once or not has_steps):
            self._failures.look(seen.beats)
        self._looks += 1
        self._seen = replace(seen, results=self.results, groups=self._failures.largest)
        return look_at(self._seen)

    def _of_workspace(self, seen: Seen) -> tuple[Seen, bool]:
        """Return `seen` with what the workspace says, and whether its steps were asked for."""
        session, azure = self._found.session, self._found.azure
        if session is None or azure is None:
            return seen, False
        workspace = session.workspace
        jobs, refused = named_jobs(workspace, seen.run_id, azure.jobs)
        seen = replace(seen, jobs=jobs)
        claim = claim_of(azure, seen.run_id)
        checked = check_clusters(claim, workspace, seen.known_jobs, is_over=seen.is_over)
        # Clusters of a run that is over are nobody's business as long as another run uses them.
        computes = () if checked.users else checked.own
        seen = replace(seen, computes=computes, refused=(*refused, *checked.refused, *self._found.refused))
        is_working = seen.seeded and seen.cancel is None and not seen.is_over
        if is_working and self._looks % STEPS_EVERY_LOOKS:
            return seen, False
        seen = replace(seen, steps=tuple(step for job in seen.known_jobs for step in workspace.steps(job.name)))
        if not self._has_image_log and (failed := _failed_image(seen.steps)):
            log = _image_log(workspace, failed)
            # A step is Failed a moment before its log is there: then the next look shows it.
            self._has_image_log = bool(log)
            seen = replace(seen, image_log=log)
        return seen, True


def _failed_image(steps: tuple[StepFacts, ...]) -> StepFacts | None:
    return next((step for step in steps if step.status == "Failed" and "image" in step.error.lower()), None)


def _image_log(workspace: Workspace, step: StepFacts) -> tuple[str, ...]:
    """Return the last lines of the image build of a step; empty when it has left no log."""
    try:
        text = workspace.step_log(step.run_id, IMAGE_LOG)
    except HyperscaleError as error:
        return (f"(it cannot be read: {error})",)
    return tuple((text or "").splitlines()[-IMAGE_LOG_LINES:])
