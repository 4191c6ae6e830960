"""Scripts of parallel jobs are checked without running them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked_code import loaded, make_folder, problems
from wordings import Wording, names

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
RUN = ("run(mini_batch)", "run(mini_batch, mini_batch_context)")
BROKEN_SCRIPTS = [
    ("def rum(batch): return []", ("experiment.yaml:3:29: activity.parallel_script", "score.py", "run(mini_batch)")),
    ("def run(): return []", ("src/score.py:1:1", *RUN)),
    ("\ndef run(a, b, c): return []", ("src/score.py:2:1", 3, *RUN)),
    ("async def run(a): return []", ("src/score.py:1:1", "run", "async")),
    ("def init(path): pass\ndef run(a): return []", ("src/score.py:1:1", "init()")),
]  # fmt: skip


@pytest.mark.parametrize("source", SCRIPTS)
def test_a_script_of_a_parallel_job_can_be_the_activity(folder: Path, source: str):
    (folder / "src" / "score.py").write_text(source)

    assert check_activity(loaded(folder, "parallel_script: score.py, error_on_missing: true")) == ()


@pytest.mark.parametrize(("source", "expected"), BROKEN_SCRIPTS)
def test_a_script_that_cannot_work_is_refused(
    folder: Path, source: str, expected: tuple[object, ...], wording: Wording
):
    (folder / "src" / "score.py").write_text(source)

    said = problems(loaded(folder, "parallel_script: score.py"))

    names(said, *expected)
    wording(said)


def test_all_that_does_not_go_with_a_script_is_told_at_once(folder: Path, wording: Wording):
    (folder / "src" / "score.py").write_text("def run(batch): return []")
    keys = "parallel_script: scores.py, concurrency: 2, arguments: {a: {b: 1}, model: '${{mounts.modle}}/m.pkl'}"

    said = problems(loaded(folder, keys, "mounts: {model: src}\n"))

    names(
        said,
        "activity.parallel_script",
        "scores.py",
        "'score.py'",
        "activity.concurrency",
        "arguments.a",
        "map",
        "arguments.model",
        "${{mounts.modle}}",
    )
    wording(said)


def test_missing_results_are_a_matter_of_scripts(folder: Path, wording: Wording):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")

    said = problems(loaded(folder, "entry: sweep:fit, error_on_missing: true"))

    names(said, "experiment.yaml:3:48: activity.error_on_missing", "parallel_script")
    wording(said)
