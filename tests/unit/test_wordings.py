"""Wordings in golden files: what differs fails, one run renews, and nothing is left of tests that are gone."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wordings
from wordings import GOLDEN, TESTS, names, read_golden, shown

from hyperscale.errors import ExperimentError, Problem

SAYS = """
import pytest

@pytest.mark.parametrize("what", ["depth", "size"])
def test_it_says(what, wording, tmp_path):
    wording(f"{what} in {tmp_path} is bad on 127.0.0.1:4711\\n")
    wording([f"no {what}", "at all \\x1b"], hidden={"at all": "<how much>"})

def test_it_says_nothing():
    pass
"""
GOLDEN_TEXT = r"""test_it_says[depth]
    depth in <folder> is bad on 127.0.0.1:<port>

test_it_says[depth]
    no depth
    <how much> \x1b

test_it_says[size]
    size in <folder> is bad on 127.0.0.1:<port>

test_it_says[size]
    no size
    <how much> \x1b
"""


class Suite:
    """A folder tests/ with the plugin and one module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = folder / "tests" / "unit" / "test_it.py"
        self.golden = folder / "tests" / "golden" / "wordings" / "unit" / "test_it.txt"
        self.module.parent.mkdir(parents=True)
        shutil.copy(wordings.__file__, folder / "tests" / "wordings.py")
        (folder / "tests" / "conftest.py").write_text('pytest_plugins = ("wordings",)\n')
        self.module.write_text(SAYS)

    def run(self, *arguments: str, code: int = 0) -> str:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "xdist",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "--rootdir",
            ".",
        ]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        words = [*command, *arguments, "tests"]
        ran = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_a_renewing_run_writes_what_tests_say_and_the_next_run_compares_it(suite: Suite) -> None:
    names(suite.run(code=1), "test_it_says[depth]", "make wordings")

    renewed = suite.run("--renew-wordings")

    names(renewed, "2 passed", "1 deselected", "renewed: tests/golden/wordings/unit/test_it.txt")
    assert suite.golden.read_text() == GOLDEN_TEXT
    names(suite.run(), "3 passed")
    suite.module.write_text(SAYS.replace("is bad", "is wrong"))
    differing = suite.run(code=1)
    names(differing, "-depth in <folder> is bad on", "+depth in <folder> is wrong on", "--renew-wordings")


def test_workers_of_xdist_renew_together_and_nothing_stays_of_tests_that_are_gone(suite: Suite) -> None:
    gone = suite.golden.with_name("test_gone.txt")
    suite.golden.parent.mkdir(parents=True)
    suite.golden.write_text(f"{GOLDEN_TEXT}\ntest_that_is_gone\n    a text\n")
    gone.write_text("test_that_is_gone\n    a text\n")

    suite.run("--renew-wordings", "-n", "2", "-k", "size")

    assert suite.golden.read_text() == GOLDEN_TEXT
    assert not gone.exists()


def test_a_test_that_says_less_than_its_golden_file_fails_and_one_that_fails_renews_nothing(suite: Suite) -> None:
    suite.golden.parent.mkdir(parents=True)
    suite.golden.write_text(GOLDEN_TEXT)

    suite.module.write_text(SAYS.replace("    wording([", "    return\n    wording(["))
    names(suite.run(code=1), "-no depth", "2 errors")
    suite.module.write_text(SAYS.replace("    wording([", "    assert what == 'size'\n    wording(["))
    suite.run("--renew-wordings", code=1)

    assert suite.golden.read_text() == GOLDEN_TEXT


def test_an_error_is_compared_with_its_problems_and_its_hint() -> None:
    problems = [Problem("grid.csv", 3, 1, "depth", "is bad"), Problem("grid.csv", 4, 0, "", "is worse")]

    text = shown(ExperimentError("2 rows are wrong", problems=problems, hint="mend them"), {"mend": "<do>"})

    assert text.split("\n") == [
        "grid.csv:3:1: depth: is bad",
        "grid.csv:4: is worse",
        "2 rows are wrong",
        "hint: <do> them",
    ]


@pytest.mark.parametrize("part", ["grid.csv:3", "'x'", "depth", 4, "1,048"])
def test_a_part_that_is_named_is_found_whatever_stands_around_it(part: object) -> None:
    names("grid.csv:3: depth: 'x' is 4, expected 1,048", part)


@pytest.mark.parametrize("part", ["grid.csv:4", "dept", 8, 48, 1])
def test_a_part_that_is_only_in_a_longer_one_is_not_named(part: object) -> None:
    with pytest.raises(AssertionError) as refused:
        names("grid.csv:3: depth: 'x' is 4, expected 1,048", "depth", part)

    assert str(refused.value).startswith(f"does not name {str(part)!r}:\ngrid.csv:3: depth")


def test_every_golden_entry_belongs_to_a_test_that_compares_it() -> None:
    for file in GOLDEN.rglob("*.txt"):
        module = file.relative_to(GOLDEN).with_suffix(".py")
        assert (TESTS / module).exists(), f"{file} belongs to no module: `make wordings` removes it"
        tree = ast.parse((TESTS / module).read_text("utf-8"))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        comparing = {each.name for each in functions if "wording" in [found.arg for found in each.args.args]}
        gone = {name.partition("[")[0] for name in read_golden(module.as_posix())} - comparing
        assert not gone, f"{file} holds texts of tests that compare none: `make wordings` removes them"
