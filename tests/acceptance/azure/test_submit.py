"""`submit` on its way: what it asks of Azure, and what becomes of it when it is cut short or refused."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure_site import TWO_NODES, AzureSite, gated, shown
from emulator import Emulator
from emulator.service import Recorded
from profiles import size
from wordings import line_names

#: Requests for a cluster: one that makes it, and looks at how far that has come.
OF_CLUSTERS = re.compile(r"/computes/[^/]+$|computeOperationsStatus")
SHORT = "max_nodes_per_cluster: 4"
KILLS = size(2, 10)


def control_plane(requests: list[Recorded]) -> list[str]:
    """Return the requests that are neither for a cluster nor for a token."""
    return [
        f"{each.method} {each.path}"
        for each in requests
        if "management" in each.host and not OF_CLUSTERS.search(each.path)
    ]


def asked(azure: Emulator, since: int, method: str, pattern: str) -> list[str]:
    return [each.path for each in azure.requests[since:] if each.method == method and re.search(pattern, each.path)]


def own_clusters(azure: Emulator) -> list[str]:
    return [name for name in azure.cluster_names() if not name.startswith(("hs-control-", "hs-seed-"))]


def runs_in(site: AzureSite) -> list[str]:
    return sorted(folder.name for folder in (site.folder / ".hyperscale" / "runs").glob("*"))


def blobs(azure: Emulator, prefix: str) -> list[str]:
    return sorted(azure.storage.container("hyperscale").list_blob_names(name_starts_with=prefix))


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, or the process has ended."""
    while not condition() and process.poll() is None:
        time.sleep(0.005)


def end(process: subprocess.Popen[str], how: signal.Signals) -> subprocess.CompletedProcess[str]:
    os.kill(process.pid, how)
    said, told = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, said, told)


@pytest.mark.usefixtures("new_code")
def test_200_consumers_take_few_requests_and_what_azure_has_is_not_sent_again(tmp_path: Path, still: Emulator) -> None:
    quota = still.world.catalogue.quotas[still.location]
    quota.dedicated_cores["standardFSv2Family"] = quota.total_dedicated_cores = 10_000
    site = AzureSite(
        tmp_path,
        still,
        rows=400,
        parallelism="workers: 200, workers_per_node: 1",
        compute="max_nodes_per_cluster: 100",
        more="environment: {conda_file: conda.yml}\nmounts: {words: words}\n",
    )
    (site.folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (site.folder / "words").mkdir()
    (site.folder / "words" / "one.txt").write_text("one")

    site.submit()
    first, uploaded = len(still.requests), blobs(still, "inputs/")
    site.submit()

    again, looks = apart(control_plane(still.requests[first:]))
    assert len(again) <= 7, "\n".join(again)
    assert len(looks) <= 12, "\n".join(looks)
    assert len(apart(control_plane(still.requests[:first]))[0]) <= 15
    assert not asked(still, first, "PUT", "/(codes|environments|components)/")
    assert blobs(still, "inputs/") == uploaded
    assert len(uploaded) == 2
    job = max(still.world.jobs.values(), key=lambda job: job.name)
    assert len(job.properties["jobs"]) == 202


def apart(requests: list[str]) -> tuple[list[str], list[str]]:
    """Return the requests of a submission, and those that look at identities and roles before."""
    looks = [one for one in requests if "Microsoft.Authorization" in one or "Microsoft.ManagedIdentity" in one]
    return [one for one in requests if one not in looks], looks


def test_more_consumers_than_a_pipeline_takes_are_several_pipelines_on_one_queue(
    tmp_path: Path, azure: Emulator
) -> None:
    compute, gate = "max_nodes_per_cluster: 1, consumers_per_pipeline: 1", tmp_path / "open"
    site = AzureSite(tmp_path / "home", azure, code=gated(gate), parallelism=TWO_NODES, compute=compute)

    submitted = site.document("submit", "--yes")
    run = submitted["run_id"]
    azure.wait_for_rows(submitted["jobs"][1], at_least_running=1)
    gate.touch()
    for job in submitted["jobs"]:
        azure.wait_for_job(job, "Completed")

    assert submitted["jobs"] == [f"{run}-p1", f"{run}-p2"]
    assert [sorted(azure.world.jobs[job].properties["jobs"]) for job in submitted["jobs"]] == [
        ["consume_0", "seed", "teardown"],
        ["consume_1", "gate"],
    ]
    assert site.document("results", run)["rows"]["succeeded"] == 12
    assert own_clusters(azure) == []


def test_nobody_to_ask_and_no_yes_makes_nothing(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)

    done = site.run("submit", code=2)

    assert "--yes" in done.stderr
    assert "cluster" in done.stderr  # the plan was shown
    assert not asked(still, 0, "PUT", "")
    assert runs_in(site) == []


@pytest.mark.usefixtures("new_code")
def test_a_submission_that_is_killed_anywhere_is_taken_up_and_there_is_one_run(tmp_path: Path, still: Emulator) -> None:
    chance = random.Random(0)
    whole = AzureSite(tmp_path / "whole", still, name="whole")
    whole.submit()
    requests = len(still.requests)

    for number in range(KILLS):
        site = AzureSite(tmp_path / f"{number}", still, name=f"kill{number}")
        (site.folder / "src" / "activity.py").write_text(f"def run(row):\n    return {number}\n")
        before = len(still.requests)
        at = before + chance.randrange(4, requests)
        with site.start("submit", "--yes") as process:
            until(lambda at=at: len(still.requests) >= at, process)
            killed = end(process, signal.SIGKILL)
        unfinished = runs_in(site)
        submitted = site.document("submit", "--yes")

        jobs = [name for name in still.world.jobs if name.startswith(f"kill{number}-")]
        where = f"killed after {at - before} requests\n{killed.stderr}"
        if killed.returncode == -signal.SIGKILL:
            assert jobs == [submitted["run_id"]], where
            assert unfinished in ([], [submitted["run_id"]]), where
        assert [name for name in own_clusters(still) if f"kill{number}" in name][-1:] == submitted["clusters"], where


@pytest.mark.usefixtures("new_code")
def test_ctrl_c_takes_back_what_was_made(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)
    still.faults.add(method="GET", path="computeOperationsStatus", times=None, delay_seconds=0.5)

    with site.start("submit", "--yes") as process:
        until(lambda: own_clusters(still) != [], process)
        done = end(process, signal.SIGINT)

    assert done.returncode == 130, shown(done)
    assert own_clusters(still) == []
    assert not still.world.jobs
    assert runs_in(site) == []
    assert blobs(still, "squares-") == []


def test_quota_that_is_refused_leaves_nothing(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still, compute="max_nodes_per_cluster: 1")
    still.faults.add(
        method="PUT", path="/computes/hs-squares", status=400, code="ClusterCoreQuotaReached", times=None,
        message="The cluster core quota is reached.",
    )  # fmt: skip

    done = site.run("submit", "--yes", code=5)

    assert "ClusterCoreQuotaReached" in done.stderr
    assert own_clusters(still) == []
    assert not still.world.jobs
    assert runs_in(site) == []


def test_a_job_that_is_refused_leaves_no_cluster(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)
    still.faults.add(method="PUT", path="/jobs/", status=400, code="UserError", message="No.", times=None)

    done = site.run("submit", "--yes", code=5)

    line_names(done.stderr, "error: ", "job squares-", "400 UserError: No.")
    assert own_clusters(still) == []
    assert runs_in(site) == []


def test_what_cannot_be_taken_back_is_named_and_the_next_submit_takes_it_back(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)
    still.faults.add(method="PUT", path="/jobs/", status=400, code="UserError", message="No.")
    refused = still.faults.add(method="DELETE", path="/computes/", status=403, code="AuthorizationFailed", times=None)

    done = site.run("submit", "--yes", code=7)
    left = own_clusters(still)
    refused.times = refused.hits
    submitted = site.document("submit", "--yes")

    assert len(left) == 1
    assert left[0] in done.stderr
    assert own_clusters(still) == submitted["clusters"]
    assert list(still.world.jobs) == [submitted["run_id"]]


def test_a_lost_answer_to_the_job_makes_no_second_run(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)
    still.faults.add(method="PUT", path="/jobs/", lost=True)

    submitted = site.document("submit", "--yes")

    assert list(still.world.jobs) == [submitted["run_id"]]


@pytest.mark.usefixtures("new_code")
def test_an_azure_that_is_busy_on_every_third_request_is_asked_again(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)
    still.faults.add(path="management", status=429, retry_after=0.1, every=3, times=None)

    submitted = site.document("submit", "--yes")

    assert list(still.world.jobs) == [submitted["run_id"]]
    assert own_clusters(still) == submitted["clusters"]


@pytest.mark.usefixtures("new_code")
def test_a_submission_of_what_has_changed_since_is_taken_back_before_there_is_a_new_one(
    tmp_path: Path, still: Emulator
) -> None:
    site = AzureSite(tmp_path, still)
    with site.start("submit", "--yes") as process:
        until(lambda: own_clusters(still) != [], process)
        end(process, signal.SIGKILL)
    old, clusters = runs_in(site), own_clusters(still)
    (site.folder / "rows.csv").write_text("number\n1\n")

    refused = site.run("submit", code=2)
    kept = own_clusters(still)
    submitted = site.document("submit", "--yes")

    line_names(refused.stderr, old[0], "input", "data", "changed")
    assert kept == clusters
    assert submitted["run_id"] not in old
    assert own_clusters(still) == submitted["clusters"]
    assert runs_in(site) == [submitted["run_id"]]


def test_a_submission_that_is_watched_ends_as_its_run_does(tmp_path: Path, azure: Emulator) -> None:
    code = "def run(row):\n    if row['number'] == '3':\n        raise ValueError('three')\n    return {}\n"
    site = AzureSite(tmp_path, azure, rows=8, code=code, activity="max_attempts: 1")

    done = site.run("submit", "--yes", "--watch", code=6)

    assert "succeeded=7 failed=1 missing=0 total=8" in done.stdout
    assert own_clusters(azure) == []


@pytest.mark.usefixtures("new_code")
def test_accounts_without_shared_keys_take_code_and_data(tmp_path: Path, azure: Emulator) -> None:
    azure.disable_shared_keys()
    azure.world.directory.assign_to_all("Storage Blob Data Contributor", azure.world.workspace.storage_path)
    site = AzureSite(tmp_path, azure)

    run = site.submit()
    azure.wait_for_job(run, "Completed")

    assert site.document("results", run)["rows"]["succeeded"] == 12


@pytest.mark.usefixtures("new_code")
def test_a_large_file_goes_up_in_flat_memory(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still, more="mounts: {large: large.bin}\n")
    (site.folder / "large.bin").write_bytes(b"")
    before_mb, large_mb = peak_mb(site), size(96, 256)
    with (site.folder / "large.bin").open("wb") as file:
        for number in range(large_mb):
            file.write(number.to_bytes(1, "big") * 1024 * 1024)

    after_mb = peak_mb(site)

    assert after_mb - before_mb < large_mb / 2, (before_mb, after_mb)


def peak_mb(site: AzureSite) -> float:
    """Return the most memory that a submission takes, in MB."""
    with site.start("submit", "--yes", python=sys.executable) as process:
        status, peak = Path(f"/proc/{process.pid}/status"), 0
        while process.poll() is None:
            lines = status.read_text().splitlines()
            peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))])
            time.sleep(0.02)
        said, told = process.communicate(timeout=60)
    assert process.returncode == 0, said + told
    return peak / 1024
