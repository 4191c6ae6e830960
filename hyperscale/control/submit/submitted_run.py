"""What a submitted run, its clusters and its jobs are called, and how they are tagged: all pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from datetime import datetime, timezone

from hyperscale import names
from hyperscale.azure_run import TAG_EXPERIMENT, TAG_EXPIRES_AT, TAG_OWNER, TAG_RUN
from hyperscale.control.rendered.rendering import COLLECT_HOURS
from hyperscale.control.submit.journal import Journal
from hyperscale.experiment import Experiment
from hyperscale.plan import Plan

#: Before its hours begin to count, a run may wait so long for quota, nodes and images.
WAITING_HOURS = 24.0
#: Azure ML's limit of the value of a tag (resource-limits-capacity.md).
_TAG_LENGTH = 1_000


def with_own_clusters(plan: Plan, experiment: str, run_id: str) -> Plan:
    """Return `plan` with clusters that are named after the run: no name is ever used for two runs."""
    owned = iter(names.cluster_names(experiment, names.render_id(run_id), len(plan.owned_clusters)))
    clusters = (dataclasses.replace(each, name=next(owned)) if each.owned else each for each in plan.clusters)
    return dataclasses.replace(plan, clusters=tuple(clusters))


def without_clusters(plan: Plan, lost: Collection[str]) -> Plan:
    """Return `plan` without the clusters `lost`: the others do the work, with as many spare jobs a node as before."""
    if not lost:
        return plan
    clusters = tuple(cluster for cluster in plan.clusters if cluster.name not in lost)
    nodes = sum(cluster.nodes for cluster in clusters)
    spare = math.ceil(plan.spare_consumers * nodes / plan.nodes)
    return dataclasses.replace(
        plan,
        clusters=clusters,
        nodes=nodes,
        workers=min(plan.workers, nodes * plan.workers_per_node),
        spare_consumers=spare,
        consumers=nodes + spare,
    )


def job_names(run_id: str, count: int) -> tuple[str, ...]:
    """Return the names of `count` pipeline jobs; the first one holds seed and teardown."""
    return (run_id,) if count == 1 else tuple(f"{run_id}-p{number}" for number in range(1, count + 1))


def expiry(experiment: Experiment, started_at: float) -> float:
    """Return from when on nothing needs the clusters of a run, as Unix seconds."""
    return started_at + (WAITING_HOURS + experiment.limits.max_hours + COLLECT_HOURS) * 3600


def run_tags(journal: Journal, experiment: str) -> dict[str, str]:
    """Return the tags of the jobs and clusters of a run."""
    expires_at = datetime.fromtimestamp(journal.expires_at, timezone.utc).isoformat(timespec="seconds")
    return {
        TAG_RUN: journal.run_id,
        TAG_EXPERIMENT: experiment,
        TAG_OWNER: journal.owner[:_TAG_LENGTH],
        TAG_EXPIRES_AT: expires_at,
    }
