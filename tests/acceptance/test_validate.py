"""`hyperscale validate` and `hyperscale schema`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Command


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


def test_a_valid_experiment_is_summed_up(hyperscale: Command, folder: Path):
    answer = hyperscale("validate", folder=folder)

    assert answer.returncode == 0
    assert answer.stdout.splitlines() == [
        "name    digits",
        "input   grid.csv: 2 rows, 2 columns (id, depth)",
        "code    src: 1 file, 53 bytes, entry sweep:fit",
        "upload  1 file, 17 bytes (input and mounts, when submitted)",
        "",
        "experiment.yaml is valid: 2 rows, 2 columns.",
    ]
    assert answer.stderr == (
        "warning: experiment.yaml:2:14: input.csv: text columns that hold nothing but numbers: depth; "
        "to get numbers, add depth: integer to input.columns\n"
    )


def test_validate_touches_nothing(hyperscale: Command, folder: Path):
    before = sorted(folder.rglob("*"))

    hyperscale("validate", folder=folder)

    assert sorted(folder.rglob("*")) == before


def test_problems_of_code_and_input_are_told_together(hyperscale: Command, folder: Path):
    (folder / "grid.csv").write_text("id,depth\na,1\na,2\n")

    answer = hyperscale("validate", "experiment.yaml", "--set", "activity.entry=sweep:fti", folder=folder)

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.splitlines() == [
        "--set activity.entry: sweep.py defines no fti (did you mean 'fit'?)",
        "grid.csv:3: id: 'a' is the key of line 2 too",
        "error: the code of experiment.yaml cannot be used; 1 of 2 rows of grid.csv is wrong",
    ]


def test_a_broken_file_names_every_problem_with_its_place(hyperscale: Command, folder: Path):
    (folder / "other.yaml").write_text("name: Digits\ninput: {csv: grid.csv}\nactivty: {entry: sweep:fit}\n")

    answer = hyperscale("validate", "other.yaml", folder=folder)

    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "other.yaml:1:1: activity: is missing, expected keys such as code, entry",
        "other.yaml:1:7: name: 'Digits' is not a name: lower case letters, digits and single hyphens, "
        "first a letter, last no hyphen",
        "other.yaml:3:1: activty: is not a key of an experiment (did you mean 'activity'?)",
        "error: other.yaml has 3 problems",
    ]


def test_json_is_one_document_whether_valid_or_not(hyperscale: Command, folder: Path):
    good = hyperscale("validate", "--json", folder=folder)
    bad = hyperscale("validate", "--json", "--set", "log_level=loud", folder=folder)

    found = json.loads(good.stdout)
    refused = json.loads(bad.stdout)
    assert (good.returncode, found["valid"], found["input"]["rows"]) == (0, True, 2)
    assert found["code"]["files"] == ["sweep.py"]
    assert (bad.returncode, refused["valid"]) == (2, False)
    assert refused["problems"] == [
        {
            "file": "--set log_level",
            "line": 0,
            "column": 0,
            "path": "",
            "message": "'loud' is not one of debug, info, warning, error",
        }
    ]


def test_a_missing_file_is_told_with_what_to_do(hyperscale: Command, tmp_path: Path):
    answer = hyperscale("validate", folder=tmp_path)

    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "error: there is no file experiment.yaml",
        "hint: name an experiment file, or make a new experiment with `hyperscale init DIR`",
    ]


def test_the_example_of_the_project_is_valid_without_a_warning(hyperscale: Command, repository: Path):
    answer = hyperscale("validate", folder=repository)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines()[-1].startswith("experiment.yaml is valid: ")


def test_schema_prints_the_schema_that_validate_uses(hyperscale: Command, repository: Path, tmp_path: Path):
    answer = hyperscale("schema", folder=tmp_path)

    assert answer.returncode == 0
    assert answer.stdout == (repository / "schema.json").read_text("utf-8")
