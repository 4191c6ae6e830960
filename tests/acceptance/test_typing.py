"""The types of the package as a user's type checker sees them, in a program of theirs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tools

PROGRAM = """
from collections.abc import Iterator

from hyperscale import Context, NodeRunner, load, map_rows, run_experiment

def half(row: int) -> float:
    return row / 2

def named(row: str, context: Context) -> tuple[str, int]:
    return row, context.attempt

async def fetched(row: str) -> bytes:
    return row.encode()

def halves(rows: list[int]) -> list[float]:
    return [row / 2 for row in rows]

class Model(NodeRunner):
    def set_up(self, context: Context) -> None:
        self.factor = 2

    def run(self, row: int) -> int:
        return row * self.factor

class Other(NodeRunner):
    def set_up(self) -> None: ...
    async def run(self, row: int, context: Context) -> int:
        return row

def numbers() -> Iterator[int]:
    yield 1

reveal_type(map_rows(half, numbers()))  # Outcomes[int, float]
reveal_type([outcome.result for outcome in map_rows(half, [1], workers=4, ordered=True)])  # list[float]
reveal_type(map_rows(named, ["a"]))  # Outcomes[str, tuple[str, int]]
reveal_type(map_rows(fetched, ["a"]))  # Outcomes[str, bytes]
reveal_type(map_rows(halves, [1], rows_per_call=8))  # Outcomes[int, float]
reveal_type(map_rows(Model, [1]))  # Outcomes[int, Any]
reveal_type(map_rows(lambda row: str(row), [1]))  # Outcomes[int, str]
for outcome in map_rows(half, [1]):
    reveal_type(outcome.row)  # int
    reveal_type(outcome.failure)  # Failure | None
experiment = load("experiment.yaml", {"parallelism.workers": 2})
reveal_type(experiment)  # ExperimentFile
run = experiment.run(rows=2)
reveal_type(run)  # Run
reveal_type(run.counts.failed)  # int
reveal_type(run.ok)  # bool
reveal_type(run.retry("type=ValueError"))  # Run
reveal_type(run_experiment("experiment.yaml").report())  # Path
map_rows(half, ["a"])  # error
run.result()  # error
"""


def test_a_program_of_a_user_has_the_types_that_it_says(tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)

    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    told = dict(re.findall(r"program\.py:(\d+): (?:note: Revealed type is \")?(.*?)\"?$", answer.stdout, re.MULTILINE))
    shown = {int(line): short(text) for line, text in told.items() if "error:" not in text}
    lines = PROGRAM.splitlines()
    expected = {
        number: line.rpartition("# ")[2]
        for number, line in enumerate(lines, 1)
        if line.strip().startswith("reveal_type")
    }
    assert {number: shown.get(number) for number in expected} == expected, answer.stdout + answer.stderr
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert {int(line) for line in re.findall(r"program\.py:(\d+): error", answer.stdout)} == wrong, answer.stdout


def short(text: str) -> str:
    """Return a type without the modules that its names are of."""
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)
