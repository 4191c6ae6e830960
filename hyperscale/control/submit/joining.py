"""Adds consumers to a run that is at work: a pipeline of consume steps alone, on clusters of its own."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale import blobs
from hyperscale.control.azure.azure_planning import plan_for_azure
from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.preflight import refuse_in_vain
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.planning import Planned
from hyperscale.control.run_folder import JOINS, RunFolder
from hyperscale.control.submit.journal import Journal, Made, made_by
from hyperscale.control.submit.local_data import local_data
from hyperscale.control.submit.submission import Submission
from hyperscale.control.submit.submitted_run import with_own_clusters
from hyperscale.control.submit.submitting import new_journal
from hyperscale.control.submit.undo import owned_clusters
from hyperscale.errors import PlanError, RunStateError
from hyperscale.experiment import Experiment
from hyperscale.node.control import read_cancel, read_resumes
from hyperscale.node.ending.joins import Join, note_join, read_joins
from hyperscale.node.storing.places import storage_uri
from hyperscale.node.storing.stores import Store
from hyperscale.pipeline_parts import Part, room_in_a_pipeline
from hyperscale.talk import Say


class JoinSubmission(Submission):
    """The submission of more consumers; the run, its manifest and its records are not its own."""

    def made(self) -> tuple[Made, ...]:
        """Return what may have been made so far; the records in the store are the run's."""
        return tuple(kind for kind in made_by(self.journal.step) if kind != "manifest")

    def parts(self) -> tuple[Part, ...]:
        """Return the one pipeline; its consumers are bound to the folder of the run in its store."""
        folder = storage_uri(self.journal.store, f"{self.journal.run_id}/")
        return (Part("_join", 0, self._plan.places, "nobody", folder),)

    def note_run(self, pipeline: Path) -> None:
        """Keep nothing: the run is listed already."""

    def note_in_store(self) -> Mapping[str, Any]:
        """Say who joins: teardown deletes the clusters with those of the run."""
        if not note_join(self.store, Join(self.journal.jobs[0], owned_clusters(self.journal))):
            raise RunStateError(f"somebody else joins run {self.journal.run_id} just now", hint="join it again")
        return {}

    def cluster_files(self) -> list[Path]:
        """Return the files of the clusters of its own: seed and teardown have theirs."""
        return [file for file in super().cluster_files() if file.stem in owned_clusters(self.journal)]


def plan_join(found: FoundRun, planned: Planned, session: Session, workers: int) -> Planned:
    """Return the plan of `workers` more workers for a run.

    Args:
        found: the run.
        planned: its experiment, as it is now.
        session: a login to its workspace.
        workers: rows worked on at the same time, beside those of the run.

    Raises:
        RunStateError: when the run is not on Azure ML or is over, or its experiment is another now.
        PlanError: when the workers find no place.
        AzureError: when Azure refuses, or does not answer, or the run lacks an identity or roles.
    """
    manifest = found.manifest or {}
    if found.azure is None:
        raise RunStateError(f"run {found.run_id} is none of Azure ML", hint="`hyperscale runs --azure` lists those")
    with contextlib.closing(found.folder.store()) as store:
        _check_alive(found, session, store)
    hashes: dict[str, str | None] = manifest.get("hashes") or {}
    changed = [name for name, value in planned.hashes.items() if value != hashes.get(name)]
    if changed or manifest.get("version") != hyperscale.__version__:
        what = " and ".join(changed) if changed else "the version of hyperscale"
        raise RunStateError(
            f"{what} is not what run {found.run_id} was submitted with",
            hint="restore it, and give the same --set and --rows: those who join do what the others do",
        )
    checked = planned.checked
    refuse_in_vain(session, checked.loaded.experiment)
    parallelism = dataclasses.replace(checked.loaded.experiment.parallelism, workers=workers)
    experiment = dataclasses.replace(checked.loaded.experiment, parallelism=parallelism)
    more = dataclasses.replace(checked, loaded=dataclasses.replace(checked.loaded, experiment=experiment))
    joined = plan_for_azure(more, session)
    _check_one_pipeline(experiment, joined.plan.consumers, workers)
    return joined


def join(found: FoundRun, planned: Planned, session: Session, say: Say) -> Journal:
    """Submit the consumers of `planned`, a plan of `plan_join`, and return the journal of that.

    Raises:
        RunStateError: when the run has ended meanwhile; what was made is taken back.
        AzureError: when Azure refuses, or cannot be asked; everything that was made is undone.
        TeardownError: the same, and something could not be undone.
    """
    run_id, loaded = found.run_id, planned.checked.loaded
    with contextlib.closing(found.folder.store()) as store:
        number = len(read_joins(store)) + 1
        job = f"{run_id}-j{number}"
        planned = dataclasses.replace(planned, plan=with_own_clusters(planned.plan, loaded.experiment.name, job))
        data = local_data(loaded)
        journal = new_journal(planned, session, data, run_id, (job,))
        folder = RunFolder(found.folder.path / JOINS, str(number), journal.queue, journal.store)
        it = JoinSubmission(planned, data, session, folder, journal, store, None, say)
        done = it.carry_out()
        if store.names(blobs.RUN_RESULTS):
            # Its teardown had counted the clusters before these were there.
            it.undo()
            raise RunStateError(f"run {run_id} has ended meanwhile; what was made for it is taken back")
    return done


def _check_alive(found: FoundRun, session: Session, store: Store) -> None:
    assert found.azure is not None
    first = session.workspace.job(found.azure.jobs[0])
    cancel = read_cancel(store, len(read_resumes(store)))
    if first is None or first.is_over or cancel is not None or store.names(blobs.RUN_RESULTS):
        said = f": {cancel.message}" if cancel else ""
        raise RunStateError(
            f"run {found.run_id} is over, or about to be{said}: nobody can join it",
            hint=f"`hyperscale retry {found.run_id}` runs what is missing",
        )


def _check_one_pipeline(experiment: Experiment, consumers: int, workers: int) -> None:
    room = room_in_a_pipeline(experiment)
    if consumers > room:
        raise PlanError(
            f"{workers:,} more workers are {consumers:,} consume jobs, a pipeline has room for {room:,}",
            hint="join in several goes: --workers " + str(max(1, workers * room // consumers)),
        )
