"""Scripts of parallel jobs are checked without running them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked_code import loaded, make_folder, problems

from hyperscale.control.reading.activity_check import check_activity


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


SCRIPTS = [
    "def run(mini_batch): return []",
    "def init(): pass\ndef run(mini_batch, mini_batch_context): return []\ndef shutdown(): pass",
    "def init(path=None): pass\ndef run(batch, *more): return []",
    "from other import run",
    "from other import *",
    "run = make()",
]
RUN = ", expected run(mini_batch) or run(mini_batch, mini_batch_context)"
BROKEN_SCRIPTS = [
    ("def rum(batch): return []", "experiment.yaml:3:29: activity.parallel_script: score.py defines no run(mini_batch);"
     " a parallel job's script has one"),
    ("def run(): return []", f"src/score.py:1:1: run takes no mini_batch{RUN}"),
    ("\ndef run(a, b, c): return []", f"src/score.py:2:1: run needs 3 arguments{RUN}"),
    ("async def run(a): return []", "src/score.py:1:1: run is async, a plain function was expected: a mini batch is"
     " worked on alone"),
    ("def init(path): pass\ndef run(a): return []", "src/score.py:1:1: init takes arguments, init() was expected"),
]  # fmt: skip


@pytest.mark.parametrize("source", SCRIPTS)
def test_a_script_of_a_parallel_job_can_be_the_activity(folder: Path, source: str):
    (folder / "src" / "score.py").write_text(source)

    assert check_activity(loaded(folder, "parallel_script: score.py, error_on_missing: true")) == ()


@pytest.mark.parametrize(("source", "expected"), BROKEN_SCRIPTS)
def test_a_script_that_cannot_work_is_refused(folder: Path, source: str, expected: str):
    (folder / "src" / "score.py").write_text(source)

    assert problems(loaded(folder, "parallel_script: score.py")) == [expected]


def test_all_that_does_not_go_with_a_script_is_told_at_once(folder: Path):
    (folder / "src" / "score.py").write_text("def run(batch): return []")
    keys = "parallel_script: scores.py, concurrency: 2, arguments: {a: {b: 1}, model: '${{mounts.modle}}/m.pkl'}"

    said = problems(loaded(folder, keys, "mounts: {model: src}\n"))

    assert [problem.partition(" activity.")[2] for problem in said] == [
        "parallel_script: there is no file scores.py in the code folder (did you mean 'score.py'?)",
        "concurrency: a parallel script gets one mini batch at a time, activity.concurrency is 2;"
        " let more workers share a node",
        "arguments.a: is a map; an argument of a program is a text, a number, a boolean or a list",
        "arguments.model: ${{mounts.modle}} stands for nothing (did you mean 'mounts.model'?)",
    ]


def test_missing_results_are_a_matter_of_scripts(folder: Path):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")

    said = problems(loaded(folder, "entry: sweep:fit, error_on_missing: true"))

    assert said == [
        "experiment.yaml:3:48: activity.error_on_missing: is for a parallel_script alone: a function that has no result"
        " for a row raises an exception"
    ]
