"""What runs have left in a workspace is found and deleted, and nothing else is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure_site import AzureSite
from emulator import Emulator
from emulator.resources import Job
from wordings import names

from hyperscale.azure_run import TAG_CONTROL, TAG_EXPERIMENT, TAG_EXPIRES_AT, TAG_OWNER, TAG_RENDER, TAG_RUN

OVER, ALIVE, DEAD, NEW = (f"squares-20261120-1{number}0000-ab12" for number in range(4))
FOREIGN = ("gpu-a", "team-cpu", "hs-control-wabc")


def tags(run: str, *, hours_left: float = 10.0) -> dict[str, str]:
    """Return the tags of a cluster of a submitted run."""
    expires_at = datetime.now(timezone.utc) + timedelta(hours=hours_left)
    named = {TAG_RUN: run, TAG_EXPERIMENT: "squares", TAG_OWNER: "ada@example.org"}
    return {**named, TAG_EXPIRES_AT: expires_at.isoformat(timespec="seconds")}


def add_job(azure: Emulator, name: str, status: str, **tags: str) -> None:
    with azure.world.lock:
        properties = {"jobType": "Pipeline", "jobs": {}, "tags": {TAG_EXPERIMENT: "squares", **tags}}
        azure.world.jobs[name] = Job(name, properties, azure.world.directory.person, status=status)


@pytest.fixture
def site(tmp_path: Path, azure: Emulator) -> AzureSite:
    """Clusters of runs of all kinds: over, alive, without a job and expired, without a job yet; and foreign ones."""
    azure.add_cluster("gpu-a")
    azure.add_cluster("team-cpu", tags={"owner": "somebody"})
    azure.add_cluster("hs-control-wabc", tags={TAG_CONTROL: "true"})
    azure.add_cluster("hs-squares-over-c00", max_nodes=4, tags=tags(OVER))
    azure.add_cluster("hs-squares-over-c01", max_nodes=2, tags=tags(OVER))
    azure.add_cluster("hs-squares-alive-c00", tags=tags(ALIVE))
    azure.add_cluster("hs-squares-dead-c00", max_nodes=1, tags=tags(DEAD, hours_left=-1))
    azure.add_cluster("hs-squares-new-c00", tags=tags(NEW))
    azure.add_cluster("hs-squares-az-c00", max_nodes=1, tags={TAG_RENDER: "a1b2c3"})
    add_job(azure, OVER, "Canceled")
    add_job(azure, ALIVE, "Running")
    add_job(azure, "sincere_lemon_1a2b3c4d5e", "Failed", **{TAG_RENDER: "a1b2c3"})
    return AzureSite(tmp_path / "home", azure)


LEFT = ["hs-squares-az-c00", "hs-squares-dead-c00", "hs-squares-over-c00", "hs-squares-over-c01"]
KEPT = {*FOREIGN, "hs-squares-alive-c00", "hs-squares-new-c00"}


def test_gc_lists_what_no_job_needs_and_deletes_it_when_told_to(site: AzureSite, azure: Emulator) -> None:
    listed = site.run("gc", code=2)
    for_programs = site.document("gc")
    before = set(azure.cluster_names())
    documents = site.document("gc", "--yes")
    again = site.run("gc", "--yes")

    assert "--yes" in listed.stderr
    assert all(name in listed.stdout for name in LEFT)
    names(listed.stdout, "quota", "32 cores")
    assert before == {*LEFT, *KEPT}
    assert for_programs == documents
    assert sorted(document["name"] for document in documents) == LEFT
    assert set(azure.cluster_names()) == KEPT
    names(again.stderr, "left behind")


def test_gc_of_what_is_old_leaves_what_is_young(site: AzureSite, azure: Emulator) -> None:
    with azure.world.lock:
        azure.world.computes["hs-squares-over-c00"].created_at -= 5 * 3600

    documents = site.document("gc", "--older-than", "4", "--yes")

    assert [document["name"] for document in documents] == ["hs-squares-over-c00"]
    assert set(LEFT) - set(azure.cluster_names()) == {"hs-squares-over-c00"}


def test_the_clusters_of_a_submission_that_was_not_finished_go_from_its_own_folder_alone(
    site: AzureSite, tmp_path: Path, azure: Emulator
) -> None:
    elsewhere = AzureSite(tmp_path / "elsewhere", azure)
    write_journal(site.folder, NEW)

    elsewhere.run("gc", "--yes")
    kept = "hs-squares-new-c00" in azure.cluster_names()
    site.run("gc", "--yes")

    assert kept
    assert "hs-squares-new-c00" not in azure.cluster_names()


def write_journal(folder: Path, run: str) -> None:
    """Write the journal of a submission that was killed while clusters were made."""
    journal = {
        "run_id": run, "experiment_file": str(folder / "experiment.yaml"), "step": "clusters", "started_at": 0,
        "expires_at": 0, "owner": "ada", "fingerprint": {}, "plan": {}, "store": "", "queue": "", "version": "",
        "jobs": [run], "lost_clusters": [], "begun": [], "studio_url": "",
    }  # fmt: skip
    place = folder / ".hyperscale" / "runs" / run
    place.mkdir(parents=True)
    (place / "submission.json").write_text(json.dumps(journal))


def test_a_cluster_that_cannot_be_deleted_is_named(site: AzureSite, azure: Emulator) -> None:
    azure.faults.add(method="DELETE", path=r"/computes/.*dead-c00", status=403, code="AuthorizationFailed", times=100)

    told = site.run("gc", "--yes", code=7)

    assert "hs-squares-dead-c00" in told.stderr
    assert set(azure.cluster_names()) == {*KEPT, "hs-squares-dead-c00"}
