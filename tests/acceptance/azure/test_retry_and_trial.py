"""`failures`, `logs`, `retry` and `trial --azure`: what becomes of some rows of runs on Azure ML."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite, counts
from emulator import Emulator
from wordings import line_names, names

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
    site = AzureSite(tmp_path / "here", azure, rows=40, code=FAILS, activity="max_attempts: 2")
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

    line_names(done.stderr, "warning: ", "input.csv")
    line_names(done.stdout, "6 rows of 200")
    line_names(done.stdout, "measured", "Standard_F4s_v2", "2 workers")
    line_names(done.stdout, "200 rows", "40 workers", "20 nodes of Standard_F4s_v2")
    assert "\ncost        $" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Done. succeeded=6 failed=0 missing=0 total=6")
    trial = json.loads((site.folder / ".hyperscale" / "trials" / "squares.json").read_text())
    assert (trial["rows"], trial["rows_failed"]) == (6, 0)
    names(trial["measured_on"], "Standard_F4s_v2")
    assert azure.cluster_names(trial["run_id"]) == []
    plan = site.run("plan", "--azure").stdout
    line_names(plan, "6 rows", "Standard_F4s_v2")


def test_a_submission_asks_for_a_trial_and_can_insist_on_it(tmp_path: Path, still: Emulator) -> None:
    site = AzureSite(tmp_path, still)

    refused = site.run("submit", "--yes", "--require-trial", code=3)
    made = still.cluster_names()
    site.run("trial", "--rows", "3")
    run = site.submit("--require-trial")

    line_names(refused.stderr, "`hyperscale trial`")
    assert made == []
    assert list(still.world.jobs) == [run]
