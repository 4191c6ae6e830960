"""`failures`: shows why rows of a run failed, by reason, and the command that runs each failure group again."""

from __future__ import annotations

import argparse
import os

from hyperscale.commands import ASKING, add_json, add_run_anywhere, add_where, print_json, program, say_if_slow
from hyperscale.control.failed.failure_lines import failure_lines, failures_document
from hyperscale.control.failed.failures_of import failures_of
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.verdicts import name_in_commands
from hyperscale.where import read_where


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_where(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show them."""
    where = read_where(arguments.conditions)
    with say_if_slow(ASKING):
        found = find_anywhere(arguments.file, arguments.run_name, os.environ)
    with say_if_slow(f"reading the failures of run {found.run_id}"):
        failures = failures_of(found, where)
    run_name = name_in_commands(found)
    if arguments.json:
        print_json(failures_document(failures, found.run_id, run_name, program()))
    else:
        print("\n".join(failure_lines(failures, run_name, program())))
    return 0
