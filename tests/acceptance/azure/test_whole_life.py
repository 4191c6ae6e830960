"""The whole life of a run on Azure ML, by the commands that a person types: from doctor to nothing left."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
import pytest
from azure_site import TWO_NODES, AzureSite, counts
from emulator import Emulator
from profiles import size

#: Clusters of other people that stand in the workspace before, and have to stand there afterwards.
FOREIGN = ("gpu-a", "team-cpu", "hs-other-abcdef-c00", "hs-control-wzzzzzz", "night")
#: Of each of the three clusters.
NODES = size(2, 4)
ROWS = size(1_000, 5_000)


@pytest.fixture
def fleet(tmp_path: Path, azure: Emulator) -> AzureSite:
    """5,000 rows for 3 clusters of 4 nodes, in `make test` 1,000 for those of 2."""
    for name in FOREIGN:
        azure.add_cluster(name)
    return AzureSite(
        tmp_path / "home",
        azure,
        rows=ROWS,
        parallelism=f"workers: {3 * NODES}, workers_per_node: 1, lease_seconds: 15",
        compute=f"max_nodes_per_cluster: {NODES}",
    )


def test_doctor_plan_submit_watch_and_results_of_a_whole_run(fleet: AzureSite, azure: Emulator) -> None:
    fleet.run("doctor")
    plan = fleet.run("plan", "--azure", "--seconds-per-row", "0.01").stdout
    run = fleet.submit()
    made = azure.cluster_names(run)
    watched = fleet.run("watch", run)
    results = fleet.document("results", run)
    fleet.run("results", run, "-o", str(fleet.folder / "table.parquet"))

    assert f"{3 * NODES} nodes" in plan
    assert len(made) == 3
    assert watched.stdout.splitlines()[-1].startswith(f"Done. succeeded={ROWS:,} failed=0 missing=0 total={ROWS:,}")
    assert counts(results) == (ROWS, 0, 0)
    table = pyarrow.parquet.read_table(fleet.folder / "table.parquet")
    assert table.column("square").to_pylist() == [number**2 for number in range(ROWS)]
    left = set(azure.cluster_names()) - set(FOREIGN)
    assert set(FOREIGN) <= set(azure.cluster_names())
    assert {name.rpartition("-w")[0] for name in left} == {"hs-control", "hs-seed"}
    assert azure.wait_for_job(run) == "Completed"


def test_a_run_in_another_region_is_followed_from_another_machine_and_its_cost_is_told(
    tmp_path: Path, azure: Emulator
) -> None:
    elsewhere = "max_nodes_per_cluster: 1, locations: [northeurope]"
    registers = "output: {register: {name: squares-table}}\n"
    here = AzureSite(tmp_path / "here", azure, parallelism=TWO_NODES, compute=elsewhere, more=registers)
    there = AzureSite(tmp_path / "there", azure)

    run = here.submit()
    used = [azure.cluster(name).location for name in azure.cluster_names(run)]
    watched = there.run("watch", run)

    assert used == ["northeurope"] * 2
    assert azure.cluster_names(run) == []
    assert watched.stdout.splitlines()[-1].startswith("Done. succeeded=12 failed=0 missing=0 total=12")
    assert "$" in watched.stdout.splitlines()[-1]
    assert there.document("results", run)["cost_usd"] > 0
    assert counts(there.document("results", run)) == (12, 0, 0)
    assert run in json.dumps(there.document("runs", "--azure"))
    report = there.folder / ".hyperscale" / "runs" / run / "report.html"
    assert f"report:   {report}" in watched.stderr
    assert there.document("report", run)["report"] == str(report)
    assert "<strong>12</strong> of 12 rows succeeded" in report.read_text("utf-8")
    asset = azure.world.assets["data", "squares-table", run].properties
    assert asset["dataType"] == "uri_folder"
    assert asset["dataUri"] == f"wasbs://hyperscale@{azure.storage_account}.blob.core.windows.net/{run}/"
    assert f"data asset: azureml:squares-table:{run}" in there.run("results", run).stderr


@pytest.mark.long
def test_two_users_run_one_clone_in_one_region_side_by_side(tmp_path: Path, azure: Emulator) -> None:
    sites = [AzureSite(tmp_path / name, azure) for name in ("ada", "bob")]

    runs = [site.submit() for site in sites]
    for site, run in zip(sites, runs, strict=True):
        site.run("watch", run)

    assert [counts(site.document("results", run)) for site, run in zip(sites, runs, strict=True)] == [(12, 0, 0)] * 2
    assert [azure.cluster_names(run) for run in runs] == [[], []]


def test_azure_that_is_busy_on_every_third_request_costs_time_and_nothing_else(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(tmp_path, azure)
    azure.faults.add(path="/subscriptions/", status=429, retry_after=0.1, every=3, times=None)

    run = site.submit()
    site.run("watch", run)

    assert counts(site.document("results", run)) == (12, 0, 0)
    assert azure.cluster_names(run) == []
    assert [request for request in azure.requests if request.status == 429]


@pytest.mark.long
def test_tokens_that_run_out_in_the_middle_are_fetched_again(tmp_path: Path, azure: Emulator) -> None:
    slow = "import time\n\ndef run(row):\n    time.sleep(0.5)\n    return {'square': int(row['number']) ** 2}\n"
    site = AzureSite(tmp_path, azure, code=slow, rows=80)
    azure.token_seconds = 6

    run = site.submit()
    site.run("watch", run)

    assert counts(site.document("results", run)) == (80, 0, 0)
    assert azure.cluster_names(run) == []
