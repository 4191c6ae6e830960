"""`report`: writes one page about a run that is over, which opens from disk and needs no network."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from pathlib import Path

from hyperscale.commands import ASKING, add_json, add_run_anywhere, print_json, program, say_if_slow
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.verdicts import without_results
from hyperscale.control.report.writing import write_report
from hyperscale.control.run_list import read_results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write it to FILE (default: beside the results)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say where it is."""
    with say_if_slow(ASKING):
        found = find_anywhere(arguments.file, arguments.run_name, os.environ)
    with closing(found.folder.store()) as store:
        if read_results(store) is None:
            raise without_results(found, program())
    with say_if_slow(f"reading the ledger of run {found.run_id}"):
        file = write_report(found.folder, arguments.output)
    if arguments.json:
        print_json({"run_id": found.run_id, "report": str(file.absolute())})
    else:
        print(file)
    return 0
