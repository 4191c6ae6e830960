"""A run whose rows misbehave, from the command line: exactly those fail, and no process stays."""

from __future__ import annotations

import collections
import csv
import json
import os
from pathlib import Path

import pytest
from command_line import Command

CODE = """
import ctypes, os, subprocess, time

def fit(row, context):
    number = int(row["number"])
    print("row", number, flush=True)
    if number % 40 == 17 or number in (58, 107, 111):
        sleep = ["sleep", context.arguments["mark"]]
        subprocess.Popen(sleep)
        subprocess.Popen(sleep, start_new_session=True)
        subprocess.Popen(f"setsid nohup {' '.join(sleep)} >/dev/null 2>&1 & disown", shell=True, executable="/bin/bash")
    if number % 20 == 3:
        raise ValueError(f"{number} is not wanted")
    if number % 50 == 7:
        ctypes.string_at(0)
    if number % 100 == 11:
        ctypes.PyDLL(None).sleep(60)
    if number == 58:
        os._exit(5)
    return {"square": number * number}
"""


@pytest.fixture
def mark() -> str:
    """Names the processes that rows of this test leave behind."""
    return f"86400.{os.getpid()}"


@pytest.fixture
def folder(tmp_path: Path, mark: str) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "rows.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(200)))
    document = {
        "name": "misbehaving",
        "input": {"csv": "rows.csv"},
        "activity": {
            "code": "src", "entry": "rows:fit", "arguments": {"mark": mark},
            "max_attempts": 1, "timeout_seconds": 1,
        },
        "parallelism": {"workers": 2, "rows_per_message": 25},
        "output": {"logs": "failed"},
    }  # fmt: skip
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


def processes_with(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark in (entry / "cmdline").read_text(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_exactly_the_rows_that_misbehave_fail_and_no_process_stays(
    hyperscale: Command, folder: Path, mark: str
) -> None:
    ran = hyperscale("run", folder=folder)

    left = processes_with(mark)
    for pid in left:
        os.kill(pid, 9)
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    with (run / "failures.csv").open(newline="", encoding="utf-8-sig") as text:
        failures = {int(row["row_index"]): row for row in csv.DictReader(text)}
    raised, crashed, hung = range(3, 200, 20), range(7, 200, 50), range(11, 200, 100)
    assert ran.returncode == 6, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("Done. succeeded=183 failed=17 missing=0 total=200 in ")
    assert left == []
    assert {number: row["type"] for number, row in failures.items()} == {
        **dict.fromkeys(raised, "ValueError"),
        **dict.fromkeys(crashed, "SIGSEGV"),
        **dict.fromkeys(hung, "TimeoutError"),
        58: "WorkerExited",
    }
    logs = [json.loads(line) for part in (run / "logs").iterdir() for line in part.read_text().splitlines()]
    printed = [record for record in logs if "output" in record]
    assert {record["row_index"]: record["output"] for record in printed} == {
        number: f"row {number}\n" for number in failures
    }
    assert collections.Counter(record["attempt"] for record in printed) == {1: 17}
    assert {record["row_index"] for record in logs if "failure" in record} == failures.keys()


def test_async_rows_run_side_by_side(hyperscale: Command, folder: Path) -> None:
    (folder / "src" / "rows.py").write_text(
        "import asyncio\nasync def fit(row):\n    await asyncio.sleep(0.1)\n    return {'number': int(row['number'])}\n"
    )

    ran = hyperscale("run", "--set", "activity.concurrency=100", folder=folder)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("Done. succeeded=200 failed=0 missing=0 total=200 in ")


DEEP = """
import sys
sys.setrecursionlimit(1_000_000)

def nest(row, context):
    value = [float("nan")] if row["levels"] == 199 else []
    for _ in range(row["levels"] - 1):
        value = {"next": value} if row["levels"] % 2 else [value]
    if row["levels"] == 640:
        context.checkpoint(value)
    if row["levels"] == 4:
        sys.set_int_max_str_digits(0)
        value = [10**7_000]
    return {"tree": value} if row["levels"] > 8 else value
"""


def test_rows_whose_results_no_table_can_read_fail_alone_with_their_measure(
    tmp_path: Path, hyperscale: Command
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "rows.py").write_text(DEEP)
    levels = [3, 4, 198, 199, 200, 640, 985, 7000]
    document = {
        "name": "deep",
        "input": {"sweep": {"levels": levels}},
        "activity": {"entry": "rows:nest", "max_attempts": 1},
        "parallelism": {"workers": 2},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))

    done = hyperscale("run", folder=tmp_path)

    assert done.returncode == 6, done.stderr
    (run,) = (tmp_path / ".hyperscale" / "runs").iterdir()
    with (run / "failures.csv").open(newline="") as file:
        failures = {levels[int(row["row_index"])]: row["message"] for row in csv.DictReader(file)}
    with (run / "results.csv").open(newline="") as file:
        succeeded = [levels[int(row["row_index"])] for row in csv.DictReader(file) if row["outcome"] == "succeeded"]
    assert succeeded == [3, 198]
    assert "7,001 digits" in failures.pop(4)
    assert "the state is nested 640 levels" in failures.pop(640)
    assert {number: f"nested {number + 1 + (number == 199):,} levels" in why for number, why in failures.items()} == {
        199: True, 200: True, 985: True, 7000: True,
    }  # fmt: skip
