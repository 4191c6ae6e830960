"""`gc`: lists what runs have left behind in the workspace, and deletes it after asking."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

from hyperscale.commands import DEFAULT_FILE, add_json, agreed, print_json, say
from hyperscale.control.follow.clearing import delete_left, unfinished_here
from hyperscale.control.follow.finding import find_session
from hyperscale.control.follow.left_behind import left_behind, older_than
from hyperscale.control.follow.left_lines import left_lines
from hyperscale.control.follow.left_queues import left_queues
from hyperscale.control.run_list import runs_of
from hyperscale.control.summary import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--file",
        metavar="FILE",
        type=Path,
        default=DEFAULT_FILE,
        help="the experiment, which names the workspace (default: ./experiment.yaml)",
    )
    parser.add_argument("--older-than", metavar="HOURS", type=float, help="only what is at least so old")
    parser.add_argument("--yes", action="store_true", help="delete it without asking")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List it; delete it when that is agreed to."""
    session = find_session(arguments.file, os.environ)
    now = time.time()
    unfinished = unfinished_here(runs_of(arguments.file))
    found = [*left_behind(session, now=now, unfinished=unfinished), *left_queues(session)]
    found = older_than(found, arguments.older_than, now)
    if arguments.json:
        print_json([left.to_document() for left in found])
    elif found:
        print("\n".join(left_lines(found, now, shutil.get_terminal_size((1_000, 24)).columns)), flush=True)
    if not found:
        say(f"nothing is left behind in workspace {session.place.workspace.name}")
    elif agreed(f"delete {count(len(found), 'thing')}?", yes=arguments.yes):
        delete_left(session, found, say)
    else:
        say("nothing was deleted; with --yes it is")
    return 0
