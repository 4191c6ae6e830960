"""The parser, and the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import logging
import re
import subprocess
import sys
import threading
import time
import types
from argparse import ArgumentParser
from collections.abc import Callable

import pytest
from wordings import Wording, names

import hyperscale.__main__ as command_line
from hyperscale.commands import COMMANDS, load_command, say_if_slow
from hyperscale.errors import AzureError, ExperimentError, IncompleteRunError, PlanError, Problem, RunStateError
from hyperscale.talk import say


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Puts a function in the place of the command `schema`."""

    def put(work: Callable[[], int]) -> None:
        module = types.SimpleNamespace(add_arguments=lambda parser: None, run=lambda arguments: work())
        monkeypatch.setattr(command_line, "load_command", lambda name: module)

    return put


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def test_a_command_decides_the_exit_code(command: Callable[[Callable[[], int]], None]) -> None:
    command(lambda: 6)

    assert command_line.main(["schema"]) == 6


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExperimentError("x"), 2),
        (PlanError("x"), 3),
        (RunStateError("x"), 4),
        (AzureError("x"), 5),
        (IncompleteRunError("x"), 6),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "/etc/plan.json"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (OSError("x"), 70),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_each_error_has_its_exit_code(
    command: Callable[[Callable[[], int]], None], error: BaseException, code: int
) -> None:
    command(raising(error))

    assert command_line.main(["schema"]) == code


def test_a_file_that_the_machine_refuses_is_named_and_no_bug(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], wording: Wording
) -> None:
    command(raising(FileNotFoundError(2, "No such file or directory", "nowhere/plan.json")))

    command_line.main(["schema"])

    told = capsys.readouterr().err
    names(told, "nowhere/plan.json: No such file or directory")
    wording(told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "from.py", None, "to.py"), "to.py: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_a_full_disk_is_no_bug_and_what_did_not_fit_is_named_if_it_is_known(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], error: OSError, told: str
) -> None:
    command(raising(error))

    command_line.main(["schema"])

    assert capsys.readouterr().err.splitlines()[0] == f"error: {told}"


def test_what_takes_long_is_said_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    said = ""
    deadline = time.monotonic() + 20

    with say_if_slow("checking", after_seconds=0.0):
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
            said = capsys.readouterr().err

    assert said == "checking\n"


def test_what_is_quick_is_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()

    with say_if_slow("checking", after_seconds=60.0):
        pass

    assert capsys.readouterr().err == ""
    assert threading.active_count() == threads


def test_problems_come_first_one_a_line_then_message_and_hint(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    problems = [
        Problem("experiment.yaml", 14, 9, "compute.tier", "'spot' is wrong"),
        Problem("grid.csv", 0, 0, "", "is empty"),
    ]
    command(raising(ExperimentError("experiment.yaml has 2 problems", problems=problems, hint="correct them")))

    command_line.main(["schema"])

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "experiment.yaml:14:9: compute.tier: 'spot' is wrong",
        "grid.csv: is empty",
        "error: experiment.yaml has 2 problems",
        "hint: correct them",
    ]


def test_a_bug_shows_its_traceback_and_how_to_report_it(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], wording: Wording
) -> None:
    command(raising(ZeroDivisionError("division by zero")))

    command_line.main(["schema"])

    told = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in told
    wording(told.splitlines()[-2])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["valdate"], ("'valdate'", "validate")),
        (["qqq"], "init, validate"),
        ([], "COMMAND"),
        (["runs", "--set", "a=1"], "hyperscale runs [-h]"),
        (["runs", "--set", "a=1"], "--set"),
    ],
)
def test_a_wrong_command_is_refused_with_what_there_is(
    arguments: list[str], parts: str | tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(arguments)

    names(capsys.readouterr().err, parts)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_help_names_has_its_module_and_explains_its_arguments(name: str) -> None:
    parser = ArgumentParser()

    load_command(name).add_arguments(parser)

    unexplained = [action.dest for action in parser._actions if not action.help]
    assert unexplained == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "--rows", "0"], ("--rows", "'0'", 1)),
        (["run", "--workers", "two"], ("--workers", "'two'", 1)),
    ],
)
def test_a_count_is_a_whole_number(
    arguments: list[str], parts: tuple[object, ...], capsys: pytest.CaptureFixture[str], wording: Wording
) -> None:
    with pytest.raises(SystemExit):
        command_line.main(arguments)

    said = capsys.readouterr().err.splitlines()[-2]
    names(said, *parts)
    wording(said)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "--resume", "--rows", "5"], ("--rows", "--resume")),
        (["run", "--resume", "r", "--pipeline", "p.yml"], ("--pipeline", "--resume")),
        (["run", "--pipeline", "p.yml", "--set", "a=1"], ("--set", "--pipeline")),
        (["run", "--pipeline", "p.yml", "--workers", "2"], ("--workers", "--pipeline")),
    ],
)
def test_options_that_could_not_act_are_refused(
    arguments: list[str], parts: tuple[str, ...], capsys: pytest.CaptureFixture[str], wording: Wording
) -> None:
    assert command_line.main(arguments) == 2

    said = capsys.readouterr().err
    names(said, *parts)
    wording(said)


def test_help_loads_no_command_and_no_library() -> None:
    code = (
        "import sys\nfrom hyperscale.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'yaml', 'jsonschema', 'jinja2', 'rich', 'pyarrow', 'orjson', 'azure', 'sqlite3', 'asyncio'}\n"
        "ours = ('hyperscale.control', 'hyperscale.node', 'hyperscale.commands.')\n"
        "loaded = {name for name in sys.modules if name.startswith(ours)}\n"
        "print(sorted(loaded | heavy & set(sys.modules)), file=sys.stderr)"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stderr.strip() == "[]"
    assert all(name in answer.stdout for name in COMMANDS)


def test_a_reader_that_closes_the_pipe_early_is_no_error() -> None:
    command = "import sys\nfrom hyperscale.__main__ import main\nsys.exit(main(['schema']))"
    process = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()

    assert process.wait() == 141
    assert told == b""


def test_arguments_are_parsed_from_the_process_when_none_are_given(
    command: Callable[[Callable[[], int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    command(lambda: 3)
    monkeypatch.setattr(sys, "argv", ["hyperscale", "schema"])

    assert command_line.main() == 3


def told_by(command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Return the lines of a command that says, warns, logs and fails, called with `words`."""

    def work() -> int:
        say("reading rows")
        say("warning: rows are many")
        logging.getLogger("hyperscale.control.reading").debug("read grid.csv")
        logging.getLogger("hyperscale.node.storing.patience").warning("storage is slow")
        raise PlanError("no room", hint="make some")

    command(work)
    assert command_line.main(list(words)) == 3
    return [re.sub(r"\[ +\d+\.\d+s\]", "[0s]", line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("words", [("schema", "--quiet"), ("--quiet", "schema"), ("-q", "schema")])
def test_quiet_leaves_errors_alone_wherever_it_stands(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    told = told_by(command, capsys, *words)

    assert told == ["error: no room", "hint: make some"]


def test_without_either_word_notices_and_warnings_are_told(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    told = told_by(command, capsys, "schema")

    assert told[:3] == ["reading rows", "warning: rows are many", "warning: storage is slow"]
    assert told[3:] == ["error: no room", "hint: make some"]


@pytest.mark.parametrize("words", [("schema", "--verbose"), ("--verbose", "schema"), ("schema", "-v")])
def test_verbose_tells_what_goes_on_and_where_an_error_was_raised(
    command: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    told = told_by(command, capsys, *words)

    assert told[:3] == ["reading rows", "warning: rows are many", "[0s] read grid.csv"]
    assert "hyperscale.errors.PlanError: no room" in told
    assert told[-2:] == ["error: no room", "hint: make some"]


def test_quiet_and_verbose_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(["--quiet", "schema", "--verbose"])

    names(capsys.readouterr().err, "--quiet", "--verbose")


def test_after_a_command_nothing_listens_any_more(command: Callable[[Callable[[], int]], None]) -> None:
    command(lambda: 0)

    command_line.main(["schema", "--verbose"])

    for name in ("hyperscale", "hyperscale.talk"):
        logger = logging.getLogger(name)
        assert (logger.handlers, logger.level) == ([], logging.NOTSET)
