"""`failures`, `logs`, `retry` and `trial --azure`: what becomes of some rows of runs on Azure ML."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite, counts
from emulator import Emulator

FAILS = """
def run(row):
    number = int(row["number"])
    print(f"looking at {number}")
    if number % 10 == 3:
        raise ValueError(f"no {number}")
    return {"square": number ** 2}
"""


def test_failed_rows_of_a_submitted_run_are_explained_and_retried_and_the_results_are_whole(
    tmp_path: Path, azure: Emulator
) -> None:
    site = AzureSite(tmp_path / "here", azure, code=FAILS, activity="max_attempts: 2")
    elsewhere = AzureSite(tmp_path / "elsewhere", azure, rows=3)
    parent = site.submit()
    watched = site.run("watch", parent, code=6)
    (group,) = elsewhere.document("failures", parent)["groups"]
    (logged,) = elsewhere.document("logs", parent, "--row", "13")["rows"]
    (site.folder / "src" / "activity.py").write_text(FAILS.replace("== 3", "== 33"))

    retried = site.document("retry", parent, "--yes", "--where", f"signature={group['signature']}")
    site.run("watch", retried["run_id"])

    assert "failed=4 missing=0 total=40" in watched.stdout.splitlines()[-1]
    assert (group["rows"], group["first_row_index"], group["last_row_index"]) == (4, 3, 33)
    assert [attempt["output"] for attempt in logged["attempts"]] == ["looking at 13\n"] * 2
    assert {attempt["failure"]["message"] for attempt in logged["attempts"]} == {"no 13"}
    assert all(attempt["node"] and attempt["step"] for attempt in logged["attempts"])
    assert retried["rows"] == 4
    results = site.document("results", retried["run_id"])
    assert counts(results) == (40, 0, 0)
    assert results["lineage"] == [parent, retried["run_id"]]
    site.run("results", retried["run_id"], "-o", str(site.folder / "table.parquet"))
    table = pyarrow.parquet.read_table(site.folder / "table.parquet")
    assert table.column("square").to_pylist() == [number**2 for number in range(40)]
    assert azure.cluster_names(parent) == azure.cluster_names(retried["run_id"]) == []


def test_a_trial_runs_on_one_node_and_measures_it(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(tmp_path, azure, rows=200, parallelism="workers: 40, workers_per_node: 2, lease_seconds: 15")

    done = site.run("trial", "--azure", "--yes", "--rows", "6")

    assert "text columns that hold nothing but numbers" in done.stderr
    assert "tried       6 rows of 200" in done.stdout
    assert "measured    on a node of Standard_F4s_v2, 2 workers at the same time" in done.stdout
    assert "The full run: 200 rows, 40 workers, 20 nodes of Standard_F4s_v2" in done.stdout
    assert "\ncost        $" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Done. succeeded=6 failed=0 missing=0 total=6")
    trial = json.loads((site.folder / ".hyperscale" / "trials" / "squares.json").read_text())
    assert (trial["rows"], trial["rows_failed"], trial["measured_on"]) == (6, 0, "a node of Standard_F4s_v2")
    assert azure.cluster_names(trial["run_id"]) == []
    plan = site.run("plan", "--azure").stdout
    assert "a trial of 6 rows on a node of Standard_F4s_v2" in plan


def test_a_submission_asks_for_a_trial_and_can_insist_on_it(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(tmp_path, azure)

    refused = site.run("submit", "--yes", "--require-trial", code=3)
    made = azure.cluster_names()
    site.run("trial", "--rows", "3")
    run = site.submit("--require-trial")

    assert "this experiment was never tried: `hyperscale trial` runs a few rows first" in refused.stderr
    assert made == []
    site.run("watch", run)


def test_a_run_that_goes_on_is_not_retried(tmp_path: Path, azure: Emulator) -> None:
    slow = "import time\n\ndef run(row):\n    time.sleep(3)\n    return {}\n"
    site = AzureSite(tmp_path, azure, code=slow)
    run = site.submit()

    done = site.run("retry", run, "--yes", code=4)

    assert f"run {run} is still running" in done.stderr
    site.run("cancel", run, code=None)
