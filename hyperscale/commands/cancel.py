"""`cancel`: ends a run: no more rows are handed out, what is done is collected, then its job is cancelled."""

from __future__ import annotations

import argparse
import os
import sys

from hyperscale.commands import ASKING, add_json, add_run_anywhere, print_json, program, say, say_if_slow
from hyperscale.control.follow.cancelling import cancel
from hyperscale.control.follow.claims import with_all_jobs
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.verdicts import name_in_commands, next_lines
from hyperscale.control.follow.watching import follow
from hyperscale.control.summary import summary_lines
from hyperscale.errors import EXIT_INTERRUPTED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)
    parser.add_argument("--now", action="store_true", help="cancel the job at once; rows in flight are not finished")


def run(arguments: argparse.Namespace) -> int:
    """Cancel it, and wait until it is over."""
    with say_if_slow(ASKING):
        found = with_all_jobs(find_anywhere(arguments.file, arguments.run_name, os.environ))
    again = f"{program()} cancel {name_in_commands(found)}"
    try:
        with follow(found, is_terminal=sys.stderr.isatty() and not arguments.json) as follower:
            results = cancel(found, follower, now=arguments.now)
    except KeyboardInterrupt:
        say(f"left; a run that is cancelled ends by itself. To wait for it, or to make sure: {again}")
        return EXIT_INTERRUPTED
    if arguments.json:
        print_json(results)
    elif results is not None:
        print("\n".join(summary_lines(results)), flush=True)
    if results is not None:
        say(f"results:  {program()} results {name_in_commands(found)}")
        for line in next_lines(found, results, program()):
            say(line)
    return 0
