"""`hyperscale run --drill`: consumers and workers are killed all the time, and the run ends whole."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from azurite import Azurite
from command_line import Command
from wordings import line_names

from hyperscale.node.storing.credentials import CONNECTION_STRING

ROWS = 1_200
CODE = """
import time

def square(row):
    time.sleep(0.02)
    return {"square": int(row["number"]) ** 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "squares.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(ROWS)))
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        # A row is charged when its worker is killed, and may be so unlucky again.
        "activity": {"code": "src", "entry": "squares:square", "max_attempts": 6, "retry_delay_seconds": 0.01},
        "parallelism": {"rows_per_message": 20, "lease_seconds": 3},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"]},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


@pytest.mark.parametrize("place", ["this machine", pytest.param("Azurite", marks=pytest.mark.long)])
def test_a_run_whose_consumers_and_workers_are_killed_ends_whole(
    hyperscale: Command, folder: Path, place: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: tuple[str, ...] = ()
    if place == "Azurite":
        azurite: Azurite = request.getfixturevalue("azurite")
        monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)
        places = ("--queue", azurite.queue_url, "--store", f"{azurite.blob_url}/drills")

    words = ["run", "--nodes", "2", "--workers", "4", "--drill", "preempt=5%,crash=1%,seed=1", *places]
    # Not a fork: whom the drill kills it finds among the processes that its steps have started.
    run = subprocess.run(
        [sys.executable, "-m", "hyperscale", *words], cwd=folder, capture_output=True, text=True, timeout=120
    )
    hyperscale("results", "-o", "copy.csv", folder=folder)

    assert run.returncode == 0, run.stderr
    assert f"succeeded={ROWS:,} failed=0 missing=0 total={ROWS:,}" in run.stdout
    line_names(run.stderr, "--drill preempt=5%,crash=1%,seed=1")
    killed = re.search(r"the drill has killed (\d+) consumers? and (\d+) workers?$", run.stderr, re.MULTILINE)
    assert killed, run.stderr
    assert int(killed[1]) >= 1
    assert int(killed[2]) >= 1
    assert "failed: it was killed" not in run.stderr
    with (folder / "copy.csv").open(newline="", encoding="utf-8-sig") as text:
        assert [(int(row["number"]), int(row["square"])) for row in csv.DictReader(text)] == [
            (number, number**2) for number in range(ROWS)
        ]


def test_a_drill_that_cannot_be_read_starts_nothing(hyperscale: Command, folder: Path) -> None:
    run = hyperscale("run", "--drill", "preempt=5", folder=folder)

    assert run.returncode == 2
    line_names(run.stderr, "error: --drill", "preempt=5", "0%", "50%")
    assert not (folder / ".hyperscale").exists()
