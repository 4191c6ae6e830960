"""Checks what a record says that a run owns against what Azure says: which jobs are the run's, and which clusters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_RENDER
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.run_folder import JOINS
from hyperscale.control.submit.journal import read_journal
from hyperscale.control.submit.undo import owned_clusters
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import ComputeFacts, JobFacts
from hyperscale.node.ending.shared_clusters import SharedClusters
from hyperscale.ownership import Claim, Owner, claim_of, why_not_owned


@dataclass(frozen=True)
class OwnClusters:
    """What holds of the clusters that a run claims.

    Attributes:
        own: those that the run owns.
        users: jobs of other runs that share them, and still need them.
        refused: those that are there and are not the run's, a sentence each.
    """

    own: tuple[ComputeFacts, ...] = ()
    users: tuple[JobFacts, ...] = ()
    refused: tuple[str, ...] = ()


class ServiceJobs:
    """Finds the jobs of runs by what Azure says, never by a record; each list is asked for once."""

    def __init__(self, workspace: Workspace) -> None:
        """Ask `workspace`; nothing is asked yet."""
        self._workspace = workspace
        self._listed: dict[str, list[JobFacts]] = {}
        self._of_run: dict[str, list[JobFacts]] = {}

    def of_owner(self, owner: Owner) -> list[JobFacts]:
        """Return the jobs that may need the clusters of `owner`, as far as they were made."""
        if owner.tag == TAG_RENDER:
            return [job for job in self._list(TAG_RENDER) if job.tags.get(TAG_RENDER) == owner.value]
        return self.of_run(owner.value)

    def of_run(self, run_id: str) -> list[JobFacts]:
        """Return the jobs of a run, its further pipelines and those that joined it among them.

        A run whose first job is alive needs no other request: then that one is returned alone.
        """
        if run_id not in self._of_run:
            first = self._workspace.job(run_id)
            found = [first] if first is not None and first.run_id == run_id else []
            if not found or found[0].is_over:
                listed = (job for job in self._list(TAG_EXPERIMENT) if job.run_id == run_id)
                found += [job for job in listed if job.name != run_id]
            self._of_run[run_id] = found
        return self._of_run[run_id]

    def _list(self, tag: str) -> list[JobFacts]:
        if tag not in self._listed:
            self._listed[tag] = list(self._workspace.jobs(tag, archived=True))
        return self._listed[tag]


def named_jobs(
    workspace: Workspace, run_id: str, names: Iterable[str]
) -> tuple[dict[str, JobFacts | None], tuple[str, ...]]:
    """Return the jobs `names` of a run, None for one that is not there, and a sentence for each that is not the run's.

    Args:
        workspace: is asked for each of them.
        run_id: of the run.
        names: that a record of the run names.
    """
    found: dict[str, JobFacts | None] = {}
    refused = []
    for name in names:
        job = workspace.job(name)
        if job is None or job.run_id == run_id:
            found[name] = job
        else:
            refused.append(f"job {name} is left alone: it is part of run {job.run_id}, though run.json names it")
    return found, tuple(refused)


def with_all_jobs(found: FoundRun) -> FoundRun:
    """Return `found` with each job that Azure says is the run's, whether its record names it or not.

    Raises:
        AzureError: when the workspace cannot be asked.
    """
    if found.azure is None or found.session is None:
        return found
    listed = [job.name for job in ServiceJobs(found.session.workspace).of_run(found.run_id)]
    azure = replace(found.azure, jobs=tuple(dict.fromkeys((*found.azure.jobs, *listed))))
    return replace(found, azure=azure, opened=found.session)


def check_clusters(claim: Claim, workspace: Workspace, jobs: Sequence[JobFacts], *, is_over: bool) -> OwnClusters:
    """Return which of the clusters that `claim` names its run owns.

    Args:
        claim: of the run, as its record says.
        workspace: is asked.
        jobs: of the run, as Azure says: a render id is the run's when one of them is tagged with it.
        is_over: whether the run is. Then other runs are looked for that share its clusters.
    """
    there = {cluster.name: cluster for cluster in workspace.computes()}
    clusters = [there[name] for name in dict.fromkeys(claim.clusters) if name in there]
    no_job = ""
    if claim.is_shared and not any(job.tags.get(TAG_RENDER) == claim.value for job in jobs):
        no_job = f"no job of run {claim.run_id} is tagged {claim.owner}"
    own, refused = [], []
    for cluster in clusters:
        why = why_not_owned(claim, cluster.name, cluster.tags) or no_job
        if why:
            refused.append(f"cluster {cluster.name} is left alone, though run.json names it: {why}")
        else:
            own.append(cluster)
    users = SharedClusters(workspace, claim, None).users() if own and is_over and claim.is_shared else []
    return OwnClusters(tuple(own), tuple(users), tuple(refused))


def own_clusters(found: FoundRun) -> OwnClusters:
    """Return which clusters of a run that is over a command may delete.

    Raises:
        AzureError: when the workspace cannot be asked.
    """
    if found.azure is None or found.session is None:
        return OwnClusters()
    workspace = found.session.workspace
    jobs, _ = named_jobs(workspace, found.run_id, found.azure.jobs)
    known = [job for job in jobs.values() if job is not None]
    return check_clusters(claim_of(found.azure, found.run_id), workspace, known, is_over=True)


def clusters_of_a_foreign_record(found: FoundRun) -> list[str]:
    """Return the clusters that would be deleted because of a record that this machine did not write.

    Those that the journals of this machine's own submissions name are not among them.

    Raises:
        AzureError: when the workspace cannot be asked.
    """
    folders = [found.folder.path, *(found.folder.path / JOINS).glob("*")]
    journals = [journal for folder in folders if (journal := read_journal(folder)) is not None]
    known = {name for journal in journals if journal.run_id == found.run_id for name in owned_clusters(journal)}
    checked = own_clusters(found)
    return [] if checked.users else [cluster.name for cluster in checked.own if cluster.name not in known]
