"""A step as a process of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.control.local.steps import Step, StepCommand, error_of, step_environment
from hyperscale.errors import ExperimentError


def wait_until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_alive(process_id: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Step]:
    def begin(code: str, *arguments: str) -> Step:
        return Step(
            StepCommand(
                job="consume_0",
                arguments=(sys.executable, "-c", code, *arguments),
                folder=tmp_path,
                environment=step_environment(os.environ, {"GIVEN": "by the job"}),
                log=tmp_path / "steps" / "consume_0.log",
                outputs=(tmp_path / "steps" / "consume_0" / "seeded",),
            )
        )

    return begin


def finish(step: Step) -> int:
    wait_until(lambda: step.exit_code() is not None)
    step.close()
    code = step.exit_code()
    assert code is not None
    return code


def test_a_step_runs_in_its_folder_with_its_variables_and_its_outputs_made(
    start: Callable[..., Step], tmp_path: Path
) -> None:
    step = start(
        "import os, pathlib\nprint(os.getcwd())\nprint(os.environ['GIVEN'], os.environ['HYPERSCALE_LIFELINE'])\n"
        "print(pathlib.Path('steps/consume_0/seeded').is_dir())"
    )

    assert finish(step) == 0
    assert step.log_tail().splitlines() == [str(tmp_path), "by the job stdin", "True"]


def test_what_a_step_prints_on_both_streams_is_logged_after_what_an_earlier_life_said(
    start: Callable[..., Step], tmp_path: Path
) -> None:
    finish(start("print('first life')"))
    second = start("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")

    assert finish(second) == 3
    assert second.log_tail().splitlines() == ["out", "err"]
    assert (tmp_path / "steps" / "consume_0.log").read_text().splitlines() == ["first life", "out", "err"]


def test_arguments_reach_the_program_unchanged(start: Callable[..., Step]) -> None:
    hostile = "$(touch x) `id` ; && | > 'a' \"b\" \n ${{inputs.x}} ä"
    step = start("import sys\nprint(ascii(sys.argv[1]))", hostile)

    finish(step)

    assert step.log_tail().strip() == ascii(hostile)


def test_a_step_is_asked_to_stop_with_sigterm(start: Callable[..., Step]) -> None:
    step = start(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready')\ntime.sleep(60)"
    )
    wait_until(lambda: "ready" in step.log_tail())

    step.stop()

    assert finish(step) == 5


def test_a_step_is_killed_with_its_children(start: Callable[..., Step]) -> None:
    step = start(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\ntime.sleep(60)"
    )
    wait_until(lambda: step.log_tail().endswith("\n"))
    child = int(step.log_tail())

    step.kill()

    assert finish(step) == -signal.SIGKILL
    wait_until(lambda: not is_alive(child))


def test_the_lifeline_of_a_step_closes_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = (
        "import os, sys\nfrom pathlib import Path\nfrom hyperscale.control.local.steps import Step, StepCommand\n"
        "here = Path.cwd()\n"
        'code = \'import os\\nos.read(0, 1)\\nopen("noticed", "w").close()\'\n'
        "Step(StepCommand('s', (sys.executable, '-c', code), here, os.environ, here / 's.log', ()))\n"
        "os.kill(os.getpid(), 9)"
    )

    subprocess.run([sys.executable, "-c", starter], cwd=tmp_path, check=False)

    wait_until((tmp_path / "noticed").exists)


def test_a_step_that_has_ended_can_be_stopped_and_killed_again(start: Callable[..., Step]) -> None:
    step = start("pass")
    assert finish(step) == 0

    step.stop()
    step.kill()

    assert step.exit_code() == 0


def test_a_program_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path, wording: Wording) -> None:
    command = StepCommand("consume_0", ("no-such-program", "x"), tmp_path, {"PATH": ""}, tmp_path / "l.log", ())

    with pytest.raises(ExperimentError) as refused:
        Step(command)
    names(refused, "consume_0", "No such file or directory: no-such-program")
    wording(refused)


def test_later_variables_win_and_every_step_gets_the_lifeline() -> None:
    environment = step_environment({"A": "1", "B": "1", "HYPERSCALE_LIFELINE": "no"}, {"B": "2"})

    assert environment == {"A": "1", "B": "2", "HYPERSCALE_LIFELINE": "stdin", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize(
    ("log", "code", "parts"),
    [
        ("some line\nerror: grid.csv is empty\n  hint: add rows\n", 2, ("grid.csv is empty", "add rows")),
        ("Traceback (most recent call last):\n  File x\nKeyError: 'x'\n\n", 1, "KeyError: 'x'"),
        ("", -9, "SIGKILL"),
        ("12:00 INFO all is well\n", -9, "SIGKILL"),
        ("\n", 4, 4),
        ("", -200, 200),
    ],
)
def test_the_log_of_a_failed_step_says_why(log: str, code: int, parts: object, wording: Wording) -> None:
    error = error_of(log, code, free_bytes=1_000_000_000)

    names(error, parts)
    wording(error)


def test_a_step_that_could_print_nothing_for_want_of_space_is_said_to(wording: Wording) -> None:
    names(error_of("", 1, free_bytes=0), "exit code 1", "disk")
    wording(error_of("", 1, free_bytes=0))
