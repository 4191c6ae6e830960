"""`hyperscale init DIR` leaves a folder that runs at once, and never writes over anything."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from conftest import Command

from hyperscale.control.new_folder import experiment_name


def read_rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


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


def test_a_folder_that_holds_something_is_refused_and_left_alone(hyperscale: Command, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("mine")

    made = hyperscale("init", ".", folder=tmp_path)

    assert made.returncode == 1
    assert "not empty" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert (tmp_path / "rows.csv").read_text() == "mine"


def test_a_file_in_its_place_is_refused(hyperscale: Command, tmp_path: Path):
    (tmp_path / "lines").write_text("")

    made = hyperscale("init", "lines", folder=tmp_path)

    assert made.returncode == 1
    assert "lines cannot be made" in made.stderr


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("digits", "digits"),
        ("My Experiment_2", "my-experiment-2"),
        ("2026 forecast", "forecast"),
        ("été à la mer", "ete-a-la-mer"),
        ("数字", "experiment"),
        ("--", "experiment"),
        ("a" * 31 + " b", "a" * 31),
    ],
)
def test_the_experiment_is_named_after_its_folder(repository: Path, folder: str, name: str):
    schema = json.loads((repository / "schema.json").read_text("utf-8"))["properties"]["name"]

    found = experiment_name(folder)

    assert found == name
    assert re.fullmatch(schema["pattern"], found)
    assert len(found) <= schema["maxLength"]
