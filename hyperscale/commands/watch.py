"""`watch`: shows how far a run is until it is over, from any machine; leaving it does nothing to the run."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from hyperscale.commands import ASKING, add_json, add_run_anywhere, program, say, say_if_slow
from hyperscale.commands.followed_runs import watch_to_its_end
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.look_lines import come_back
from hyperscale.control.follow.verdicts import name_in_commands
from hyperscale.errors import EXIT_INTERRUPTED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch it to its end, and return the exit code that its rows earn."""
    with say_if_slow(ASKING):
        found = find_anywhere(arguments.file, arguments.run_name, os.environ)
    try:
        documents = _print_line if arguments.json else None
        return watch_to_its_end(found, as_json=arguments.json, print_document=documents)
    except KeyboardInterrupt:
        say(come_back(name_in_commands(found), program()))
        return EXIT_INTERRUPTED


def _print_line(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False), flush=True)
