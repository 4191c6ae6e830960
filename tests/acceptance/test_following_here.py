"""A run of this machine, followed and ended from another terminal."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from forking import forking_python

ROWS = 300
CODE = """
import pathlib, time

def square(row, context):
    number = int(row["number"])
    while number >= 20 and not pathlib.Path(context.arguments["gate"]).exists():
        time.sleep(0.01)
    if number == 3:
        raise ValueError("3 is not wanted")
    return {"square": number * number}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an experiment whose rows wait for a file called `open`, but for the first 20."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "squares.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(ROWS)))
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {
            "code": "src",
            "entry": "squares:square",
            "arguments": {"gate": str(tmp_path / "open")},
            "max_attempts": 1,
        },
        "parallelism": {"workers": 2, "rows_per_message": 1},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The run: 20 rows are done, the others wait."""
    with start(folder, "run") as process:
        try:
            wait_until(lambda: rows_done(folder) == 20)
            yield process
        finally:
            (folder / "open").touch()
            process.communicate(timeout=120)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command; who starts it ends it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [forking_python(), "-m", "hyperscale", *words], cwd=folder, stdout=pipe, stderr=pipe, text=True
    )


def rows_done(folder: Path) -> int:
    beats = [json.loads(beat.read_text()) for beat in folder.glob(".hyperscale/runs/*/consumers/c-*")]
    return sum(beat["rows_done"] for beat in beats)


def wait_for_beats(folder: Path, count: int) -> None:
    """Wait until the consumer has beaten so often from now on."""
    seen = set()

    def are_enough() -> bool:
        seen.update(beat.stat().st_mtime_ns for beat in folder.glob(".hyperscale/runs/*/consumers/c-*"))
        return len(seen) > count

    wait_until(are_enough)


def wait_until(is_true: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_run_is_looked_at_and_watched_to_its_end(
    hyperscale: Command, folder: Path, running: subprocess.Popen[str]
) -> None:
    look = json.loads(hyperscale("status", "--json", folder=folder).stdout)
    refused = hyperscale("teardown", folder=folder)
    with start(folder, "watch") as watching:
        assert watching.stderr is not None
        first = watching.stderr.readline()
        (folder / "open").touch()
        said, _ = watching.communicate(timeout=120)
    after = hyperscale("status", folder=folder)

    assert look["rows"] == {"total": ROWS, "done": 20, "failed": 1, "held": look["rows"]["held"]}
    assert [(group["type"], group["rows"]) for group in look["failures"]] == [("ValueError", 1)]
    assert refused.returncode == 4
    assert "is still alive" in refused.stderr
    assert f"20/{ROWS:,} rows" in first
    assert watching.returncode == 6
    assert said.splitlines()[-1].startswith(f"Done. succeeded={ROWS - 1:,} failed=1 missing=0 total={ROWS:,}")
    assert "phase     done" in after.stdout


def test_a_watch_that_is_left_says_how_to_come_back_and_the_run_goes_on(
    hyperscale: Command, folder: Path, running: subprocess.Popen[str]
) -> None:
    with start(folder, "watch", "--json") as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        _, told = watching.communicate(timeout=60)
    (run,) = (folder / ".hyperscale" / "runs").iterdir()

    assert first["is_over"] is False
    assert watching.returncode == 130
    assert told.rstrip().endswith(f"watch {run.name}")
    assert running.poll() is None


def test_a_run_is_cancelled_from_another_terminal_and_can_be_cancelled_again(
    hyperscale: Command, folder: Path, running: subprocess.Popen[str]
) -> None:
    now = hyperscale("cancel", "--now", folder=folder)
    with start(folder, "cancel", "--json") as cancelling:
        wait_until(lambda: list(folder.glob(".hyperscale/runs/*/control/cancel-*")))
        wait_for_beats(folder, 2)  # after each of them the consumer looks for the marker
        (folder / "open").touch()
        said, _ = cancelling.communicate(timeout=120)
    again = hyperscale("cancel", folder=folder)

    results = json.loads(said)
    assert (now.returncode, cancelling.returncode, again.returncode) == (4, 0, 0)
    assert results["outcome"] == "cancelled"
    assert results["rows"]["missing"] > 0
    assert "is over already" in again.stderr
    assert again.stdout.splitlines()[-1].startswith("Stopped.")


def test_a_run_that_is_torn_down_with_its_data_is_gone(hyperscale: Command, folder: Path) -> None:
    (folder / "open").touch()
    hyperscale("run", folder=folder)

    kept = hyperscale("teardown", folder=folder)
    results = hyperscale("results", folder=folder)
    unasked = hyperscale("teardown", "--data", folder=folder)
    gone = hyperscale("teardown", "--data", "--yes", folder=folder)

    assert (kept.returncode, results.returncode, unasked.returncode, gone.returncode) == (0, 0, 2, 0)
    assert "--yes" in unasked.stderr
    assert list((folder / ".hyperscale" / "runs").iterdir()) == []
