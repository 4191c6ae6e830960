"""`submit --join`: more consumers for a run that is at work."""

from __future__ import annotations

from pathlib import Path

from azure_site import AzureSite
from emulator import Emulator

SLOW = "import time\n\ndef run(row):\n    time.sleep(1)\n    return {'square': int(row['number']) ** 2}\n"


def test_more_workers_join_a_run_and_their_cluster_goes_with_it(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(
        tmp_path, azure, rows=60, code=SLOW, parallelism="workers: 1, lease_seconds: 15", compute="idle_seconds: 10"
    )
    run = site.submit()
    azure.wait_for_rows(run, at_least_running=1)

    joined = site.document("submit", "--yes", "--join", run, "--workers", "2")
    there = azure.cluster_names(run)
    for job in (*joined["jobs"], run):
        azure.wait_for_job(job, "Completed")

    assert joined["jobs"] == [f"{run}-j1"]
    assert set(joined["clusters"]) < set(there)
    assert sorted(azure.world.jobs[f"{run}-j1"].properties["jobs"]) == ["consume_0", "consume_1"]
    assert site.document("results", run)["rows"]["succeeded"] == 60
    assert azure.cluster_names(run) == []


def test_a_run_that_is_over_or_another_now_is_not_joined(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(tmp_path, azure, rows=4)
    run = site.submit()
    azure.wait_for_job(run, "Completed")

    over = site.run("submit", "--yes", "--join", run, "--workers", "2", code=4)
    alone = site.run("submit", "--yes", "--join", run, code=2)

    assert f"retry {run}" in over.stderr
    assert "--workers" in alone.stderr
    assert azure.cluster_names(run) == []
