"""`retry` as a user meets it: some rows fail or are missing, the code is corrected, and the results are whole."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from forking import forking_python
from wordings import line_names

FAILS = """
import pathlib, time

def square(row, context):
    number = row["number"]
    if number >= 10:
        deadline = time.monotonic() + 60
        while not pathlib.Path(context.arguments["gate"]).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    if number in (2, 5):
        raise ValueError(f"no {number}")
    if number == 7:
        raise KeyError(number)
    return {"square": number * number, "by": "then"}
"""
CORRECTED = """
def square(row):
    return {"square": row["number"] ** 2, "by": "now"}
"""
ROWS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an experiment of which three rows fail."""
    folder = tmp_path / "it's an ü folder"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "squares.py").write_text(FAILS)
    (folder / "open").touch()
    (folder / "rows.csv").write_text("number,name\n" + "".join(f"{number},n{number}\n" for number in range(ROWS)))
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}, "key": "name"},
        "activity": {
            "code": "src",
            "entry": "squares:square",
            "arguments": {"gate": str(folder / "open")},
            "max_attempts": 1,
        },
        "parallelism": {"workers": 2, "rows_per_message": 1},
        "output": {"format": ["csv"]},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))
    return folder


def correct(folder: Path) -> None:
    (folder / "src" / "squares.py").write_text(CORRECTED)


def newest(folder: Path) -> Path:
    return max((folder / ".hyperscale" / "runs").iterdir(), key=lambda run: (run / "launch.json").stat().st_mtime)


def table(run: Path) -> dict[int, dict[str, str]]:
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return {int(row["row_index"]): row for row in csv.DictReader(text)}


def said(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "run_results.json").read_text())
    return document


def test_failed_rows_are_retried_with_the_corrected_code_and_the_results_are_whole(
    hyperscale: Command, folder: Path
) -> None:
    ran = hyperscale("run", folder=folder)
    assert ran.returncode == 6
    assert "hyperscale retry squares-" in ran.stderr
    parent = newest(folder)
    correct(folder)

    retried = hyperscale("retry", folder=folder)

    assert retried.returncode == 0, retried.stderr
    assert retried.stdout.splitlines()[-1].startswith("Done. succeeded=12 failed=0 missing=0 total=12 in ")
    line_names(retried.stdout, "3 rows", parent.name, "succeeded=3 failed=0 missing=0")
    child = newest(folder)
    rows = table(child)
    assert {index: row["square"] for index, row in rows.items()} == {index: str(index**2) for index in range(ROWS)}
    assert {index for index, row in rows.items() if row["by"] == "now"} == {2, 5, 7}
    assert all(row["name"] == f"n{index}" for index, row in rows.items())
    assert said(child)["lineage"] == [parent.name, child.name]
    assert said(child)["retried"]["total"] == 3
    assert json.loads((child / "run.json").read_text())["selection"]["retry_of"] == parent.name
    shown = hyperscale("results", "--json", folder=folder)
    assert json.loads(shown.stdout)["rows"]["succeeded"] == ROWS
    again = hyperscale("retry", folder=folder)
    assert (again.returncode, again.stdout) == (0, "")
    line_names(again.stderr, child.name, "failed", "missing")


def test_rows_that_a_stopped_run_left_are_retried(hyperscale: Command, folder: Path) -> None:
    (folder / "open").unlink()
    process = subprocess.Popen(
        [forking_python(), "-m", "hyperscale", "run"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not _outcomes(folder) >= 10 and time.monotonic() < deadline:
        time.sleep(0.05)
    running = hyperscale("retry", folder=folder)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    correct(folder)

    retried = hyperscale("retry", "--json", folder=folder)

    assert running.returncode == 4
    assert "is still running" in running.stderr
    assert retried.returncode == 0, retried.stderr
    results = json.loads(retried.stdout)
    assert results["rows"] == {
        "total": 12,
        "succeeded": 12,
        "failed": 0,
        "missing": 0,
        "duplicate_outcomes": 0,
        "set_aside_lines": 0,
    }
    assert results["retried"]["total"] >= 5
    assert len(table(newest(folder))) == ROWS


def test_a_run_that_was_killed_before_any_seal_is_retried(hyperscale: Command, folder: Path) -> None:
    (folder / "open").unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(newest_parts(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(60)
    correct(folder)

    retried = hyperscale("retry", folder=folder)

    assert retried.returncode == 0, retried.stderr
    assert "succeeded=12 failed=0 missing=0 total=12" in retried.stdout.splitlines()[-1]
    assert {row["by"] for row in table(newest(folder)).values()} == {"then", "now"}


def newest_parts(folder: Path) -> list[Path]:
    return list(folder.glob(".hyperscale/runs/*/ledger/*.jsonl"))


def _outcomes(folder: Path) -> int:
    beats = [json.loads(beat.read_text()) for beat in folder.glob(".hyperscale/runs/*/consumers/c-*")]
    return sum(int(beat["rows_done"]) for beat in beats)


@pytest.mark.parametrize(
    ("conditions", "retried"),
    [
        (["type=ValueError"], {2, 5}),
        (["kind=raised", "rows=0-4,7"], {2, 7}),
        (["key=n5", "key=n7", "key=n0"], {5, 7}),
        (["type=KeyError", "key=n5"], set()),
    ],
)
def test_where_chooses_among_the_failed_rows(
    hyperscale: Command, folder: Path, conditions: list[str], retried: set[int]
) -> None:
    hyperscale("run", folder=folder)
    correct(folder)

    done = hyperscale("retry", *(word for condition in conditions for word in ("--where", condition)), folder=folder)

    if not retried:
        assert done.returncode == 0
        line_names(done.stderr, "--where", "failed", "missing")
        return
    child = newest(folder)
    assert done.returncode == 6
    assert said(child)["retried"]["total"] == len(retried)
    assert {index for index, row in table(child).items() if row["by"] == "now"} == retried
    assert {index for index, row in table(child).items() if row["outcome"] == "failed"} == {2, 5, 7} - retried
    assert said(child)["rows"] == {
        "total": 12, "succeeded": 9 + len(retried), "failed": 3 - len(retried), "missing": 0, "duplicate_outcomes": 0,
        "set_aside_lines": 0,
    }  # fmt: skip


def test_a_changed_input_is_refused_and_named(hyperscale: Command, folder: Path) -> None:
    hyperscale("run", folder=folder)
    with (folder / "rows.csv").open("a") as rows:
        rows.write("99,n99\n")

    done = hyperscale("retry", folder=folder)

    assert done.returncode == 4
    line_names(done.stderr, "rows.csv", "run squares-")


def test_a_retry_of_a_retry_whose_first_run_was_removed_says_so(hyperscale: Command, folder: Path) -> None:
    hyperscale("run", folder=folder)
    first = newest(folder)
    hyperscale("retry", folder=folder)
    shutil.rmtree(first)

    done = hyperscale("retry", folder=folder)

    assert done.returncode == 4
    line_names(done.stderr, first.name)


def test_a_limit_of_the_retried_run_is_kept(hyperscale: Command, folder: Path) -> None:
    hyperscale("run", "--rows", "6", folder=folder)
    correct(folder)

    done = hyperscale("retry", folder=folder)

    assert done.returncode == 0, done.stderr
    assert "succeeded=6 failed=0 missing=0 total=6" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("condition", "part"),
    [("typ=x", "'type'"), ("rows=9-3", "'9-3'"), ("key=", "key=VALUE")],
)
def test_a_condition_that_cannot_be_read_is_refused(
    hyperscale: Command, folder: Path, condition: str, part: str
) -> None:
    hyperscale("run", "--rows", "1", folder=folder)

    done = hyperscale("retry", "--where", condition, folder=folder)

    assert done.returncode == 2
    line_names(done.stderr, part)
