"""`trial` as a user meets it: a few rows, and what the full run will be like."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from forking import forking_python
from wordings import line_names

CODE = """
import time

def work(row, context):
    time.sleep(context.arguments["seconds"])
    if row["number"] == context.arguments["bad"]:
        check(row)
    return {"square": row["number"] ** 2}

def check(row):
    print("looking at", row["text"])
    raise ValueError(f"row {row['number']} is not wanted")
"""
ROWS, LONGEST = 300, 123


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "trial"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "work.py").write_text(CODE)
    rows = "".join(f"{number},{'x' * (500 if number == LONGEST else 5)}\n" for number in range(ROWS))
    (folder / "rows.csv").write_text(f"number,text\n{rows}")
    write_experiment(folder)
    return folder


def write_experiment(folder: Path, *, seconds: float = 0.02, bad: int = -1) -> None:
    document = {
        "name": "work",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {
            "code": "src", "entry": "work:work", "max_attempts": 1, "arguments": {"seconds": seconds, "bad": bad},
        },
        "parallelism": {"workers": 30},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 30},
        "output": {"format": ["csv"]},
    }  # fmt: skip
    (folder / "experiment.yaml").write_text(json.dumps(document))


def tried_rows(folder: Path) -> list[int]:
    """Return the rows of the newest run."""
    run = max((folder / ".hyperscale" / "runs").iterdir(), key=lambda run: (run / "launch.json").stat().st_mtime)
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return [int(row["row_index"]) for row in csv.DictReader(text)]


def figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ".hyperscale" / "trials" / "work.json").read_text())
    return found


def test_a_trial_tells_what_was_measured_and_what_the_full_run_will_be_like(hyperscale: Command, folder: Path) -> None:
    done = hyperscale("trial", "--rows", "8", folder=folder)

    assert done.returncode == 0, done.stderr
    rows = tried_rows(folder)
    assert len(rows) == 8
    assert {0, LONGEST, ROWS - 1} <= set(rows)
    line_names(done.stdout, "8 rows of 300")
    assert "succeeded   8 of 8" in done.stdout
    line_names(done.stdout, "300 rows", "30 workers", "15 nodes of Standard_F2s_v2")
    for word in ("a row", "a worker", "a result", "measured", "message", "lease", "time-out", "time", "tail", "cost"):
        assert f"\n{word} " in done.stdout, word
    assert "are others on Standard_F2s_v2" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Done. succeeded=8 failed=0 missing=0 total=8")
    found = figures(folder)
    assert 0.02 <= found["seconds_per_row_median"] <= found["seconds_per_row_p95"]
    assert found["set_up_seconds"] > 0
    assert found["worker_memory_mb"] > 5
    assert found["result_bytes"] > 10
    assert (found["rows"], found["rows_failed"]) == (8, 0)
    assert found["measured_on"].startswith("this machine (")


def test_the_same_seed_tries_the_same_rows_and_another_one_others(hyperscale: Command, folder: Path) -> None:
    tried = []
    for seed in ("1", "1", "2"):
        assert hyperscale("trial", "--rows", "6", "--seed", seed, folder=folder).returncode == 0
        tried.append(tried_rows(folder))

    assert tried[0] == tried[1] != tried[2]


def test_a_failing_trial_shows_the_first_failure_in_full(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, bad=0)

    done = hyperscale("trial", "--rows", "4", folder=folder)

    assert done.returncode == 6
    assert done.stdout.splitlines()[:6] == [
        "row 0 failed after 1 attempt:",
        "  work.py:7 work: check(row)",
        "  work.py:12 check: raise ValueError(f\"row {row['number']} is not wanted\")",
        "ValueError: row 0 is not wanted",
        "its last output:",
        "  looking at xxxxx",
    ]
    assert "succeeded   3 of 4" in done.stdout
    assert figures(folder)["rows_failed"] == 1


def test_a_trial_of_code_that_cannot_start_says_why(hyperscale: Command, folder: Path) -> None:
    (folder / "src" / "work.py").write_text(CODE.replace("import time", "import time\n1 / 0"))

    done = hyperscale("trial", "--rows", "4", folder=folder)

    assert done.returncode == 6
    assert "ZeroDivisionError" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("Stopped. succeeded=0 failed=0 missing=4 total=4")
    assert "\nlog:      " in done.stderr
    assert not (folder / ".hyperscale" / "trials").exists()


def test_a_trial_in_json_is_one_document(hyperscale: Command, folder: Path) -> None:
    done = hyperscale("trial", "--rows", "3", "--json", folder=folder)

    document = json.loads(done.stdout)
    assert document["trial"]["rows"] == 3
    assert document["first_failure"] is None
    assert document["full_run"]["rows"] == ROWS
    assert document["full_run"]["expected"]["hours"]["low"] > 0


WAITING = """
import pathlib, time

def work(row, context):
    folder = pathlib.Path(context.arguments["folder"])
    (folder / "waits").touch()
    while not (folder / "gate").exists():
        time.sleep(0.01)
"""


def test_a_trial_that_is_interrupted_prints_what_it_came_to(folder: Path) -> None:
    (folder / "src" / "work.py").write_text(WAITING)
    command = [forking_python(), "-m", "hyperscale", "trial", "--json", "--workers", "1"]
    setting = ["--set", f"activity.arguments={json.dumps({'folder': str(folder)})}"]
    trial = subprocess.Popen(
        [*command, *setting], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "waits").exists():
        assert trial.poll() is None, trial.communicate()
        time.sleep(0.01)

    trial.send_signal(signal.SIGINT)
    (folder / "gate").touch()
    said, told = trial.communicate(timeout=60)

    assert trial.returncode == 130, told
    assert json.loads(said)["rows"]["total"] == 20
    assert "\nlog:      " in told


def test_a_trial_of_fewer_rows_than_asked_for_has_them_all(hyperscale: Command, folder: Path) -> None:
    (folder / "rows.csv").write_text("number,text\n1,a\n2,b\n")

    done = hyperscale("trial", folder=folder)

    assert done.returncode == 0, done.stderr
    assert tried_rows(folder) == [0, 1]
