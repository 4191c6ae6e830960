"""`watch`: shows how far a run is until it is over, from any machine; leaving it does nothing to the run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from hyperscale.commands import ASKING, add_json, add_run_anywhere, program, say, say_if_slow
from hyperscale.control.follow.finding import FoundRun, find_anywhere
from hyperscale.control.follow.look_lines import come_back
from hyperscale.control.follow.verdicts import name_in_commands, next_lines, verdict_of
from hyperscale.control.follow.watching import follow
from hyperscale.control.report.writing import report_line
from hyperscale.control.summary import summary_lines
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
        return _watch(found, as_json=arguments.json)
    except KeyboardInterrupt:
        say(come_back(name_in_commands(found), program()))
        return EXIT_INTERRUPTED


def _watch(found: FoundRun, *, as_json: bool) -> int:
    documents = _print_line if as_json else None
    with follow(found, is_terminal=sys.stderr.isatty(), print_document=documents) as follower:
        look = follower.until(lambda look: look.is_over)
    results = follower.results
    if results is not None and not as_json:
        print("\n".join(summary_lines(results)), flush=True)
    if results is not None:
        say(report_line(found.folder, results, f"{program()} report {name_in_commands(found)}"))
        say(f"results:  {program()} results {name_in_commands(found)}")
        for line in next_lines(found, results, program()):
            say(line)
    return verdict_of(found, look, results, program())


def _print_line(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False), flush=True)
