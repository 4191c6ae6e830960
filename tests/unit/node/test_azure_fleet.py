"""Clusters go when no step can be queued on them; a job is the run's when Azure says so, not a record alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.ending.azure_fleet import CANCEL_SECONDS, SETTLE_SECONDS, AzureFleet
from hyperscale.node.ending.joins import Join

RUN, OTHER, CLUSTER = "digits-1", "digits-2", "hs-digits-1-c00"
API = "https://api.invalid"


class Cloud(ResourceManager):
    """A workspace with two runs; a step that is cancelled is over after `slowness` seconds."""

    def __init__(self, *, slowness: float = 5.0, **steps: str) -> None:
        self.now, self.slowness = 0.0, slowness
        self.steps = {RUN: dict(steps), OTHER: {"consume_0": "Running"}}
        self.computes = {CLUSTER: {"name": CLUSTER, "tags": {TAG_RUN: RUN}}}
        self.cancelled: dict[str, float] = {}
        self.deleted_at: float | None = None

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for step, at in self.cancelled.items():
            if self.now >= at + self.slowness:
                self.steps[RUN][step] = "Canceled"

    def send(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any] | None:
        name = path.rpartition("/")[2]
        if method == "DELETE":
            self.deleted_at = self.now
            return self.computes.pop(name, {}) and {}
        if method == "POST":
            self.cancelled[path.split("/")[-2]] = self.now
            return {}
        if path.startswith(f"{API}/history"):
            job = path.split("/")[-2]
            steps = self.steps.get(job, {}).items()
            return {"value": [{"runId": step, "displayName": step, "status": status} for step, status in steps]}
        if "/computes/" in path:
            return self.computes.get(name)
        if "/jobs/" in path:
            return {"name": name, "properties": {"status": "Running", "tags": {TAG_RUN: name}}}
        return {"api": API} if path.endswith("discovery") else {"properties": {"discoveryUrl": f"{API}/discovery"}}


@contextmanager
def fleet_of(cloud: Cloud, *joins: Join, consumers: int = 1) -> Iterator[AzureFleet]:
    """Give the fleet of the run; it looks at steps only when it is asked to."""
    run = AzureRun("s", "g", "lab", (RUN,), (CLUSTER,), TAG_RUN, RUN, "control", None)
    workspace = Workspace(cloud, WorkspaceName("s", "g", "lab"))
    fleet = AzureFleet(workspace, run, run_id=RUN, consumers=consumers, clock=cloud.clock)
    fleet.follow((), lambda: list(joins))
    fleet.close()
    yield fleet


def test_clusters_are_deleted_at_once_when_all_steps_are_over() -> None:
    cloud = Cloud(seed="Completed", consume_0="Completed", teardown="Running")

    with fleet_of(cloud) as fleet:
        deleted = fleet.delete(cloud.wait)

    assert (deleted.gone, cloud.deleted_at, cloud.cancelled) == ((CLUSTER,), 0.0, {})


@pytest.mark.parametrize("state", ["Running", "Queued", "NotStarted", "NotResponding"])
def test_a_step_that_may_come_is_waited_for_then_cancelled_then_waited_for(state: str) -> None:
    cloud = Cloud(seed="Completed", consume_0=state, teardown="Running")

    with fleet_of(cloud) as fleet:
        fleet.delete(cloud.wait)

    assert list(cloud.cancelled) == ["consume_0"]
    assert cloud.cancelled["consume_0"] >= SETTLE_SECONDS
    assert cloud.deleted_at is not None
    assert cloud.deleted_at >= cloud.cancelled["consume_0"] + cloud.slowness


def test_a_seed_that_goes_on_is_cancelled_first_for_consumers_would_come_behind_it() -> None:
    cloud = Cloud(seed="Running", teardown="Running")

    with fleet_of(cloud) as fleet:
        fleet.delete(cloud.wait)

    assert list(cloud.cancelled) == ["seed"]


def test_a_consumer_that_azure_has_not_made_yet_is_waited_for_for_a_while() -> None:
    cloud = Cloud(seed="Completed", consume_0="Completed", teardown="Running")

    with fleet_of(cloud, consumers=2) as fleet:
        fleet.delete(cloud.wait)

    assert cloud.deleted_at is not None
    assert cloud.deleted_at >= SETTLE_SECONDS


def test_behind_a_seed_that_failed_no_consumer_is_waited_for() -> None:
    cloud = Cloud(seed="Failed", teardown="Running")

    with fleet_of(cloud, consumers=8) as fleet:
        fleet.delete(cloud.wait)

    assert cloud.deleted_at == 0.0


def test_after_a_bounded_wait_clusters_are_deleted_under_a_step_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cloud = Cloud(slowness=100_000, seed="Completed", consume_7="Queued", teardown="Running")

    with caplog.at_level(logging.WARNING), fleet_of(cloud) as fleet:
        deleted = fleet.delete(cloud.wait)

    assert deleted.gone == (CLUSTER,)
    assert cloud.deleted_at is not None
    assert SETTLE_SECONDS + CANCEL_SECONDS <= cloud.deleted_at <= SETTLE_SECONDS + CANCEL_SECONDS + 10
    assert "consume_7 (Queued)" in caplog.text


def test_a_job_that_a_record_alone_calls_the_runs_is_neither_looked_at_nor_cancelled() -> None:
    cloud = Cloud(seed="Completed", consume_0="Completed", teardown="Running")

    with fleet_of(cloud, Join(OTHER, ("gpu-a",))) as fleet:
        fleet.delete(cloud.wait)
        seen = {step.name for step in fleet.steps()}

    assert cloud.cancelled == {}
    assert seen == {"seed", "consume_0", "teardown"}
