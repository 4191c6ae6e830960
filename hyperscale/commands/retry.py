"""`retry`: makes a new run of just the failed and missing rows of a run, with the code and the file as they are now."""

from __future__ import annotations

import argparse
import os

from hyperscale.commands import (
    add_json,
    add_run_anywhere,
    add_set,
    add_where,
    asker,
    print_json,
    program,
    say,
    say_if_slow,
)
from hyperscale.commands.local_runs import add_workers, execute_and_tell
from hyperscale.control.follow.finding import FoundRun, find_anywhere
from hyperscale.control.local.launching import Places, launched, plan_here
from hyperscale.control.options import check_workers_here
from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.retrying import check_again
from hyperscale.control.run_folder import check_machine
from hyperscale.errors import EXIT_SUCCESS
from hyperscale.figures import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_set(parser)
    add_json(parser)
    add_where(parser)
    parser.add_argument("--yes", action="store_true", help="of a run on Azure ML: do not ask before it is submitted")
    add_workers(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run them where the run was, and return the exit code that all rows together earn."""
    parent = find_anywhere(arguments.file, arguments.run_name, os.environ)
    check_workers_here(arguments.workers, arguments.nodes, azure=parent.azure is not None)
    with say_if_slow(f"looking for the failed and missing rows of run {parent.run_id}"):
        checked = check_again(parent, arguments.file, arguments.overrides, arguments.conditions, os.environ, say)
    if checked is None:
        which = " that meets --where" if arguments.conditions else ""
        say(f"run {parent.run_id} has no failed or missing row{which}: nothing to retry")
        if arguments.json:
            print_json({"run_id": None, "retry_of": parent.run_id})
        return EXIT_SUCCESS
    rows = counted(checked.facts.rows, "row")
    say(f"{rows} of run {parent.run_id} again, with the code and the file as they are now")
    return _submit(checked, parent, arguments) if parent.azure else _execute(checked, parent, arguments)


def _execute(checked: CheckedExperiment, parent: FoundRun, arguments: argparse.Namespace) -> int:
    check_machine()
    planned = plan_here(checked, workers=arguments.workers, nodes=arguments.nodes or 1)
    with launched(planned, Places.of(parent.folder)) as (folder, lock):
        return execute_and_tell(folder, lock, as_json=arguments.json)


def _submit(checked: CheckedExperiment, parent: FoundRun, arguments: argparse.Namespace) -> int:
    # Half a second to import, and more that comes with it: for runs on Azure ML alone.
    from hyperscale.control.submit.agreed_runs import submit_selected

    journal = submit_selected(checked, ask=asker(yes=arguments.yes), beside=parent.folder.store_url)
    if arguments.json:
        print_json({"run_id": journal.run_id, "studio_url": journal.studio_url, "rows": checked.facts.rows})
    else:
        print(f"Submitted run {journal.run_id}: {counted(checked.facts.rows, 'row')}.")
    say(f"watch:    {program()} watch {journal.run_id}")
    return EXIT_SUCCESS
