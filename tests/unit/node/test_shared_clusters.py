"""Runs that share clusters, being made from the same files: the last one out deletes them, however they meet."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperscale.azure_run import TAG_RENDER, AzureRun
from hyperscale.errors import AzureError
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.ending.azure_fleet import AzureFleet
from hyperscale.node.ending.shared_clusters import SharedClusters
from hyperscale.node.storing.stores import Store
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.ownership import claim_of

RENDER, CLUSTER = "84aa62", "hs-digits-84aa62-c00"
ONE, TWO, THREE = "calm_owl_1a", "sad_lime_2b", "warm_tea_3c"


class Cloud(ResourceManager):
    """A workspace with the cluster and the jobs of a render; `before` is called before each request."""

    def __init__(self, *jobs: str) -> None:
        self.clusters = {CLUSTER: {"name": CLUSTER, "tags": {TAG_RENDER: RENDER}}}
        self.jobs = dict.fromkeys(jobs, "Running")
        self.before: Callable[[], None] = lambda: None
        self.deleted = 0

    def send(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any] | None:
        self.before()
        kind, _, name = path.rpartition("/workspaces/lab/")[2].partition("/")
        if method == "DELETE":
            self.deleted += 1
            self.clusters.pop(name, None)
            return {}
        if kind == "jobs":
            return {"value": [self.job(each) for each in self.jobs]}
        return self.clusters.get(name)

    def job(self, name: str) -> dict[str, Any]:
        tags = {TAG_RENDER: RENDER}
        return {"name": name, "properties": {"status": self.jobs[name], "tags": tags, "experimentName": "digits"}}

    @property
    def workspace(self) -> Workspace:
        return Workspace(self, WorkspaceName("s", "g", "lab"))


def run_id(job: str) -> str:
    return job.replace("_", "-")


def record(job: str) -> AzureRun:
    return AzureRun("s", "g", "lab", (job,), (CLUSTER,), TAG_RENDER, RENDER, "control", None)


def shared(cloud: Cloud, folder: Path, job: str) -> SharedClusters:
    return SharedClusters(cloud.workspace, claim_of(record(job), run_id(job)), lambda name: FolderStore(folder / name))


def delete(cloud: Cloud, job: str, open_run: Callable[[str], Store]) -> None:
    """End a run as its teardown does, once all rows are collected."""
    fleet = AzureFleet(cloud.workspace, record(job), run_id=run_id(job), consumers=0, clock=itertools.count().__next__)
    fleet.follow((), list, open_run)
    fleet.close()
    fleet.delete(lambda _: None)


@pytest.mark.parametrize("order", sorted(set(itertools.permutations([ONE, ONE, TWO, TWO]))))
def test_of_two_that_say_and_then_look_in_any_order_at_least_one_sees_that_it_is_the_last(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    cloud = Cloud(ONE, TWO)
    sights = {job: shared(cloud, tmp_path, job) for job in (ONE, TWO)}
    users: dict[str, int] = {}
    has_said: set[str] = set()

    for job in order:
        if job in has_said:
            users[job] = len(sights[job].users())
        else:
            sights[job].release()
            has_said.add(job)

    assert 0 in users.values()


@pytest.mark.parametrize("moment", range(4))
def test_two_teardowns_that_end_together_leave_no_cluster_wherever_one_overtakes_the_other(
    tmp_path: Path, moment: int
) -> None:
    cloud, moments, deleters = Cloud(ONE, TWO), itertools.count(), []
    of_two = shared(cloud, tmp_path, TWO)

    def meet() -> None:
        if next(moments) == moment:
            cloud.before = lambda: None
            deleters.append(of_two.is_last_out())
            cloud.before = meet

    def open_run(name: str) -> Store:
        meet()
        return FolderStore(tmp_path / name)

    cloud.before = meet
    of_one = SharedClusters(cloud.workspace, claim_of(record(ONE), run_id(ONE)), open_run)
    deleters.append(of_one.is_last_out())
    meet()

    assert len(deleters) == 2
    assert any(deleters)


@pytest.mark.parametrize("state", ["Running", "Queued", "NotResponding"])
def test_a_run_that_is_still_at_work_keeps_the_clusters_and_the_last_one_deletes_them(
    tmp_path: Path, state: str
) -> None:
    cloud = Cloud(ONE, TWO, THREE)
    cloud.jobs[THREE] = state

    for job in (ONE, TWO):
        delete(cloud, job, lambda name: FolderStore(tmp_path / name))
        cloud.jobs[job] = "Completed"
    kept = dict(cloud.clusters)
    delete(cloud, THREE, lambda name: FolderStore(tmp_path / name))

    assert list(kept) == [CLUSTER]
    assert cloud.clusters == {}
    assert cloud.deleted == 1


def test_clusters_stay_when_nobody_says_whether_another_run_needs_them(tmp_path: Path) -> None:
    cloud = Cloud(ONE)

    def unlisted() -> None:
        raise AzureError("no answer")

    cloud.before = unlisted
    fleet = AzureFleet(cloud.workspace, record(ONE), run_id=run_id(ONE), consumers=0, clock=itertools.count().__next__)
    fleet.delete(lambda _: None)

    assert list(cloud.clusters) == [CLUSTER]


def test_a_job_of_the_same_run_is_no_other_user(tmp_path: Path) -> None:
    cloud = Cloud(ONE)

    assert shared(cloud, tmp_path, ONE).users() == []
