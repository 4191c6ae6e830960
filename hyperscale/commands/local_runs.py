"""What `run`, `retry` and `trial` share: they execute a run on this machine, and tell how it ended."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from hyperscale import whole_numbers
from hyperscale.commands import print_json, program, say
from hyperscale.control import summary
from hyperscale.control.local.drill import Drill
from hyperscale.control.local.executing import execute, results_of_life
from hyperscale.control.local.local_run import Ending
from hyperscale.control.report.writing import report_line, write_report_at_end
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import name_of
from hyperscale.control.terminal_text import in_one_line
from hyperscale.errors import EXIT_INTERRUPTED


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Take `--workers` and `--nodes`: how much of this machine a run takes."""
    parser.add_argument(
        "--workers",
        metavar="N",
        type=whole_number,
        help="rows worked on at the same time (default: parallelism.workers, at most the cores)",
    )
    parser.add_argument("--nodes", metavar="N", type=whole_number, default=None, help="consumers (default: 1)")


def whole_number(text: str) -> int:
    """Return the number, from 1 on, that an option was given."""
    number = whole_numbers.whole_number(text)
    if not number:
        shown = in_one_line(text, 60)
        raise argparse.ArgumentTypeError(
            f"{shown!r} is not a whole number from 1 on, of at most {whole_numbers.MAX_DIGITS} digits"
        )
    return number


def execute_and_tell(folder: RunFolder, lock: int, *, as_json: bool, drill: Drill | None = None) -> int:
    """Execute a run that was made, or resumed, to its end; return the exit code that its rows earn."""
    ending = execute(folder, lock, is_terminal=sys.stdout.isatty() and sys.stderr.isatty(), drill=drill)
    return tell_end(ending, results_of_life(folder, ending), folder, as_json=as_json)


def tell_end(ending: Ending, results: dict[str, Any] | None, folder: RunFolder, *, as_json: bool) -> int:
    """Print what a run came to, and what helps now; return the exit code that its rows earn."""
    for line in summary.step_lines(ending, folder):
        say(line)
    if results is not None:
        print_results(results, as_json=as_json)
        report = write_report_at_end(folder, results)
        say(report_line(report, f"{program()} report {shlex.quote(name_of(folder))}"))
    if ending.errors or ending.broken or results is None or summary.exit_code(results):
        tell_log(folder)
    for line in summary.next_commands(ending, results, name_of(folder), program()):
        say(line)
    if ending.stop_requests:
        return EXIT_INTERRUPTED
    return summary.verdict(ending, results, folder)


def print_results(results: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the summary of a run, whose last line is the countable one; or its one document."""
    if as_json:
        print_json(results)
    else:
        print("\n".join(summary.summary_lines(results)), flush=True)


def tell_log(folder: RunFolder) -> None:
    """Say where the log of a run is, if this machine has it."""
    if folder.log.exists():
        say(f"log:      {folder.log}")
