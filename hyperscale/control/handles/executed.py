"""Executes a run of this machine for Python code: made, shown while it goes on, and judged as a command judges it."""

from __future__ import annotations

import sys
from typing import Any

from hyperscale.control import summary
from hyperscale.control.local.executing import execute, results_of_life
from hyperscale.control.local.launching import Places, launched
from hyperscale.control.planning import Planned
from hyperscale.control.report.writing import report_line, write_report_at_end
from hyperscale.control.run_folder import RunFolder
from hyperscale.talk import say


def execute_here(planned: Planned, places: Places) -> RunFolder:
    """Make a new run of `planned`, execute it to its end, and return where it lies.

    Raises:
        ExperimentError: when something of the experiment cannot be rendered or staged, or seed refuses its input.
        HyperscaleError: when the run came to nothing.
        KeyboardInterrupt: when it was interrupted, once it has ended in good order.
    """
    with launched(planned, places) as (folder, lock):
        execute_made(folder, lock)
    return folder


def execute_made(folder: RunFolder, lock: int) -> None:
    """Execute a run that was made, or resumed, to its end; errors are those of `execute_here`."""
    ending = execute(folder, lock, is_terminal=sys.stdout.isatty() and sys.stderr.isatty())
    results = results_of_life(folder, ending)
    for line in summary.step_lines(ending, folder):
        say(line)
    if results is not None:
        tell_report(folder, results)
    if ending.stop_requests:
        say(f"run {folder.run_id} was interrupted; what is done is kept: open_run().resume() goes on with it")
        raise KeyboardInterrupt
    summary.verdict(ending, results, folder)


def tell_report(folder: RunFolder, results: dict[str, Any]) -> None:
    """Write the report of a run that is over, and say where it is."""
    say(report_line(write_report_at_end(folder, results), "run.report()"))
