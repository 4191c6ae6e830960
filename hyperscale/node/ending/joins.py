"""Who joined a run after its manifest was written: jobs with more consumers, and the clusters made for them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from hyperscale import blobs
from hyperscale.azure_run import AzureRun
from hyperscale.node.storing.stores import MissingBlobError, Store


@dataclass(frozen=True)
class Join:
    """More consumers of a run.

    Attributes:
        job: the pipeline job that holds them.
        clusters: that were made for them, and go with those of the run.
    """

    job: str
    clusters: tuple[str, ...]


def note_join(store: Store, join: Join) -> bool:
    """Say who joins, before anything is made for it; return False when the name of the job is taken."""
    return store.create(f"{blobs.JOBS}{join.job}", json.dumps({"clusters": join.clusters}).encode())


def read_joins(store: Store) -> list[Join]:
    """Return who joined so far."""
    found = []
    for name in store.names(blobs.JOBS):
        try:
            document = json.loads(store.read(name))
        except MissingBlobError:  # taken back meanwhile
            continue
        found.append(Join(name.removeprefix(blobs.JOBS), tuple(document.get("clusters") or ())))
    return found


def with_joins(run: AzureRun, joins: Iterable[Join]) -> AzureRun:
    """Return `run` with all that joined it: its jobs are looked at, and its clusters deleted, as the run's own are."""
    joined = list(joins)
    return dataclasses.replace(
        run,
        jobs=(*run.jobs, *(join.job for join in joined if join.job not in run.jobs)),
        clusters=(*run.clusters, *(name for join in joined for name in join.clusters if name not in run.clusters)),
    )
