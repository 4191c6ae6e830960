"""What a record of a run names is deleted, cancelled or looked at only when Azure says that it is the run's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperscale import blobs
from hyperscale.azure_run import TAG_CONTROL, TAG_EXPERIMENT, TAG_RENDER, TAG_RUN
from hyperscale.control.azure.place import AzurePlace
from hyperscale.control.azure.session import Session
from hyperscale.control.follow.claims import ServiceJobs, clusters_of_a_foreign_record, named_jobs, with_all_jobs
from hyperscale.control.follow.finding import FoundRun, records_of
from hyperscale.control.follow.left_behind import left_behind
from hyperscale.control.follow.tearing_down import check_is_over, tear_down_here
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.azure.workspace_facts import workspace_facts
from hyperscale.ownership import Owner

RUN, OTHER, AZ = "digits-20261120-100000-ab12", "digits-20261121-100000-cd34", "sad_lime_1a2b3c4d5e"
#: Name to tags of what is in the workspace.
CLUSTERS = {
    "hs-digits-1-c00": {TAG_RUN: RUN},
    "hs-joined-1-c00": {TAG_RUN: RUN},
    "hs-digits-2-c00": {TAG_RUN: OTHER},
    "hs-shared-c00": {TAG_RENDER: "84aa62"},
    "hs-control-w1": {TAG_CONTROL: "shared"},
    "gpu-a": {},
    "gpu-ml": {"team": "ml"},
    "gpu-empty": {TAG_RUN: ""},
}
OWN, JOINED = "hs-digits-1-c00", "hs-joined-1-c00"
STRANGERS = [name for name in CLUSTERS if name not in (OWN, JOINED)]
#: Name to tags and state of its jobs.
JOBS = {
    RUN: ({TAG_RUN: RUN, TAG_EXPERIMENT: "digits"}, "Completed"),
    f"{RUN}-j1": ({TAG_RUN: RUN, TAG_EXPERIMENT: "digits"}, "Completed"),
    OTHER: ({TAG_RUN: OTHER, TAG_EXPERIMENT: "digits"}, "Running"),
    AZ: ({TAG_RENDER: "84aa62", TAG_EXPERIMENT: "digits"}, "Completed"),
}
TRUE = {
    "subscription_id": "s", "resource_group": "g", "workspace_name": "lab", "jobs": [RUN], "clusters": [OWN],
    "tag": TAG_RUN, "tag_value": RUN, "control_cluster": "hs-control-w1", "usd_per_node_hour": None,
}  # fmt: skip


class Cloud(ResourceManager):
    """A workspace with CLUSTERS and JOBS, as Resource Manager shows it; it remembers what was cancelled."""

    def __init__(self) -> None:
        self.clusters = {name: {"name": name, "tags": tags} for name, tags in CLUSTERS.items()}
        self.jobs = dict(JOBS)
        self.cancelled: list[str] = []

    def send(self, method: str, path: str, query: Any = None, **_: Any) -> dict[str, Any] | None:
        kind, _, name = path.rpartition("/workspaces/lab/")[2].partition("/")
        if method == "DELETE":
            del self.clusters[name]
        if method == "POST":
            self.cancelled.append(name)
        if kind == "jobs" and not name:
            return {"value": [self.job(each) for each in self.jobs if query["tag"] in self.jobs[each][0]]}
        if kind == "jobs":
            return self.job(name) if name in self.jobs else None
        return self.clusters.get(name) if name else {"value": [*self.clusters.values()]}

    def job(self, name: str) -> dict[str, Any]:
        tags, status = self.jobs[name]
        return {"name": name, "properties": {"status": status, "tags": tags, "experimentName": "digits"}}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def found_run(folder: Path, cloud: Cloud, record: Any, joins: dict[str, Any], run: str = RUN) -> FoundRun:
    """Return the run as commands find it, with `record` as its run.json; text is written as it is."""
    where = RunFolder.under(folder, run)
    store = where.store()
    store.create(blobs.MANIFEST, record.encode() if isinstance(record, str) else json.dumps(record).encode())
    store.create(blobs.RUN_RESULTS, json.dumps({"rows": {}}).encode())
    for job, join in joins.items():
        store.create(f"{blobs.JOBS}{job}", join.encode() if isinstance(join, str) else json.dumps(join).encode())
    name = WorkspaceName("s", "g", "lab")
    session = Session(AzurePlace(name, None, None, "hyperscale", {}), None, Workspace(cloud, name), workspace_facts({}))
    manifest, azure, refused = records_of(where)
    return FoundRun(where, folder / "experiment.yaml", manifest, azure, session.place, session, refused)


def tear_down(folder: Path, cloud: Cloud, record: Any, joins: dict[str, Any], run: str = RUN) -> str:
    """Tear the run down as `teardown` does, and return all that was said, errors too."""
    told: list[str] = []
    try:
        found = with_all_jobs(found_run(folder, cloud, record, joins, run))
        check_is_over(found)
        tear_down_here(found, say=told.append, wait=lambda _: None)
    except HyperscaleError as error:
        told.append(str(error))
    return "\n".join(told)


def manifest(run: str = RUN, **changes: Any) -> dict[str, Any]:
    return {"run_id": run, "experiment": "digits", "azure": {**TRUE, **changes}}


def test_the_clusters_of_a_run_and_of_who_joined_it_are_deleted_and_no_others(tmp_path: Path, cloud: Cloud) -> None:
    tear_down(tmp_path, cloud, manifest(), {f"{RUN}-j1": {"clusters": [JOINED]}})

    assert list(cloud.clusters) == STRANGERS


@pytest.mark.parametrize(
    ("record", "joins", "said"),
    [
        (manifest(tag="nothing", tag_value="", clusters=[*CLUSTERS]), {}, "nothing"),
        (manifest(tag="team", tag_value="ml", clusters=["gpu-ml"]), {}, "gpu-ml"),
        (manifest(tag="", tag_value="", clusters=["gpu-a"]), {}, "gpu-a"),
        (manifest(tag_value="", clusters=["gpu-empty"]), {}, "gpu-empty"),
        (manifest(tag_value=OTHER, clusters=["hs-digits-2-c00"]), {}, "hs-digits-2-c00"),
        (manifest(tag=TAG_CONTROL, tag_value="shared", clusters=["hs-control-w1"]), {}, "hs-control-w1"),
        (manifest(tag=TAG_RENDER, tag_value="84aa62", clusters=["hs-shared-c00"]), {}, "hs-shared-c00"),
        (manifest(clusters=STRANGERS), {}, "gpu-a"),
        (manifest(clusters=[]), {f"{RUN}-j1": {"clusters": STRANGERS}}, "gpu-ml"),
        (manifest(clusters=[]), {"x": {"clusters": "gpu-a"}}, "gpu-a"),
        (manifest(clusters=[]), {"x": {"clusters": [None, {"a": 1}]}}, "null"),
        (manifest(clusters=[]), {"x": "[1, 2]", "y": "{", "z": "[" * 100_000}, "jobs/y"),
        (manifest(tag_value=None, clusters=[OWN]), {}, "azure.tag_value"),
        (manifest(tag=["hyperscale_run"]), {}, "azure.tag"),
        (manifest(clusters="gpu-a"), {}, "azure.clusters"),
        (manifest(clusters=[5]), {}, "azure.clusters"),
        (manifest(clusters=["../jobs/x"]), {}, "azure.clusters"),
        (manifest(jobs=[]), {}, "azure.jobs"),
        (manifest(jobs=7), {}, "azure.jobs"),
        (manifest(usd_per_node_hour="much"), {}, "usd_per_node_hour"),
        ({**manifest(), "azure": "lab"}, {}, "azure"),
        ({**manifest(), "plan": {"rows": "all"}}, {}, "plan.rows"),
        (manifest(OTHER), {}, OTHER),
        ([], {}, "run.json"),
        ("{", {}, "run.json"),
        ("[" * 100_000, {}, "run.json"),
    ],
)
def test_a_forged_record_deletes_nothing_and_what_it_names_is_named(
    tmp_path: Path, cloud: Cloud, record: Any, joins: dict[str, Any], said: str
) -> None:
    told = tear_down(tmp_path, cloud, record, joins)

    assert list(cloud.clusters) == list(CLUSTERS)
    assert said in told


@pytest.mark.parametrize("jobs", [[RUN], [f"{RUN}-j1"], ["no-such-job"], [OTHER]])
def test_whether_a_run_is_over_says_azure_and_not_its_record(tmp_path: Path, cloud: Cloud, jobs: list[str]) -> None:
    cloud.jobs[f"{RUN}-p2"] = (JOBS[RUN][0], "NotResponding")

    told = tear_down(tmp_path, cloud, manifest(jobs=jobs), {})

    assert f"{RUN}-p2 (NotResponding)" in told
    assert list(cloud.clusters) == list(CLUSTERS)


def test_a_job_of_another_run_is_no_job_of_this_one(cloud: Cloud) -> None:
    workspace = Workspace(cloud, WorkspaceName("s", "g", "lab"))

    jobs, refused = named_jobs(workspace, RUN, [RUN, OTHER, "../computes/gpu-a", "gone"])

    assert [name for name, job in jobs.items() if job] == [RUN]
    assert list(jobs) == [RUN, "../computes/gpu-a", "gone"]
    assert len(refused) == 1
    assert OTHER in refused[0]


def test_a_run_of_rendered_files_deletes_what_its_own_job_was_rendered_with(tmp_path: Path, cloud: Cloud) -> None:
    run = AZ.replace("_", "-")
    record = manifest(run, jobs=[AZ], tag=TAG_RENDER, tag_value="84aa62", clusters=["hs-shared-c00"])
    cloud.jobs["calm_owl_1"] = ({TAG_RENDER: "84aa62", TAG_EXPERIMENT: "digits"}, "NotResponding")

    shared = tear_down(tmp_path / "one", cloud, record, {}, run)
    kept = "hs-shared-c00" in cloud.clusters
    del cloud.jobs["calm_owl_1"]
    tear_down(tmp_path / "two", cloud, record, {}, run)

    assert kept
    assert "calm_owl_1" in shared
    assert [name for name in CLUSTERS if name not in cloud.clusters] == ["hs-shared-c00"]


def test_clusters_that_this_machine_did_not_make_are_those_to_ask_about(tmp_path: Path, cloud: Cloud) -> None:
    found = found_run(tmp_path, cloud, manifest(clusters=[OWN, "gpu-a"]), {f"{RUN}-j1": {"clusters": [JOINED]}})

    assert clusters_of_a_foreign_record(found) == [OWN, JOINED]


@pytest.mark.parametrize("state", ["Running", "NotResponding", "Queued", "CancelRequested"])
def test_gc_offers_no_cluster_of_a_job_that_is_not_over_whatever_records_say(cloud: Cloud, state: str) -> None:
    name = WorkspaceName("s", "g", "lab")
    session = Session(AzurePlace(name, None, None, "hyperscale", {}), None, Workspace(cloud, name), workspace_facts({}))
    offered = {left.name for left in left_behind(session, now=0.0)}
    cloud.jobs[f"{RUN}-p2"] = (JOBS[RUN][0], state)
    cloud.jobs["calm_owl_1"] = (JOBS[AZ][0], state)

    assert offered == {OWN, JOINED, "hs-shared-c00"}
    assert left_behind(session, now=0.0) == []


def test_the_jobs_of_a_run_are_listed_only_when_its_first_one_is_over(cloud: Cloud) -> None:
    jobs = ServiceJobs(Workspace(cloud, WorkspaceName("s", "g", "lab")))

    assert [job.name for job in jobs.of_run(OTHER)] == [OTHER]
    assert [job.name for job in jobs.of_run(RUN)] == [RUN, f"{RUN}-j1"]
    assert [job.name for job in jobs.of_owner(Owner(TAG_RENDER, "84aa62"))] == [AZ]


def test_a_run_json_that_is_another_runs_is_refused(tmp_path: Path, cloud: Cloud) -> None:
    with pytest.raises(RunStateError, match=OTHER):
        found_run(tmp_path, cloud, manifest(OTHER), {})
