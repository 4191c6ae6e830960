"""Begins a submission, or finds one that was cut short and takes it up, or takes it back: never a second run."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import hyperscale
from hyperscale.control.azure.session import Session, who_is
from hyperscale.control.planning import Planned
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import runs_of
from hyperscale.control.submit.journal import (
    DONE,
    JOURNAL,
    STEPS,
    UNDO,
    Journal,
    read_journal,
    what_to_do,
    why_not,
)
from hyperscale.control.submit.local_data import LocalData, local_data
from hyperscale.control.submit.submission import Submission
from hyperscale.control.submit.submitted_run import expiry, job_names, with_own_clusters
from hyperscale.errors import RunStateError
from hyperscale.names import new_run_id
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.pipeline_parts import pipeline_count
from hyperscale.plan import Plan
from hyperscale.talk import Ask, Say


class _SeenWorkspace(Workspace):
    """A workspace whose computes are listed once: nobody makes any of ours meanwhile."""

    @cached_property
    def _computes(self) -> list[ComputeFacts]:
        return super().computes()

    def computes(self) -> list[ComputeFacts]:
        return self._computes


def computes_once(session: Session) -> Session:
    """Return `session` for the time before anything is made: plan, quota and leftovers look at the same computes."""
    return replace(session, workspace=_SeenWorkspace(session.workspace.azure, session.workspace.name))


def unfinished_submissions(runs: Path) -> list[Journal]:
    """Return the submissions under the folder `runs` that have not come to their end, oldest first."""
    found = (read_journal(file.parent) for file in runs.glob(f"*/{JOURNAL}"))
    return sorted((each for each in found if each and each.step != DONE), key=lambda journal: journal.started_at)


def take_up(planned: Planned, session: Session, *, ask: Ask, say: Say) -> Journal | None:
    """Finish the submission of this experiment that was cut short; None when there is none left to finish.

    One that is of an experiment that has changed since is taken back, after asking; and so are its successors, of
    which there can only be more than one when somebody has moved folders.

    Args:
        planned: the experiment as it is now; its plan does not count: that of the submission does.
        session: a login to its workspace.
        ask: whether to take back.
        say: tells people what happens.

    Raises:
        RunStateError: when another process is at it, or it may not be taken back.
        AzureError: when Azure refuses, or cannot be asked.
        TeardownError: when something could not be taken back.
    """
    file = planned.checked.loaded.file
    data = local_data(planned.checked.loaded)
    fingerprint = fingerprint_of(planned, session, data)
    for journal in unfinished_submissions(runs_of(file)):
        if Path(journal.experiment_file) != file:
            continue
        folder = RunFolder.under(runs_of(file), journal.run_id, queue=journal.queue, store=journal.store)
        if folder.is_locked():
            raise RunStateError(
                f"run {journal.run_id} is being submitted by another process", hint="wait until it is done"
            )
        with _opened(
            replace(planned, plan=Plan.from_document(journal.plan)), data, session, folder, journal, say
        ) as it:
            now = time.time()
            if what_to_do(journal, fingerprint, now) == "go_on":
                say(f"the submission of run {journal.run_id} was cut short at its step {journal.step}: it goes on")
                return it.carry_out()
            _take_back(it, why_not(journal, fingerprint, now), ask, say)
    return None


def submit(planned: Planned, session: Session, *, say: Say, computes: Sequence[ComputeFacts] | None = None) -> Journal:
    """Submit a new run of `planned`, and return its journal.

    Args:
        planned: with the plan that is submitted.
        session: a login to its workspace.
        say: tells people what happens.
        computes: of the workspace, when somebody has just asked.

    Raises:
        AzureError: when Azure refuses, or cannot be asked; everything that was made is undone.
        TeardownError: the same, and something could not be undone.
    """
    loaded, experiment = planned.checked.loaded, planned.checked.loaded.experiment
    run_id = new_run_id(experiment.name, datetime.now(timezone.utc), secrets.token_hex(2))
    planned = replace(planned, plan=with_own_clusters(planned.plan, experiment.name, run_id))
    data = local_data(loaded)
    folder = RunFolder.under(runs_of(loaded.file), run_id, queue=session.queue_url, store=session.store_url)
    jobs = job_names(run_id, pipeline_count(experiment, planned.plan.consumers))
    journal = new_journal(planned, session, data, run_id, jobs)
    with _opened(planned, data, session, folder, journal, say, computes) as submission:
        return submission.carry_out()


def new_journal(
    planned: Planned, session: Session, data: list[LocalData], run_id: str, jobs: tuple[str, ...]
) -> Journal:
    """Return the journal of a submission to the run `run_id` that begins now, as the pipeline jobs `jobs`."""
    loaded, started_at = planned.checked.loaded, time.time()
    return Journal(
        run_id=run_id,
        experiment_file=str(loaded.file),
        step=STEPS[0],
        started_at=started_at,
        expires_at=expiry(loaded.experiment, started_at),
        owner=who_is(session.credential).name,
        fingerprint=fingerprint_of(planned, session, data),
        plan=planned.plan.to_document(),
        store=session.store_url,
        queue=session.queue_url,
        version="",
        jobs=jobs,
    )


def fingerprint_of(planned: Planned, session: Session, data: list[LocalData]) -> dict[str, str | None]:
    """Return what must be the same when a submission is taken up."""
    digest = hashlib.sha256("\n".join(each.prefix for each in data).encode()).hexdigest()
    selected = planned.checked.selected
    return {
        **planned.hashes,
        "data": digest,
        "selection": str(asdict(selected.selection)) if selected else None,
        "workspace": session.place.workspace.path,
        "store": session.store_url,
        "queue": session.queue_url,
        "hyperscale": hyperscale.__version__,
    }


@contextlib.contextmanager
def _opened(
    planned: Planned,
    data: list[LocalData],
    session: Session,
    folder: RunFolder,
    journal: Journal,
    say: Say,
    computes: Sequence[ComputeFacts] | None = None,
) -> Iterator[Submission]:
    with folder.lock(), contextlib.closing(folder.store()) as store:
        yield Submission(planned, data, session, folder, journal, store, computes, say)


def _take_back(submission: Submission, why: str, ask: Ask, say: Say) -> None:
    run_id = submission.journal.run_id
    if submission.journal.step == UNDO:
        say(f"run {run_id} was not taken back to the end: that goes on")
    else:
        say(f"the submission of run {run_id} was cut short, and {why}")
        if not ask(f"Take back what was made for run {run_id}?"):
            raise RunStateError(
                f"run {run_id} is neither submitted nor taken back",
                hint="restore what has changed and submit again to finish it, or let it be taken back",
            )
    submission.undo()
