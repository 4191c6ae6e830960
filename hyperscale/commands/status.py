"""`status`: one look at a run, from any machine."""

from __future__ import annotations

import argparse
import os

from hyperscale.commands import ASKING, add_json, add_run_anywhere, print_json, say_if_slow
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.look_lines import status_lines
from hyperscale.control.follow.watching import look_once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look at it once."""
    with say_if_slow(ASKING):
        look = look_once(find_anywhere(arguments.file, arguments.run_name, os.environ))
    if arguments.json:
        print_json(look.to_document())
    else:
        print("\n".join(status_lines(look)))
    return 0
