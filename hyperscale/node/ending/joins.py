"""Who joined a run after its manifest was written: jobs with more consumers, and the clusters made for them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from hyperscale import blobs
from hyperscale.azure_run import AzureRun, names_problem
from hyperscale.node.storing.stores import MissingBlobError, Store


@dataclass(frozen=True)
class Join:
    """More consumers of a run.

    Attributes:
        job: the pipeline job that holds them.
        clusters: that were made for them, and go with those of the run.
        problem: why its record cannot be read, so that its clusters are not known; empty when it can.
    """

    job: str
    clusters: tuple[str, ...]
    problem: str = ""


def note_join(store: Store, join: Join) -> bool:
    """Say who joins, before anything is made for it; return False when the name of the job is taken."""
    return store.create(f"{blobs.JOBS}{join.job}", json.dumps({"clusters": join.clusters}).encode())


def read_joins(store: Store) -> list[Join]:
    """Return who joined so far, as their records claim; one that cannot be read names no cluster."""
    found = []
    for name in store.names(blobs.JOBS):
        try:
            found.append(_join(name.removeprefix(blobs.JOBS), store.read(name)))
        except MissingBlobError:  # taken back meanwhile
            continue
    return found


def with_joins(run: AzureRun, joins: Iterable[Join]) -> AzureRun:
    """Return `run` with all that joined it: its jobs are looked at, and its clusters deleted, as the run's own are."""
    joined = list(joins)
    return dataclasses.replace(
        run,
        jobs=(*run.jobs, *(join.job for join in joined if join.job not in run.jobs)),
        clusters=(*run.clusters, *(name for join in joined for name in join.clusters if name not in run.clusters)),
    )


def _join(job: str, data: bytes) -> Join:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return Join(job, (), f"{blobs.JOBS}{job} is not JSON")
    if not isinstance(document, dict):
        return Join(job, (), f"{blobs.JOBS}{job} is not an object")
    clusters = document.get("clusters") or []
    problem = names_problem(clusters)
    return Join(job, (), f"{blobs.JOBS}{job}: clusters: {problem}") if problem else Join(job, tuple(clusters))
