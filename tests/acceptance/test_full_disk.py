"""A disk that is full, a folder that takes nothing, a store that vanishes: said clearly, and resumed afterwards."""

from __future__ import annotations

import csv
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

ROWS = 24
CODE = """
import pathlib, random, time

def grow(row, context):
    folder = pathlib.Path(context.arguments["folder"])
    (folder / "begun").touch()
    deadline = time.monotonic() + 60
    while context.arguments["gate"] and not (folder / "open").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"text": random.Random(context.row_index).randbytes(context.arguments["bytes"] // 2).hex()}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "growing.py").write_text(CODE)
    return tmp_path


def write_experiment(
    folder: Path, *, row_bytes: int = 4, result_bytes: int = 8, rows_per_message: int = 4, gate: bool = False
) -> None:
    text = "".join(f"{number},{chr(97 + number) * row_bytes}\n" for number in range(ROWS))
    (folder / "rows.csv").write_text(f"number,text\n{text}")
    document = {
        "name": "growing",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {
            "code": "src",
            "entry": "growing:grow",
            "arguments": {"folder": str(folder), "bytes": result_bytes, "gate": gate},
        },
        "parallelism": {"workers": 2, "rows_per_message": rows_per_message},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"], "include_input": True},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))


def run_with_files_of_at_most(size_bytes: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the experiment where no file can grow beyond a size: as on a full disk, a write comes back short."""
    return subprocess.run(
        [sys.executable, "-m", "hyperscale", "run"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes)),
    )


def the_run(folder: Path) -> Path:
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    return run


def rows_of(run: Path) -> list[str]:
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return [row["row_index"] for row in csv.DictReader(text) if row["outcome"] == "succeeded"]


@pytest.mark.parametrize(
    ("sizes", "limit_bytes", "step"),
    [
        ({"row_bytes": 40_000, "rows_per_message": 1}, 400_000, "seed"),
        ({"result_bytes": 40_000, "rows_per_message": ROWS}, 300_000, "consume_0"),
    ],
)
def test_a_step_that_finds_no_room_says_so_and_is_resumed_when_there_is(
    hyperscale: Command, folder: Path, sizes: dict[str, Any], limit_bytes: int, step: str
) -> None:
    write_experiment(folder, **sizes)

    ran = run_with_files_of_at_most(limit_bytes, folder)

    run = the_run(folder)
    assert ran.returncode not in (0, 70)
    assert "cannot be used: " in ran.stderr
    assert f"/steps/{step}.log" in ran.stderr
    assert json.loads((run / "run_results.json").read_text())["rows"]["missing"] == ROWS

    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert rows_of(run) == [str(number) for number in range(ROWS)]
    assert not list(run.glob(".tmp/*"))


@pytest.mark.parametrize("place", ["--store", "--queue"])
def test_a_folder_that_takes_nothing_is_named(hyperscale: Command, folder: Path, place: str) -> None:
    write_experiment(folder)
    (folder / "file").touch()

    ran = hyperscale("run", place, "file/runs", folder=folder)

    assert ran.returncode not in (0, 70)
    assert f"{folder}/file/runs" in ran.stderr
    assert "cannot be used" in ran.stderr


def test_a_store_that_is_removed_under_way_ends_the_run_and_a_resume_begins_again(
    hyperscale: Command, folder: Path
) -> None:
    write_experiment(folder, gate=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run", "--store", "elsewhere"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((folder / "begun").exists)

    (store,) = (folder / "elsewhere").iterdir()
    shutil.rmtree(store)
    (folder / "open").touch()
    _, stderr = process.communicate(timeout=90)

    assert process.returncode not in (0, 70)
    assert "is gone" in stderr

    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert rows_of(store) == [str(number) for number in range(ROWS)]


def wait_until(is_true: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
