"""The sub-commands: one module each, loaded only when used, and the arguments that several of them take."""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

from hyperscale.errors import ExperimentError
from hyperscale.talk import ASKING as ASKING
from hyperscale.talk import Ask
from hyperscale.talk import say as say
from hyperscale.talk import say_if_slow as say_if_slow
from hyperscale.talk import say_warnings as say_warnings

#: Name to the line that `--help` shows, in that order.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "make a new experiment folder that runs as it stands",
        "validate": "check the file, the input's rows and the code's entry point; touches nothing",
        "plan": "show what would be made: clusters, nodes, messages; with --azure where, how long and for how much",
        "render": "write components/, pipelines/ and compute/",
        "run": "run the experiment on this machine, from the files that it renders",
        "submit": "run the experiment on Azure ML: make its clusters, and submit its pipeline",
        "trial": "run a few rows, here or with --azure on one node, and tell what the full run will be like",
        "retry": "run the failed and missing rows of a run again, with the code as it is now",
        "doctor": "look whether a run on Azure ML has all that it needs: login, roles, quota, storage; changes nothing",
        "runs": "list the runs of this folder, or with --azure those of the workspace",
        "status": "look once at a run, from any machine",
        "watch": "show how far a run is until it is over, from any machine",
        "results": "show where the results of a run are, with the proved count",
        "failures": "show why rows failed, by reason, with the command that runs each failure group again",
        "logs": "show what rows printed, each attempt with its times and outcome; without a row, what logs there are",
        "report": "write one page about a run: counts, charts, failures, cost; it opens from disk, without a network",
        "cancel": "end a run: no more rows are handed out, what is done is collected",
        "teardown": "delete what a run that is over has left; collect its results if nobody has",
        "gc": "find and delete what runs have left behind in the workspace",
        "schema": "print the JSON Schema of experiment.yaml",
        "completion": "print what bash, zsh or fish has to run so that Tab completes command lines",
    }
)
DEFAULT_FILE = Path("experiment.yaml")


class Command(Protocol):
    """What each module of this package offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


def load_command(name: str) -> Command:
    """Return the module of the command `name`, one of `COMMANDS`."""
    return cast(Command, importlib.import_module(f"hyperscale.commands.{name}"))


def add_file(parser: argparse.ArgumentParser, *, or_plan: bool = False) -> None:
    """Take FILE, which may be a saved plan, too, where `or_plan` says so."""
    what = "the experiment, or a plan that `plan --out` saved" if or_plan else "the experiment"
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        default=DEFAULT_FILE,
        help=f"{what} (default: ./experiment.yaml)",
    )


def add_set(parser: argparse.ArgumentParser) -> None:
    """Take `--set key=value`, any number of times, as `arguments.overrides`."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override a key of the file, such as parallelism.workers=8; may be given several times",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def add_run_anywhere(parser: argparse.ArgumentParser) -> None:
    """Take RUN, which may be of the workspace, and `--file`, which says which workspace that is."""
    runs = parser.add_argument(
        "run_name",
        metavar="RUN",
        nargs="?",
        help="a run's id, here or in the workspace, or the path of its folder (default: the newest run of this folder)",
    )
    complete_with_runs(runs)
    add_file_of_workspace(parser)


def complete_with_runs(argument: argparse.Action) -> None:
    """Let shells propose the ids of the runs of this folder for `argument`."""

    def proposals(parsed_args: argparse.Namespace, **_: object) -> list[str]:
        from hyperscale.control.completing import run_ids

        return run_ids(getattr(parsed_args, "file", None) or DEFAULT_FILE)

    argument.completer = proposals  # type: ignore[attr-defined] # where argcomplete looks


def add_file_of_workspace(parser: argparse.ArgumentParser) -> None:
    """Take `--file`, where FILE is only asked which workspace it means."""
    parser.add_argument(
        "--file",
        metavar="FILE",
        type=Path,
        default=DEFAULT_FILE,
        help="the experiment, which names the workspace (default: ./experiment.yaml)",
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """Take `--where NAME=VALUE`, any number of times, as `arguments.conditions`."""
    parser.add_argument(
        "--where",
        metavar="NAME=VALUE",
        dest="conditions",
        action="append",
        default=[],
        help="only rows that meet this: signature=ab12cd34 (of `failures`), type=ValueError, kind=timeout, "
        "rows=100-200,300 or key=a7. Given several times, any of one name and all of different names",
    )


def add_loudness(parser: argparse.ArgumentParser) -> None:
    """Take `--quiet` and `--verbose`: before the command's name as well as behind it."""
    # Suppressed: the parser of a command must not overwrite what stood before its name.
    for short, name, meaning in (
        ("-q", "--quiet", "tell results and errors alone: no progress, notices and warnings"),
        ("-v", "--verbose", "tell what is read, asked and decided, too, and of an error where it was raised"),
    ):
        parser.add_argument(short, name, action="store_true", default=argparse.SUPPRESS, help=meaning)


def print_json(document: Any) -> None:
    """Print the one JSON document of a command."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def agreed(question: str, *, yes: bool) -> bool:
    """Return whether somebody at the terminal agrees to `question`; `yes` says so beforehand.

    Raises:
        ExperimentError: when nobody is there who could be asked.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ExperimentError(f"nobody is here to be asked: {question}", hint="give --yes to do it without asking")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = ""
    try:
        answer = sys.stdin.readline()
    finally:
        if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D: what comes next stands on a line of its own
            say("")
    return answer.strip().lower() in ("y", "yes")


def asker(*, yes: bool) -> Ask:
    """Return what asks a question as `agreed` does."""
    return lambda question: agreed(question, yes=yes)


def program() -> str:
    """Return how a command line of this program begins, so that people can copy it."""
    if shutil.which("hyperscale"):
        return "hyperscale"
    interpreter = Path(sys.executable)
    here = Path.cwd()
    return f"{interpreter.relative_to(here) if interpreter.is_relative_to(here) else interpreter} -m hyperscale"
