"""`failures`, `logs` and `retry --where signature=...` as a user meets them: what failed, why, and try again."""

from __future__ import annotations

import csv
import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from forking import run_command
from wordings import line_names, names

FAILS = r"""
import os

def look(row, context):
    number = row["number"]
    print(f"looks at {number} \x1b[31m")
    if number % 3 == 1:
        raise ValueError(f"no number like {number} in '/data/{number}.csv'")
    if number == 6:
        return find({})
    if number == 8:
        os._exit(3)
    return {"square": number * number}

def find(known):
    return known["=depth"]
"""
CORRECTED = """
def look(row):
    return {"square": row["number"] ** 2}
"""
ROWS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an experiment of which six rows fail, for three reasons."""
    return write_experiment(tmp_path / "it's an ü folder")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with one run that has ended: for tests that only ask."""
    folder = write_experiment(tmp_path_factory.mktemp("ended") / "it's an ü folder")
    ran = run_command(["run"], folder=folder, environment=os.environ, timeout_seconds=120)
    assert ran.returncode == 6, ran.stderr
    return folder


def write_experiment(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "act.py").write_text(FAILS)
    (folder / "rows.csv").write_text("number,name\n" + "".join(f"{number},=n{number}\n" for number in range(ROWS)))
    document = {
        "name": "looks",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}, "key": "name"},
        "activity": {"code": "src", "entry": "act:look", "max_attempts": 2, "retry_delay_seconds": 0.1},
        "parallelism": {"workers": 2, "rows_per_message": 1},
        "output": {"format": ["csv"]},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))
    return folder


def newest(folder: Path) -> Path:
    return max((folder / ".hyperscale" / "runs").iterdir(), key=lambda run: (run / "launch.json").stat().st_mtime)


def table(run: Path) -> dict[int, dict[str, str]]:
    with (run / "results.csv").open(newline="", encoding="utf-8") as text:
        return {int(row["row_index"]): row for row in csv.DictReader(text)}


def failures(hyperscale: Command, folder: Path, *arguments: str) -> dict[str, Any]:
    done = hyperscale("failures", "--json", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_failed_rows_are_grouped_shown_and_retried_by_group(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", folder=folder)
    parent = newest(folder)
    assert f"hyperscale failures {parent.name}" in ran.stderr

    told = hyperscale("failures", folder=folder)
    found = failures(hyperscale, folder)
    only = failures(hyperscale, folder, "--where", "key==n7", "--where", "type=ValueError")

    assert told.returncode == 0, told.stderr
    names(told.stdout.splitlines()[0], "6 failed rows", "3 failure groups")
    assert "\x1b" not in told.stdout
    line_names(told.stdout, "looks at 1 \\x1b[31m")
    line_names(told.stdout, "4 rows", "row 1 (=n1)", "row 10 (=n10)")
    assert 'row 4 (=n4), 2 attempts: number=4, name="=n4"' in told.stdout
    lines = told.stdout.splitlines()
    in_full = lines.index("   ValueError: no number like 1 in '/data/1.csv'")
    assert lines[in_full - 1].startswith("     act.py:8 look: raise ValueError(")
    assert (found["rows_failed"], found["rows"], found["provisional"], found["more_rows"]) == (6, 6, None, 0)
    first = found["groups"][0]
    assert first["message"] == "no number like # in <value>"
    assert [row["row_index"] for row in first["samples"]] == [1, 4, 10]
    assert first["samples"][0]["values"] == {"number": 1, "name": "=n1"}
    assert [(group["rows"], group["example"]["row_index"]) for group in only["groups"]] == [(1, 7)]
    assert first["retry"] in told.stdout
    assert json.loads((parent / "run_results.json").read_text())["failure_groups"][0]["signature"] == first["signature"]

    overview, logs = hyperscale("logs", folder=folder), hyperscale("logs", "--row", "1", "--row", "2", folder=folder)
    document = hyperscale("logs", "--key", "=n1", "--json", folder=folder)
    raw = hyperscale("logs", "--row", "1", "--raw", folder=folder)

    assert "step consume_0: " in overview.stdout
    assert f"logs {parent.name} --row 1\n" in overview.stdout
    assert logs.returncode == 0, logs.stderr
    assert "row 1: failed, 2 attempts\n  attempt 1: failed after " in logs.stdout
    assert logs.stdout.count("    it printed:\n      | looks at 1 \\x1b[31m\n") == 2
    assert "row 2: succeeded, 1 attempt\n" in logs.stdout
    line_names(logs.stdout, "output.logs is failed")
    (row,) = json.loads(document.stdout)["rows"]
    assert (row["row_index"], row["outcome"], [attempt["decides"] for attempt in row["attempts"]]) == (
        *(1, "failed"),
        [False, True],
    )
    assert raw.stdout == "looks at 1 \x1b[31m\n" * 2

    (folder / "src" / "act.py").write_text(CORRECTED)
    again = hyperscale(*shlex.split(first["retry"].partition("hyperscale ")[2]), folder=folder)

    assert again.returncode == 6, again.stderr
    child = newest(folder)
    assert {row for row, cells in table(child).items() if cells["outcome"] == "failed"} == {6, 8}
    assert {group["type"] for group in failures(hyperscale, folder)["groups"]} == {"KeyError", "WorkerExited"}
    signature = failures(hyperscale, folder)["groups"][0]["signature"]
    ids = [group["signature"] for group in failures(hyperscale, folder)["groups"]]
    rest = hyperscale("retry", "--where", f"signature={signature[:3]}", folder=folder)
    assert rest.returncode == 6, rest.stderr
    assert [group["signature"] for group in failures(hyperscale, folder)["groups"]] == [ids[1]]


@pytest.mark.parametrize(
    ("command", "condition", "part"),
    [
        ("failures", "signature=00000000", "1 row"),
        ("retry", "signature=00000000", "1 row"),
        ("retry", "signature=zz", "0-9"),
        ("retry", "key=nobody", "key=nobody"),
        ("retry", "rows=900-999", 11),
    ],
)
def test_a_condition_that_means_no_row_says_so(
    hyperscale: Command, ended: Path, command: str, condition: str, part: object
) -> None:
    done = hyperscale(command, "--where", condition, folder=ended)

    assert done.returncode == 2, done.stdout
    line_names(done.stderr, "--where")
    names(done.stderr, part)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--row", "12"], (0, 11)),
        (["--row", "-1"], "row_index"),
        (["--key", "nobody"], "nobody"),
        (["--raw"], "--raw"),
    ],
)
def test_a_row_that_is_not_there_has_no_logs(
    hyperscale: Command, ended: Path, arguments: list[str], parts: object
) -> None:
    done = hyperscale("logs", *arguments, folder=ended)

    assert done.returncode == 2, done.stdout
    names(done.stderr, parts)


def test_groups_are_failed_rows_like_others_known_by_their_values(hyperscale: Command, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "act.py").write_text(
        "def fit(rows, context):\n"
        "    print('fits', context.group)\n"
        "    if context.group['store'] == 'b': raise ValueError(f'{len(rows)} records are too few')\n"
    )
    (tmp_path / "rows.csv").write_text("store,brand,x\na,p,1\nb,p,2\nb,p,4\nb,q,5\n")
    document = {
        "name": "many",
        "input": {"csv": "rows.csv", "group_by": ["store", "brand"]},
        "activity": {"code": "src", "entry": "act:fit", "max_attempts": 1},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    assert hyperscale("run", folder=tmp_path).returncode == 6

    (group,) = failures(hyperscale, tmp_path)["groups"]
    logs = hyperscale("logs", "--key", "b,q", folder=tmp_path)

    assert [row["values"] for row in group["samples"]] == [
        {"store": "b", "brand": "p", "rows": 2},
        {"store": "b", "brand": "q", "rows": 1},
    ]
    assert logs.stdout.startswith("row 2 (b,q): failed, 1 attempt\n"), logs.stderr
    assert "| fits {'store': 'b', 'brand': 'q'}" in logs.stdout
