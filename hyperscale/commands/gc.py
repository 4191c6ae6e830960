"""`gc`: lists what runs have left behind in the workspace, and deletes it after asking."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import time
from contextlib import closing

from hyperscale.commands import ASKING, add_file_of_workspace, add_json, agreed, print_json, say, say_if_slow
from hyperscale.control.azure.session import Session
from hyperscale.control.follow.clearing import delete_left, unfinished_here
from hyperscale.control.follow.finding import find_session
from hyperscale.control.follow.left_behind import LeftBehind, left_behind, older_than
from hyperscale.control.follow.left_lines import left_lines
from hyperscale.control.follow.left_queues import left_queues
from hyperscale.control.run_list import runs_of
from hyperscale.control.terminal_text import in_one_line
from hyperscale.figures import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_file_of_workspace(parser)
    parser.add_argument("--older-than", metavar="HOURS", type=_hours, help="only what is at least so old")
    parser.add_argument("--yes", action="store_true", help="delete it without asking")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List it; delete it when that is agreed to."""
    now = time.time()
    with say_if_slow(ASKING):
        session = find_session(arguments.file, os.environ)
    with closing(session.workspace.azure):
        return _collect(arguments, session, now)


def _collect(arguments: argparse.Namespace, session: Session, now: float) -> int:
    found = _look(arguments, session, now)
    if arguments.json:
        print_json([left.to_document() for left in found])
    elif found:
        print("\n".join(left_lines(found, now, shutil.get_terminal_size((1_000, 24)).columns)), flush=True)
    if not found:
        say(f"nothing is left behind in workspace {session.place.workspace.name}")
    elif arguments.json and not arguments.yes:
        say("nothing was deleted; with --yes it is")  # a program reads the list: nobody is to be asked
    elif agreed(f"delete {counted(len(found), 'thing')}?", yes=arguments.yes):
        if not arguments.yes:  # while the question stood, a job may have come that needs some of it
            listed = {(left.kind, left.name) for left in found}
            found = [left for left in _look(arguments, session, now) if (left.kind, left.name) in listed]
        delete_left(session, found, say)
    else:
        say("nothing was deleted; with --yes it is")
    return 0


def _look(arguments: argparse.Namespace, session: Session, now: float) -> list[LeftBehind]:
    with say_if_slow(ASKING):
        unfinished = unfinished_here(runs_of(arguments.file))
        found = [*left_behind(session, now=now, unfinished=unfinished), *left_queues(session)]
    return older_than(found, arguments.older_than, now)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise argparse.ArgumentTypeError(f"{in_one_line(text, 60)!r} is not a number of hours from 0 on")
    return hours
