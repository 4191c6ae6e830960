"""`submit --join`: more consumers for a run that is at work."""

from __future__ import annotations

from pathlib import Path

from azure_site import AzureSite, gated
from emulator import Emulator


def test_more_workers_join_a_run_until_it_is_over_and_their_cluster_goes_with_it(
    tmp_path: Path, azure: Emulator
) -> None:
    gate = tmp_path / "open"
    parallelism = "workers: 1, workers_per_node: 1, lease_seconds: 15"
    site = AzureSite(tmp_path / "home", azure, code=gated(gate), parallelism=parallelism, compute="idle_seconds: 10")
    run = site.submit()
    azure.wait_for_rows(run, at_least_running=1)

    alone = site.run("submit", "--yes", "--join", run, code=2)
    joined = site.document("submit", "--yes", "--join", run, "--workers", "2")
    there = azure.cluster_names(run)
    azure.wait_for_rows(joined["jobs"][0], at_least_running=2)
    gate.touch()
    for job in (*joined["jobs"], run):
        azure.wait_for_job(job, "Completed")
    over = site.run("submit", "--yes", "--join", run, "--workers", "2", code=4)

    assert "--workers" in alone.stderr
    assert joined["jobs"] == [f"{run}-j1"]
    assert set(joined["clusters"]) < set(there)
    assert sorted(azure.world.jobs[f"{run}-j1"].properties["jobs"]) == ["consume_0", "consume_1"]
    assert site.document("results", run)["rows"]["succeeded"] == 12
    assert f"retry {run}" in over.stderr
    assert azure.cluster_names(run) == []
