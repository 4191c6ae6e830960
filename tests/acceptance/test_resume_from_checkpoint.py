"""A long row goes on from its checkpoint after `kill -9` of everything and `run --resume`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command
from wordings import line_names

STEPS = 28
CODE = f"""
import time

def train(row, context):
    state = context.last_checkpoint or {{"step": 0, "began": []}}
    state["began"].append(state["step"])
    while state["step"] < {STEPS}:
        time.sleep(context.arguments["seconds"])
        state["step"] += 1
        context.checkpoint(state)
    return {{"steps": state["step"], "began": " ".join(map(str, state["began"]))}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "training.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("name\nalone\n")
    document = {
        "name": "training",
        "input": {"csv": "rows.csv"},
        "activity": {"code": "src", "entry": "training:train", "arguments": {"seconds": 0.25}},
        "parallelism": {"lease_seconds": 5},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"]},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


def test_a_row_goes_on_from_its_checkpoint_after_everything_was_killed(hyperscale: Command, folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # The second one is written for the second renewal: the first has been answered by then.
    while len(list(folder.glob(".hyperscale/runs/*/checkpoints/*.json"))) < 2:
        assert process.poll() is None, "the run has ended before it was killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)

    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        (row,) = csv.DictReader(text)
    began = [int(step) for step in row["began"].split()]
    assert row["steps"] == str(STEPS)
    assert len(began) == 2
    assert 0 == began[0] < began[1] < STEPS
    log = (run / "steps" / "consume_0.log").read_text()
    line_names(log, "row 0", "checkpoints/c-")
