"""The runs of a workspace, everybody's, as the tags of their jobs tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_OWNER
from hyperscale.control.azure.session import Session
from hyperscale.node.azure.azure_times import unix_seconds
from hyperscale.node.azure.workspace_facts import JobFacts

#: So many of the newest jobs are looked at: a workspace keeps millions.
LISTED_JOBS = 500


@dataclass(frozen=True)
class WorkspaceRun:
    """A run of the workspace.

    Attributes:
        run_id: of it; commands take it.
        experiment: its name.
        owner: who submitted it; empty when nobody says.
        started_at: Unix seconds; None when nobody says.
        state: of its jobs, as Azure ML says it.
        studio_url: where people look at it; empty when that is not told.
    """

    run_id: str
    experiment: str
    owner: str
    started_at: float | None
    state: str
    studio_url: str

    def to_document(self) -> dict[str, Any]:
        """Return what `runs --azure --json` prints."""
        return asdict(self)


def list_workspace_runs(session: Session) -> list[WorkspaceRun]:
    """Return the newest runs of the workspace, newest first.

    Raises:
        AzureError: when the workspace cannot be asked.
    """
    return runs_of_jobs(islice(session.workspace.jobs(TAG_EXPERIMENT), LISTED_JOBS))


def runs_of_jobs(jobs: Iterable[JobFacts]) -> list[WorkspaceRun]:
    """Return the runs that `jobs` are of, in the order of their first jobs; a large run has several."""
    of_run: dict[str, list[JobFacts]] = {}
    for job in jobs:
        of_run.setdefault(job.run_id, []).append(job)
    return [_run(run_id, found) for run_id, found in of_run.items()]


def _run(run_id: str, jobs: list[JobFacts]) -> WorkspaceRun:
    job = next((job for job in jobs if not job.is_over), jobs[0])
    return WorkspaceRun(
        run_id=run_id,
        experiment=job.tags.get(TAG_EXPERIMENT) or job.experiment,
        owner=job.tags.get(TAG_OWNER, ""),
        started_at=unix_seconds(job.created_at),
        state=job.status,
        studio_url=job.studio_url,
    )
