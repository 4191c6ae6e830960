"""`init`: makes a new experiment folder that runs as it stands: of an example, or of a function that exists."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hyperscale.commands import add_json, print_json, program, say
from hyperscale.commands.local_runs import whole_number
from hyperscale.control.making.folder import check_place, make_folder
from hyperscale.control.making.found_function import FoundFunction, find_function
from hyperscale.control.making.function_files import about_code
from hyperscale.control.making.wishes import (
    DEFAULT_WORKERS,
    EXAMPLES,
    ROWS,
    Choice,
    Wish,
    example_of,
    picked,
    work_on,
    worker_count,
)
from hyperscale.errors import HyperscaleError

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take DIR, and what it is to be like; without that, three questions are asked at a terminal."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to make; the experiment is named after it")
    wanted = parser.add_mutually_exclusive_group()
    shown = "; ".join(f"{name}: {meaning}" for name, meaning in EXAMPLES.items())
    wanted.add_argument("--example", choices=tuple(EXAMPLES), help=f"what the folder is an example of. {shown}")
    wanted.add_argument(
        "--from-function",
        metavar="MODULE:NAME",
        help="call this function, which is read and not run; its parameters become the columns of the rows",
    )
    parser.add_argument("--workers", metavar="N", type=whole_number, help="rows worked on at the same time")
    parser.add_argument("--yes", action="store_true", help="ask nothing: without another option, the example `table`")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the folder; say what to do next."""
    check_place(arguments.folder)
    wish = _wish(arguments)
    # As `python` would find it: what is here comes first.
    here = [Path.cwd(), *(Path(entry) for entry in sys.path if entry)]
    function = find_function(wish.function, here) if wish.function else None
    files = make_folder(arguments.folder, wish, function)
    if arguments.json:
        print_json({"folder": str(arguments.folder), "files": [path.as_posix() for path in files]})
        return 0
    for path in files:
        print(arguments.folder / path)
    for line in _about(function) if function else ():
        say(line)
    say(f"\nRun it:  {program()} run {shlex.quote(str(arguments.folder / 'experiment.yaml'))}")
    return 0


def _wish(arguments: argparse.Namespace) -> Wish:
    """Return what is wished for: by options, else by whoever sits at the terminal, else the usual."""
    workers = arguments.workers or DEFAULT_WORKERS
    if arguments.from_function:
        return Wish(function=arguments.from_function, workers=workers)
    is_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    if arguments.example or arguments.yes or arguments.json or not is_terminal:
        return Wish(example=arguments.example or Wish.example, workers=workers)
    rows = _choose(ROWS)
    possible = work_on(rows)
    work = _choose(possible) if len(possible.answers) > 1 else next(iter(possible.answers))
    if work == "existing":
        reference = _ask("Which function? module:name", lambda answer: answer if ":" in answer else None)
        return Wish(function=reference, workers=workers)
    if not arguments.workers:
        workers = _ask(f"How many workers, at the same time? [{DEFAULT_WORKERS}]", worker_count)
    return Wish(example=example_of(rows, work), workers=workers)


def _choose(choice: Choice) -> str:
    lines = [f"  {number} {meaning}" for number, meaning in enumerate(choice.answers.values(), 1)]
    return _ask("\n".join([choice.question, *lines, "[1]"]), lambda answer: picked(answer, choice))


def _ask(question: str, understand: Callable[[str], T | None]) -> T:
    """Ask until an answer is understood.

    Raises:
        HyperscaleError: when there are no more answers (Ctrl-D).
    """
    while True:
        sys.stderr.write(f"{question} ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            say("")
            raise HyperscaleError("nobody answered", hint="nothing was made; with --yes nothing is asked")
        understood = understand(answer.strip())
        if understood is not None:
            return understood
        say(f"{answer.strip()!r} is no answer to that")


def _about(function: FoundFunction) -> list[str]:
    """Return what there is to know of a folder for a function that exists."""
    guessed = [each.name for each in function.columns if each.is_guess]
    verb = "is" if len(guessed) == 1 else "are"
    guess = f"warning: nothing says of which type {', '.join(guessed)} {verb}: rows.csv has numbers" if guessed else ""
    return [about_code(function).replace("`", ""), *filter(None, [guess])]
