"""Any program as an activity: its arguments are the row's values, and what it leaves is the outcome."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from command_line import Command
from wordings import Wording, line_names, names

ROWS = [
    ("plain", "a b"),
    ("dollar", "$(touch PWNED)"),
    ("quotes", "'; touch PWNED; '\"`touch PWNED`"),
    ("fails", "3"),
    ("dies", "x"),
]
PROGRAM = """
import json, os, signal, sys
name, text, folder, index, key = sys.argv[1:]
if name == "fails":
    print("line one", "the disk of the moon is full", sep="\\n", file=sys.stderr)
    sys.exit(int(text))
if name == "dies":
    os.kill(os.getpid(), signal.SIGSEGV)
open(f"{folder}/{name}.txt", "w").write(text)
print(json.dumps({"text": text, "index": int(index), "key": key}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "show.py").write_text(PROGRAM)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "text"), *ROWS])
    return tmp_path


def write_experiment(folder: Path, command: str, *, more: str = "") -> None:
    (folder / "experiment.yaml").write_text(
        "name: words\n"
        "input: {csv: rows.csv, key: name}\n"
        f"activity:\n  command: {json.dumps(command)}\n  max_attempts: 1\n{more}"
        "parallelism: {workers: 2}\n"
    )


def test_columns_are_data_and_what_the_program_prints_is_the_result(folder: Path, hyperscale: Command) -> None:
    write_experiment(folder, f"{sys.executable} show.py {{name}} \"{{text}}\" '{{outputs}}' {{row_index}} {{key}}")

    done = hyperscale("run", folder=folder)

    assert done.returncode == 6, done.stderr
    assert not list(folder.rglob("PWNED"))
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    table = pyarrow.parquet.read_table(run / "results.parquet").to_pylist()
    good = [row for row in table if row["outcome"] == "succeeded"]
    assert [(row["result_text"], row["index"], row["result_key"]) for row in good] == [
        (text, index, name) for index, (name, text) in enumerate(ROWS[:3])
    ]
    kept = {file.name: file.read_text() for file in (run / "outputs").rglob("*.txt")}
    assert kept == {f"{name}.txt": text for name, text in ROWS[:3]}


def test_exit_codes_signals_and_the_last_words_are_in_the_failure(folder: Path, hyperscale: Command) -> None:
    write_experiment(folder, f"{sys.executable} show.py {{name}} {{text}} {{outputs}} {{row_index}} {{key}}")

    hyperscale("run", folder=folder)

    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    with (run / "failures.csv").open(newline="") as file:
        failures = {row["key"]: row for row in csv.DictReader(file)}
    assert failures.keys() == {"fails", "dies"}
    assert failures["fails"]["type"] == "ExitCode3"
    names(failures["fails"]["message"], 3)
    assert "the disk of the moon is full" in failures["fails"]["message"]
    assert failures["dies"]["kind"] == "killed"
    assert "SIGSEGV" in failures["dies"]["message"]


def test_python_in_a_command_is_the_one_of_the_environment(folder: Path, hyperscale: Command) -> None:
    write_experiment(folder, "python -c 'import json, sys; print(json.dumps(sys.prefix))'")

    done = hyperscale("run", "--set", "input.limit=1", folder=folder)

    assert done.returncode == 0, done.stderr
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    assert pyarrow.parquet.read_table(run / "results.parquet").to_pylist()[0]["result"] == sys.prefix


def test_a_pipe_of_programs_works_and_output_that_is_no_json_is_a_log(folder: Path, hyperscale: Command) -> None:
    write_experiment(folder, "printf '%s' {text} | wc -c | tr -d ' '", more="  timeout_seconds: 30\n")

    done = hyperscale("run", folder=folder)

    assert done.returncode == 0, done.stderr
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    table = pyarrow.parquet.read_table(run / "results.parquet").to_pylist()
    assert [row["result"] for row in table] == [len(text) for _, text in ROWS]


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(folder: Path, hyperscale: Command) -> None:
    write_experiment(folder, "sleep 1000 | sleep 1000; echo {text}", more="  timeout_seconds: 1\n")

    done = hyperscale("run", "--set", "input.limit=1", folder=folder)

    assert done.returncode == 6, done.stderr
    assert "failed=1" in done.stdout
    left = [file for file in Path("/proc").glob("[0-9]*/cwd") if _is_below(file, folder)]
    assert left == []


def _is_below(link: Path, folder: Path) -> bool:
    try:
        return link.readlink().is_relative_to(folder)
    except OSError:  # of another user, or gone
        return False


def test_what_a_command_cannot_be_filled_with_is_found_before_anything_runs(
    folder: Path, hyperscale: Command, wording: Wording
) -> None:
    write_experiment(folder, "show {nmae} {text}; sh -c 'echo {text} | cat'", more="  rows_per_call: 4\n")

    done = hyperscale("validate", folder=folder)

    assert done.returncode == 2
    line_names(done.stderr, "activity.command", "{nmae}", "'name'")
    names(done.stderr, "activity.rows_per_call")
    names(done.stderr, "{text}", "sh")
    wording(done.stderr)
