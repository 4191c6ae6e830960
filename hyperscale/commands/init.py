"""`init`: makes a new experiment folder that runs as it stands."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from hyperscale.commands import add_json, print_json, program, say
from hyperscale.control.new_folder import make_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take DIR."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to make; the experiment is named after it")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the folder; say what to do next."""
    files = make_folder(arguments.folder)
    if arguments.json:
        print_json({"folder": str(arguments.folder), "files": [path.as_posix() for path in files]})
        return 0
    for path in files:
        print(arguments.folder / path)
    say(f"\nRun it:  {program()} run {shlex.quote(str(arguments.folder / 'experiment.yaml'))}")
    return 0
