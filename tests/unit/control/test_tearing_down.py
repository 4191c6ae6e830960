"""What fails in a teardown does not keep it from the rest, and what still costs money is told first."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from hyperscale import blobs
from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.control.azure.place import AzurePlace
from hyperscale.control.azure.session import Session
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.tearing_down import tear_down_here
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import HyperscaleError, TeardownError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.azure.workspace_facts import workspace_facts

RUN, CLUSTER = "r-1", "hs-a-c00"


class Cloud(ResourceManager):
    """Azure with a cluster of the run, which it deletes only for those who `may_delete`."""

    def __init__(self, *, may_delete: bool) -> None:
        self.may_delete = may_delete
        self.clusters = {CLUSTER: {"name": CLUSTER, "tags": {TAG_RUN: RUN}}}

    def send(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any] | None:
        name = path.rpartition("/")[2]
        if method == "DELETE" and not self.may_delete:
            raise RefusedError("you may not delete it", status=403, code="AuthorizationFailed")
        if method == "DELETE":
            del self.clusters[name]
        return {"value": [*self.clusters.values()]} if name == "computes" else self.clusters.get(name)


def found_run(folder: RunFolder, cloud: Cloud) -> FoundRun:
    name = WorkspaceName("s", "g", "lab")
    place = AzurePlace(name, None, None, "hyperscale", {})
    session = Session(place, None, Workspace(cloud, name), workspace_facts({}))
    azure = AzureRun("s", "g", "lab", (RUN,), (CLUSTER,), TAG_RUN, RUN, "control", None)
    return FoundRun(folder, folder.runs / "experiment.yaml", {"experiment": "digits"}, azure, place, session)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that is collected, whose queue cannot be removed."""
    folder = RunFolder.under(tmp_path, RUN)
    folder.store().create(blobs.RUN_RESULTS, json.dumps({"rows": {}}).encode())
    (folder.path / "queue.sqlite").mkdir()
    return folder


@pytest.mark.parametrize("with_data", [False, True])
def test_a_cluster_that_stays_is_named_whatever_else_fails_and_data_is_kept_to_find_it(
    folder: RunFolder, with_data: bool
) -> None:
    told: list[str] = []
    found = found_run(folder, Cloud(may_delete=False))

    with pytest.raises(TeardownError, match=CLUSTER):
        tear_down_here(
            found, say=told.append, with_data=with_data, clock=itertools.count(0, 100).__next__, wait=lambda _: None
        )

    assert [line for line in told if line.startswith("error: the queue ")]
    assert (folder.path / blobs.RUN_RESULTS).exists()
    assert with_data == any("is kept until its clusters are gone" in line for line in told)


def test_a_queue_that_cannot_be_removed_is_an_error_when_the_clusters_are_gone(folder: RunFolder) -> None:
    told: list[str] = []
    cloud = Cloud(may_delete=True)

    with pytest.raises(HyperscaleError, match="the queue "):
        tear_down_here(found_run(folder, cloud), say=told.append, wait=lambda _: None)

    assert not cloud.clusters
    assert told[-1] == f"cluster {CLUSTER} is gone"
