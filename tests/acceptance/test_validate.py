"""`hyperscale validate` and `hyperscale schema`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Command
from wordings import Wording, names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small experiment, in a folder with a space in its name."""
    made = tmp_path / "my digits"
    (made / "src").mkdir(parents=True)
    (made / "src" / "sweep.py").write_text("raise SystemExit('never run')\ndef fit(row): return 1\n")
    (made / "grid.csv").write_text("id,depth\na,1\nb,2\n")
    (made / "experiment.yaml").write_text(
        "name: digits\ninput: {csv: grid.csv, key: id}\nactivity: {entry: sweep:fit}\n"
    )
    return made


def test_a_valid_experiment_is_summed_up(hyperscale: Command, folder: Path, wording: Wording):
    answer = hyperscale("validate", folder=folder)

    assert answer.returncode == 0
    names(
        answer.stdout,
        "digits",
        "grid.csv",
        "2 rows, 2 columns",
        "(id, depth)",
        "53 bytes",
        "sweep:fit",
        "17 bytes",
        "experiment.yaml",
    )
    wording(answer.stdout)
    names(answer.stderr, "experiment.yaml:2:14: input.csv", "depth: integer", "input.columns")
    wording(answer.stderr)


def test_validate_touches_nothing(hyperscale: Command, folder: Path):
    before = sorted(folder.rglob("*"))

    hyperscale("validate", folder=folder)

    assert sorted(folder.rglob("*")) == before


def test_problems_of_code_and_input_are_told_together(hyperscale: Command, folder: Path, wording: Wording):
    (folder / "grid.csv").write_text("id,depth\na,1\na,2\n")

    answer = hyperscale("validate", "experiment.yaml", "--set", "activity.entry=sweep:fti", folder=folder)

    assert answer.returncode == 2
    assert answer.stdout == ""
    names(
        answer.stderr,
        "--set activity.entry",
        "sweep.py",
        "fti",
        "'fit'",
        "grid.csv:3: id: 'a'",
        "line 2",
        "experiment.yaml",
        "1 of 2",
    )
    wording(answer.stderr)


def test_a_broken_file_names_every_problem_with_its_place(hyperscale: Command, folder: Path, wording: Wording):
    (folder / "other.yaml").write_text("name: Digits\ninput: {csv: grid.csv}\nactivty: {entry: sweep:fit}\n")

    answer = hyperscale("validate", "other.yaml", folder=folder)

    assert answer.returncode == 2
    names(
        answer.stderr,
        "other.yaml:1:1: activity",
        "other.yaml:1:7: name: 'Digits'",
        "other.yaml:3:1: activty",
        "'activity'",
        "error: other.yaml",
    )
    wording(answer.stderr)


def test_json_is_one_document_whether_valid_or_not(hyperscale: Command, folder: Path):
    good = hyperscale("validate", "--json", folder=folder)
    bad = hyperscale("validate", "--json", "--set", "log_level=loud", folder=folder)

    found = json.loads(good.stdout)
    refused = json.loads(bad.stdout)
    assert (good.returncode, found["valid"], found["input"]["rows"]) == (0, True, 2)
    assert found["code"]["files"] == ["sweep.py"]
    assert (bad.returncode, refused["valid"]) == (2, False)
    (problem,) = refused["problems"]
    message = problem.pop("message")
    assert problem == {"file": "--set log_level", "line": 0, "column": 0, "path": ""}
    names(message, "'loud'", "debug, info, warning, error")


def test_a_missing_file_is_told_with_what_to_do(hyperscale: Command, tmp_path: Path, wording: Wording):
    answer = hyperscale("validate", folder=tmp_path)

    assert answer.returncode == 2
    names(answer.stderr, "error: ", "experiment.yaml", "hint: ", "`hyperscale init DIR`")
    wording(answer.stderr)


def test_the_example_of_the_project_is_valid_without_a_warning(hyperscale: Command, repository: Path):
    answer = hyperscale("validate", folder=repository)

    assert (answer.returncode, answer.stderr) == (0, "")
    names(answer.stdout.splitlines()[-1], "experiment.yaml")


def test_schema_prints_the_schema_that_validate_uses(hyperscale: Command, repository: Path, tmp_path: Path):
    answer = hyperscale("schema", folder=tmp_path)

    assert answer.returncode == 0
    assert answer.stdout == (repository / "schema.json").read_text("utf-8")
