"""Runs rows of a run again, or goes on with it, as `retry` and `run --resume` do."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hyperscale.control.follow.finding import FoundRun, find_anywhere
from hyperscale.control.handles.executed import execute_here, execute_made, tell_report
from hyperscale.control.local.launching import Places, plan_here
from hyperscale.control.local.resume import prepare_resume_here
from hyperscale.control.options import check_whole_numbers, check_workers_here
from hyperscale.control.retrying import check_again
from hyperscale.control.run_folder import check_machine
from hyperscale.talk import say


def retry(
    parent: FoundRun, overrides: Sequence[str], conditions: Sequence[str], *, workers: int | None
) -> FoundRun | None:
    """Run the failed and missing rows of `parent` again, where it was; return that run, None when there are none.

    Args:
        parent: that is over.
        overrides: `key=value` each.
        conditions: of `--where`.
        workers: of this machine; None: up to its cores.

    Raises:
        RunStateError: when the run still goes on, or its input has changed.
        ExperimentError: when the experiment or an argument is wrong, or a condition cannot be read.
    """
    check_whole_numbers(workers=workers)
    check_workers_here(workers, azure=parent.azure is not None)
    checked = check_again(parent, parent.file, overrides, conditions, os.environ, say)
    if checked is None:
        say(f"run {parent.run_id} has no failed or missing row that is meant: nothing to retry")
        return None
    if parent.azure:
        # Half a second to import, and more that comes with it: for runs on Azure ML alone.
        from hyperscale.control.submit.agreed_runs import submit_selected

        journal = submit_selected(checked, ask=lambda _: True, beside=parent.folder.store_url)
        return find_anywhere(parent.file, journal.run_id, os.environ)
    check_machine()
    planned = plan_here(checked, workers=workers, nodes=1)
    folder = execute_here(planned, Places.of(parent.folder))
    return find_anywhere(parent.file, str(folder.path), os.environ)


def resume(found: FoundRun) -> None:
    """Go on with a run of this machine whose processes are gone; nothing happens when it is complete.

    Raises:
        RunStateError: when it still goes on, or is on Azure ML.
        HyperscaleError: when it came to nothing.
        KeyboardInterrupt: when it was interrupted, once it has ended in good order.
    """
    with found.folder.lock() as lock:
        results = prepare_resume_here(found.folder)
        if results is None:
            execute_made(found.folder, lock)
            return
    say(f"run {found.run_id} is complete: nothing is left to run")
    tell_report(found.folder, results)
