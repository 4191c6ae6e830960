"""Tries a few rows of an experiment on this machine, and keeps what that measured beside the experiment."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.control import summary
from hyperscale.control.local.executing import execute, results_of_life
from hyperscale.control.local.launching import Places, launched, plan_here
from hyperscale.control.local.local_run import Ending
from hyperscale.control.planning import Planned
from hyperscale.control.run_folder import RunFolder, check_machine
from hyperscale.control.run_list import runs_of
from hyperscale.control.trial.figures import keep_trial
from hyperscale.control.trial.measures import Measured, measure, outcomes_of
from hyperscale.control.trial.trial_rows import with_trial_rows
from hyperscale.figures import counted
from hyperscale.ledger import SUCCEEDED
from hyperscale.talk import say


@dataclass(frozen=True)
class Tried:
    """A trial that was run.

    Attributes:
        folder: of its run.
        planned: its rows.
        ending: how its steps ended.
        results: run_results.json; None when there is none.
        measured: None when no row had an outcome, or it was stopped.
    """

    folder: RunFolder
    planned: Planned
    ending: Ending
    results: Mapping[str, Any] | None
    measured: Measured | None


def try_here(full: Planned, file: Path, *, rows: int, seed: int, workers: int | None, is_terminal: bool) -> Tried:
    """Run some rows of `full` on this machine; figures are kept unless it was stopped.

    Args:
        full: all of the experiment.
        file: of it.
        rows: so many.
        seed: chooses the random ones of them.
        workers: rows worked on at the same time; None: up to the cores.
        is_terminal: whether a bar can be drawn.

    Raises:
        ExperimentError: when something of the experiment cannot be rendered or staged.
        HyperscaleError: when this machine cannot run steps.
    """
    check_machine()
    planned = plan_here(with_trial_rows(full.checked, rows, seed), workers=workers, nodes=1)
    told = f" tries {counted(planned.plan.rows, 'row')} of {full.plan.rows_text}"
    with launched(planned, Places(runs_of(file), None, None), told) as (folder, lock):
        ending = execute(folder, lock, is_terminal=is_terminal)
    for line in summary.step_lines(ending, folder):
        say(line)
    results = results_of_life(folder, ending)
    measured = None if ending.stop_requests else keep_measured(folder, planned, full, measured_on=_this_machine())
    return Tried(folder, planned, ending, results, measured)


def keep_measured(folder: RunFolder, tried: Planned, full: Planned, *, measured_on: str) -> Measured | None:
    """Keep what a trial that has ended measured, and return it; None when no row had an outcome."""
    with closing(folder.store()) as store:
        outcomes = outcomes_of(store)
        if not outcomes:
            return None
        trial = measure(store, outcomes, tried.checked, measured_on=measured_on)
    keep_trial(full.checked, trial)
    return Measured(trial, next((found for found in outcomes if found["outcome"] != SUCCEEDED), None))


def _this_machine() -> str:
    return f"this machine ({counted(os.cpu_count() or 1, 'core')}, {platform.machine() or 'unknown'})"
