"""`kill -9` of any process of a run, at any moment, and `run --resume`: the table is that of an undisturbed run."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command

ROWS = 48
PUBLISHED = ("results.csv", "results.parquet", "failures.csv", "joblog.tsv", "run_results.json")
#: What two executions of a row may differ in.
VARYING = ("attempts", "seconds", "consumer")
#: Which process is killed, by its command line; None: the group of `run`, as the terminal's kill -9 -PID does.
VICTIMS = {
    "group": None,
    "consumer": "hyperscale.node consume",
    "worker": "hyperscale.node.working.worker",
    "seed": "hyperscale.node seed",
    "teardown": "hyperscale.node teardown",
}
#: How long each of them lives, about: the kill comes at a random moment of that time.
LIVES_SECONDS = {"group": 1.6, "consumer": 0.9, "worker": 0.6, "seed": 0.3, "teardown": 1.4}
CODE = """
import time

def square(row):
    time.sleep(0.02)
    number = int(row["number"])
    if number == 13:
        raise ValueError("not wanted")
    return {"square": number * number}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "squares.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(ROWS)))
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {"code": "src", "entry": "squares:square", "max_attempts": 4, "retry_delay_seconds": 0.01},
        "parallelism": {"workers": 2, "rows_per_message": 5},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


#: Of twenty rounds, `make test` plays three: the group of `run`, a consumer and a teardown are killed.
ROUNDS = [pytest.param(number, marks=[] if number in (0, 1, 4) else pytest.mark.long) for number in range(20)]


@pytest.mark.parametrize("number", ROUNDS)
def test_a_kill_at_a_random_moment_and_a_resume_give_the_undisturbed_table(
    hyperscale: Command, folder: Path, number: int
) -> None:
    chance = random.Random(number)
    victim = list(VICTIMS)[number % len(VICTIMS)]
    process = start(folder)
    kill(process, victim, chance.uniform(0.0, LIVES_SECONDS[victim]))
    process.wait(timeout=60)

    resumed = hyperscale("run", "--resume", folder=folder)

    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    assert resumed.returncode == 6, resumed.stderr
    assert resumed.stdout.splitlines()[-1].startswith(f"Done. succeeded={ROWS - 1} failed=1 missing=0 total={ROWS}")
    assert table(run) == undisturbed()
    published = {name: (run / name).read_bytes() for name in PUBLISHED}

    again = hyperscale("run", "--resume", run.name, folder=folder)

    assert "nothing is left to run" in again.stderr
    assert again.stdout == resumed.stdout
    assert {name: (run / name).read_bytes() for name in PUBLISHED} == published


def test_a_run_killed_again_and_again_comes_to_its_end(hyperscale: Command, folder: Path) -> None:
    chance = random.Random(9)
    for victim in ("group", "consumer", "teardown", "group", "seed"):
        process = start(folder, *(["--resume"] if (folder / ".hyperscale").exists() else []))
        kill(process, victim, chance.uniform(0.1, 0.5))
        process.wait(timeout=60)

    resumed = hyperscale("run", "--resume", folder=folder)

    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    assert resumed.returncode == 6, resumed.stderr
    assert table(run) == undisturbed()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `hyperscale run` in a group of its own, and wait until its run can be resumed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(folder.glob(".hyperscale/runs/*/launch.json")):
        assert process.poll() is None, "the run has ended before it began"
        time.sleep(0.01)
    return process


def kill(process: subprocess.Popen[bytes], victim: str, after_seconds: float) -> None:
    """Kill one process of the run, or the group of `run`, so long after it began; nothing happens if it has ended."""
    words = VICTIMS[victim]
    found: list[int] = []
    while words and not found and process.poll() is None:
        found = [pid for pid, said in descendants(process.pid) if words in said]
        time.sleep(0.01)
    time.sleep(after_seconds)
    if process.poll() is not None:
        return
    if not words:
        os.killpg(process.pid, signal.SIGKILL)
    # A number may belong to another process by now: only what still descends from the run is killed.
    for pid, said in descendants(process.pid):
        if words and words in said and (pid in found or victim == "worker"):
            os.kill(pid, signal.SIGKILL)
            return


def descendants(pid: int) -> list[tuple[int, str]]:
    """Return number and command line of the processes that `pid` has started, and of theirs."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listing.splitlines()]
    family, found = {pid}, []
    for _ in range(3):  # run, step, worker and what may stand between
        for child, parent, said in lines:
            if int(parent) in family and int(child) not in family:
                family.add(int(child))
                found.append((int(child), said))
    return found


def table(run: Path) -> list[dict[str, str]]:
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return [
            {name: value for name, value in row.items() if name not in VARYING and not name.startswith("failure")}
            for row in csv.DictReader(text)
        ]


def undisturbed() -> list[dict[str, str]]:
    return [
        {
            "row_index": str(number),
            "key": "",
            "outcome": "failed" if number == 13 else "succeeded",
            "number": str(number),
            "square": "" if number == 13 else str(number**2),
        }
        for number in range(ROWS)
    ]
