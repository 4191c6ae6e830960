"""`logs`: shows what rows printed, each attempt with its times and outcome; without a row, what logs there are."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from hyperscale.commands import ASKING, add_json, add_run_anywhere, print_json, program, say_if_slow
from hyperscale.control.failed.failure_lines import failures_document
from hyperscale.control.failed.failures_of import failures_of
from hyperscale.control.failed.log_lines import log_document, log_lines, raw_output
from hyperscale.control.failed.logs_of import logs_of
from hyperscale.control.failed.run_logs import run_log_lines, run_logs
from hyperscale.control.follow.finding import FoundRun, find_anywhere
from hyperscale.control.follow.verdicts import name_in_commands
from hyperscale.control.terminal_text import in_one_line
from hyperscale.errors import ExperimentError
from hyperscale.where import Where
from hyperscale.whole_numbers import whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)
    parser.add_argument(
        "--row",
        metavar="N",
        dest="rows",
        type=_row_index,
        action="append",
        default=[],
        help="the row with this row_index, from 0; may be given several times",
    )
    parser.add_argument(
        "--key", metavar="K", dest="keys", action="append", default=[], help="the row with this value of input.key"
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="only what the rows printed, unchanged: control characters, too, which a terminal obeys",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show them."""
    with say_if_slow(ASKING):
        found = find_anywhere(arguments.file, arguments.run_name, os.environ)
    if not arguments.rows and not arguments.keys:
        if arguments.raw:
            raise ExperimentError("--raw is for what a row printed", hint="name the row: --row N or --key K")
        return _show_run(found, as_json=arguments.json)
    with say_if_slow(f"reading the logs of run {found.run_id}"):
        logs = logs_of(found, arguments.rows, arguments.keys)
    if arguments.json:
        print_json(log_document(logs, found.run_id))
    elif arguments.raw:
        sys.stdout.write(raw_output(logs))
    else:
        print("\n".join(log_lines(logs)))
    return 0


def _show_run(found: FoundRun, *, as_json: bool) -> int:
    run_name = name_in_commands(found)
    with say_if_slow(f"reading the failures of run {found.run_id}"):
        logs, failures = run_logs(found), failures_of(found, Where())
    if as_json:
        groups = failures_document(failures, found.run_id, run_name, program())["groups"]
        print_json({"run_id": found.run_id, **asdict(logs), "failures": groups})
    else:
        print("\n".join(run_log_lines(logs, failures, run_name, program())))
    return 0


def _row_index(text: str) -> int:
    row_index = whole_number(text)
    if row_index is None:
        shown = in_one_line(text, 60)
        raise argparse.ArgumentTypeError(f"{shown!r} is no row_index, which is a whole number from 0 on")
    return row_index
