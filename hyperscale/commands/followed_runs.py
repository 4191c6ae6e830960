"""What `watch` and `submit --watch` share: to follow a run to its end, and to tell what it came to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from hyperscale.commands import program, say
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.verdicts import name_in_commands, next_lines, verdict_of
from hyperscale.control.follow.watching import follow
from hyperscale.control.report.writing import report_line, write_report_at_end
from hyperscale.control.summary import summary_lines


def watch_to_its_end(
    found: FoundRun, *, as_json: bool, print_document: Callable[[dict[str, Any]], None] | None = None
) -> int:
    """Follow a run until it is over, and return the exit code that its rows earn.

    Args:
        found: the run.
        as_json: whether stdout is for documents alone: then the summary is not printed.
        print_document: takes each look.
    """
    with follow(found, is_terminal=sys.stderr.isatty(), print_document=print_document) as follower:
        look = follower.until(lambda look: look.is_over)
    results = follower.results
    if results is not None and not as_json:
        print("\n".join(summary_lines(results)), flush=True)
    if results is not None:
        report = write_report_at_end(found.folder, results)
        say(report_line(report, f"{program()} report {name_in_commands(found)}"))
        say(f"results:  {program()} results {name_in_commands(found)}")
        for line in next_lines(found, results, program()):
            say(line)
    return verdict_of(found, look, results, program())
