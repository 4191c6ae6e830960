"""Which interpreters `make test-all` finds, and what it says of their tests."""

from __future__ import annotations

import sys
from pathlib import Path

import every_python
import pytest


def add_program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    return program


def test_interpreters_on_path_come_before_those_of_pyenv_and_its_newest_before_others(tmp_path: Path):
    usual = add_program(tmp_path / "bin", "python3.12")
    older = add_program(tmp_path / "pyenv" / "versions" / "3.12.9" / "bin", "python3.12")
    newer = add_program(tmp_path / "pyenv" / "versions" / "3.12.10" / "bin", "python3.12")
    add_program(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin", "python3.13")
    environ = {"PATH": f"/nowhere:{tmp_path / 'bin'}", "PYENV_ROOT": str(tmp_path / "pyenv")}

    folders = every_python.places(environ, tmp_path / "home")

    assert every_python.programs("3.12", folders) == [usual, newer, older]
    assert every_python.programs("3.11", folders) == []


def test_pyenv_is_looked_for_at_home_where_no_variable_names_it(tmp_path: Path):
    program = add_program(tmp_path / ".pyenv" / "versions" / "3.10.13" / "bin", "python3.10")

    assert every_python.programs("3.10", every_python.places({}, tmp_path)) == [program]


def test_one_interpreter_of_several_names_is_tried_once_and_what_may_not_run_never(tmp_path: Path):
    program = add_program(tmp_path / "a", "python3.12")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "python3.12").symlink_to(program)
    add_program(tmp_path / "c", "python3.12").chmod(0o644)

    assert every_python.programs("3.12", [tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == [program]


def test_a_program_of_the_right_name_that_is_no_such_python_is_not_used(tmp_path: Path):
    here = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert every_python.is_usable(Path(sys.executable), here)
    assert not every_python.is_usable(Path(sys.executable), "3.9")
    assert not every_python.is_usable(add_program(tmp_path, f"python{here}"), here)


def test_a_python_that_is_not_here_is_named_and_is_no_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert every_python.test("3.12", [tmp_path], workers="1")

    assert capsys.readouterr().out == "Python 3.12: not found here, not tested\n"


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("....\n3912 passed in 80.11s (0:01:20)\n", "3,912 passed"),
        ("==== 1 failed, 12004 passed, 2 skipped in 7.00s ====\n", "1 failed, 12,004 passed, 2 skipped"),
        ("ERROR: file or directory not found: tests\n", ""),
    ],
)
def test_what_pytest_counted_is_read_from_its_last_line(said: str, counted: str):
    assert every_python.counts(said) == counted


def test_times_are_for_people():
    assert [every_python.shown(seconds) for seconds in (9.4, 80.2, 3601)] == ["9s", "1m20s", "60m01s"]
