"""`hyperscale init DIR` leaves a folder that runs at once, and never writes over anything."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command
from wordings import Wording, line_names, names

from hyperscale.control.making.wishes import EXAMPLES

#: A column that only the activity of the example makes.
EXPECTED_COLUMN = {
    "sweep": "is_lost",
    "files": "longest_word",
    "command": "pi",
    "command-files": "compressed_bytes",
    "many-models": "correlation",
}


def at_a_terminal(arguments: list[str], typed: bytes, *, folder: Path) -> str:
    """Run a command at a terminal, on which `typed` is typed; return all that it shows."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", *arguments], cwd=folder, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    os.write(ours, typed)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    process.wait()
    os.close(ours)
    return shown.decode()


def read_rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


@pytest.mark.parametrize("example", [name for name in EXAMPLES if name != "table"])
def test_each_other_example_runs_as_it_stands(hyperscale: Command, tmp_path: Path, example: str):
    hyperscale("init", "new", "--example", example, "--workers", "2", folder=tmp_path)

    finished = hyperscale("run", "new/experiment.yaml", folder=tmp_path)

    assert finished.returncode == 0, finished.stderr
    results = read_rows(next(tmp_path.glob("new/.hyperscale/runs/*/results.csv")))
    assert {result["outcome"] for result in results} == {"succeeded"}
    assert EXPECTED_COLUMN[example] in results[0]


def test_a_function_that_exists_is_called_with_each_row(hyperscale: Command, tmp_path: Path):
    (tmp_path / "forecasts.py").write_text(
        "import features\n\ndef fit(price: float):\n    return features.twice(price)\n"
    )
    (tmp_path / "features.py").write_text("def twice(x):\n    return {'twice': 2 * x}\n")
    made = hyperscale("init", "new", "--from-function", "forecasts:fit", folder=tmp_path)

    finished = hyperscale("run", "new/experiment.yaml", folder=tmp_path)

    line_names(made.stderr, "src/", "forecasts")
    assert finished.returncode == 0, finished.stderr
    results = read_rows(next(tmp_path.glob("new/.hyperscale/runs/*/results.csv")))
    assert [float(result["twice"]) for result in results] == [2.0, 4.0, 6.0]


def test_at_a_terminal_three_questions_are_asked(tmp_path: Path):
    said = at_a_terminal(["init", "new"], b"9\n3\n2\n2\n", folder=tmp_path)

    assert said.count("What are your rows?") == 2
    assert "'9' is no answer to that" in said
    assert "sh compress.sh" in (tmp_path / "new" / "experiment.yaml").read_text()
    assert "workers: 2 " in (tmp_path / "new" / "experiment.yaml").read_text()


def test_who_leaves_the_questions_unanswered_gets_no_folder(tmp_path: Path):
    said = at_a_terminal(["init", "new"], b"1\n\x04", folder=tmp_path)

    assert "nobody answered" in said
    assert list(tmp_path.iterdir()) == []


def test_yes_asks_nothing_at_a_terminal_either(tmp_path: Path):
    said = at_a_terminal(["init", "new", "--yes"], b"", folder=tmp_path)

    assert "What are your rows?" not in said
    assert (tmp_path / "new" / "rows.csv").exists()


def test_a_new_folder_runs_as_it_stands(hyperscale: Command, tmp_path: Path):
    made = hyperscale("init", "waiting lines", folder=tmp_path)
    folder = tmp_path / "waiting lines"

    finished = hyperscale("run", folder=folder)

    assert made.returncode == 0, made.stderr
    assert finished.returncode == 0, finished.stderr
    rows = read_rows(folder / "rows.csv")
    results = read_rows(next(folder.glob(".hyperscale/runs/*/results.csv")))
    assert [result["id"] for result in results] == [row["id"] for row in rows]
    assert all(float(result["mean_wait_minutes"]) > 0 for result in results)


def test_a_new_folder_is_valid_and_renders(hyperscale: Command, tmp_path: Path):
    hyperscale("init", "lines", folder=tmp_path)

    for command in ("validate", "plan", "render"):
        finished = hyperscale(command, folder=tmp_path / "lines")
        assert finished.returncode == 0, finished.stderr

    assert (tmp_path / "lines" / "pipelines" / "lines.yml").exists()


def test_it_names_every_file_and_the_next_command(hyperscale: Command, tmp_path: Path):
    made = hyperscale("init", "lines", folder=tmp_path)

    named = {Path(line) for line in made.stdout.splitlines()}
    assert named == {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert "run lines/experiment.yaml" in made.stderr


def test_as_json_it_prints_one_document(hyperscale: Command, tmp_path: Path):
    made = hyperscale("init", "lines", "--json", folder=tmp_path)

    assert "src/activity.py" in json.loads(made.stdout)["files"]


def test_an_empty_folder_is_taken(hyperscale: Command, tmp_path: Path):
    (tmp_path / "lines").mkdir()

    made = hyperscale("init", "lines", folder=tmp_path)

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "lines" / "experiment.yaml").exists()


def test_a_folder_that_holds_something_is_refused_and_left_alone(hyperscale: Command, tmp_path: Path, wording: Wording):
    (tmp_path / "rows.csv").write_text("mine")

    made = hyperscale("init", ".", folder=tmp_path)

    assert made.returncode == 1
    wording(made.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert (tmp_path / "rows.csv").read_text() == "mine"


def test_a_file_in_its_place_is_refused(hyperscale: Command, tmp_path: Path, wording: Wording):
    (tmp_path / "lines").write_text("")

    made = hyperscale("init", "lines", folder=tmp_path)

    assert made.returncode == 1
    names(made.stderr, "lines")
    wording(made.stderr)
