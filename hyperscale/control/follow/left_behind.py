"""What runs have left in a workspace: clusters that hold quota, and queues, that no job needs any more."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_EXPIRES_AT, TAG_OWNER, TAG_RUN
from hyperscale.control.azure.session import Session
from hyperscale.control.follow.claims import ServiceJobs
from hyperscale.node.azure.azure_times import shown_time, unix_seconds
from hyperscale.node.azure.workspace_facts import ComputeFacts, JobFacts
from hyperscale.ownership import Owner, owner_of

#: A cluster of the az way has no end of its own; its job, if there is none yet, will come within so long.
HOURS_WITHOUT_JOB = 24.0
_RUN_ID_TIME = re.compile(r".*-(\d{8}-\d{6})-[0-9a-f]{4}")


@dataclass(frozen=True)
class LeftBehind:
    """Something of a run that nothing needs any more.

    Attributes:
        kind: of it.
        name: of it.
        run: whose it is: the run's id, or the render id of clusters made with az.
        tag: that says so; empty of a queue.
        experiment, owner: as its tags say; empty when they do not.
        reason: why it is left behind, for people.
        created_at, expires_at: Unix seconds; None when nobody knows.
        cores: of the quota that it holds; an idle cluster holds as much as a busy one.
    """

    kind: Literal["cluster", "queue"]
    name: str
    run: str
    tag: str
    experiment: str
    owner: str
    reason: str
    created_at: float | None = None
    expires_at: float | None = None
    cores: int = 0

    def age_hours(self, now: float) -> float | None:
        """Return how old it is at `now`; None when nobody knows."""
        return None if self.created_at is None else max(0.0, now - self.created_at) / 3600

    def to_document(self) -> dict[str, Any]:
        """Return what `gc --json` prints."""
        return asdict(self)


def left_behind(session: Session, *, now: float, unfinished: Collection[str] = ()) -> list[LeftBehind]:
    """Return the clusters that runs have left behind in the workspace; one request when there are none of ours.

    Whose a cluster is, its tags say; whether a job needs it, the service. No record of a run is read.

    Args:
        session: with the workspace.
        now: Unix seconds.
        unfinished: runs whose submission this folder has not finished, and does not want to: without a job, their
            clusters count as left behind at once.
    """
    jobs = ServiceJobs(session.workspace)
    found = []
    for cluster in session.workspace.computes():
        owner = owner_of(cluster.tags)
        if owner is None:
            continue
        is_unfinished = owner.value in unfinished
        reason = reason_left(cluster, owner, jobs.of_owner(owner), now=now, is_unfinished=is_unfinished)
        if reason:
            found.append((cluster, _left_cluster(cluster, owner, reason)))
    cores = _cores(session, {(cluster.location, cluster.size) for cluster, _ in found})
    return [
        replace(left, cores=cluster.max_nodes * cores.get((cluster.location, cluster.size), 0))
        for cluster, left in found
    ]


def reason_left(
    cluster: ComputeFacts, owner: Owner, jobs: Sequence[JobFacts], *, now: float, is_unfinished: bool = False
) -> str | None:
    """Return why nothing needs `cluster` any more; None when something may.

    Args:
        cluster: of a run.
        owner: whose it is.
        jobs: of its run; of a cluster made with az those of its render id, whichever run they are.
        now: Unix seconds.
        is_unfinished: whether its submission was not finished, and will not be.
    """
    if cluster.state == "Deleting" or not all(job.is_over for job in jobs):
        return None
    created_at, is_of_one_run = unix_seconds(cluster.created_at), owner.tag == TAG_RUN
    if not is_of_one_run:
        # The same files may be submitted again and again: a newer cluster waits for the job that comes next.
        jobs = [job for job in jobs if created_at is None or (unix_seconds(job.created_at) or now) >= created_at]
    if jobs:
        job = "its job" if is_of_one_run else f"job {jobs[0].name}"
        return f"{job} is {jobs[0].status}"
    if is_unfinished:
        return "its submission was not finished"
    expires_at = _expires_at(cluster)
    if expires_at is None and created_at is not None:
        expires_at = created_at + HOURS_WITHOUT_JOB * 3600
    if expires_at is not None and now >= expires_at:
        return f"no job, expired {shown_time(expires_at)}"
    return None


def older_than(found: Iterable[LeftBehind], hours: float | None, now: float) -> list[LeftBehind]:
    """Return what is at least `hours` old, as far as ages are known; all of it where `hours` is None."""
    return [left for left in found if hours is None or (left.age_hours(now) or 0.0) >= hours]


def run_started_at(run_id: str) -> float | None:
    """Return the time that is in a run's id, as Unix seconds; None where it has none."""
    found = _RUN_ID_TIME.fullmatch(run_id)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _left_cluster(cluster: ComputeFacts, owner: Owner, reason: str) -> LeftBehind:
    tags = cluster.tags
    return LeftBehind(
        kind="cluster",
        name=cluster.name,
        run=owner.value,
        tag=owner.tag,
        experiment=tags.get(TAG_EXPERIMENT, ""),
        owner=tags.get(TAG_OWNER, ""),
        reason=reason,
        created_at=unix_seconds(cluster.created_at) or run_started_at(owner.value),
        expires_at=_expires_at(cluster),
    )


def _expires_at(cluster: ComputeFacts) -> float | None:
    return unix_seconds(cluster.tags.get(TAG_EXPIRES_AT, ""))


def _cores(session: Session, sizes: set[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """Return the cores of a node of each (location, size)."""
    cores: dict[tuple[str, str], int] = {}
    for location in sorted({location for location, _ in sizes}):
        listed = {str(size.get("name")).lower(): size for size in session.workspace.sizes(location)}
        for where, name in sizes:
            if where == location:
                cores[where, name] = int((listed.get(name.lower()) or {}).get("vCPUs") or 0)
    return cores
