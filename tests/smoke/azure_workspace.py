"""One small run in a real workspace of Azure ML: `make azure-smoke`.

No part of `make test`, which collects no module of such a name: it takes a workspace, a login and a quarter of an hour,
and costs some cents. HYPERSCALE_SMOKE_FILE names an experiment file that `hyperscale doctor` is content with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLE = "HYPERSCALE_SMOKE_FILE"
ROWS = 20
#: A first run builds an image, and waits for nodes.
PATIENCE_SECONDS = 3 * 3600


@pytest.fixture
def experiment() -> Path:
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} names no experiment file")
    return Path(named).resolve()


def run(experiment: Path, *words: str) -> str:
    """Run a command in the experiment's folder; return what it printed. What it says is shown by `pytest -s`."""
    done = subprocess.run(
        [sys.executable, "-m", "hyperscale", *words],
        cwd=experiment.parent,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"{words[0]} ended with {done.returncode}"
    return done.stdout


def show_answers(experiment: Path, run_id: str) -> None:
    """Print what was assumed about Azure, and what this run saw: docs/on-azure.md has the questions."""
    words = [sys.executable, str(Path(__file__).with_name("open_questions.py")), experiment.name, run_id]
    done = subprocess.run(words, cwd=experiment.parent, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, "the open questions could not be asked"


def test_a_run_of_a_few_rows_ends_whole_and_leaves_nothing(experiment: Path):
    run(experiment, "doctor", experiment.name)

    submitted = json.loads(run(experiment, "submit", experiment.name, "--rows", str(ROWS), "--yes", "--json"))
    run_id = submitted["run_id"]
    run(experiment, "watch", run_id)
    results = json.loads(run(experiment, "results", run_id, "--json"))
    show_answers(experiment, run_id)
    run(experiment, "teardown", run_id)
    left = json.loads(run(experiment, "gc", "--file", experiment.name, "--json"))

    assert results["rows"] == {**results["rows"], "total": ROWS, "succeeded": ROWS, "failed": 0, "missing": 0}
    assert [each for each in left if each["run"] == run_id] == []
