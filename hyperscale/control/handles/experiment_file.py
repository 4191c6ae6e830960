"""An experiment as Python code holds it: what `load` returns, with what the commands offer as methods."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hyperscale.control import summary
from hyperscale.control.azure.place import find_place
from hyperscale.control.azure.session import open_session
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.handles.executed import execute_here
from hyperscale.control.handles.overriding import as_set
from hyperscale.control.handles.run import Run
from hyperscale.control.handles.shown import block
from hyperscale.control.handles.views import ShownPlan, ShownTrial, Validation
from hyperscale.control.local.launching import Places, plan_run
from hyperscale.control.options import check_seconds_per_row, check_whole_numbers
from hyperscale.control.planning import open_plan, plan_offline
from hyperscale.control.reading.checking import check_experiment
from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.reading.secret_variables import missing_secrets
from hyperscale.control.run_folder import check_machine
from hyperscale.control.run_list import run_folders, runs_of
from hyperscale.control.trial.trying import try_here
from hyperscale.experiment import Experiment
from hyperscale.talk import ASKING, say, say_if_slow, say_warnings

DEFAULT_FILE = "experiment.yaml"


def load(file: str | Path = DEFAULT_FILE, overrides: Mapping[str, Any] | None = None) -> ExperimentFile:
    """Return the experiment of `file`; nothing is run, and its input is not read.

    Args:
        file: experiment.yaml.
        overrides: values in place of the file's, by dotted key: `{"parallelism.workers": 8}`.

    Raises:
        ExperimentError: when anything in the file is wrong; its `problems` are all there are.
    """
    told, path = as_set(overrides), Path(file)
    return ExperimentFile(path, told, load_experiment(path, told).experiment)


def run_experiment(
    file: str | Path = DEFAULT_FILE,
    overrides: Mapping[str, Any] | None = None,
    *,
    rows: int | None = None,
    workers: int | None = None,
    nodes: int = 1,
) -> Run:
    """Run the experiment of `file` on this machine: `load(file, overrides).run(...)`."""
    return load(file, overrides).run(rows=rows, workers=workers, nodes=nodes)


@dataclass(frozen=True, repr=False)
class ExperimentFile:
    """An experiment file and overrides of it; each method reads it, its code and its input as they are then.

    Attributes:
        file: experiment.yaml, as it was given.
        overrides: `key=value` each, as for `--set`.
        experiment: what the file said when it was loaded, with every default.
    """

    file: Path
    overrides: tuple[str, ...]
    experiment: Experiment

    def validate(self) -> Validation:
        """Check the file, each row of its input and its code; nothing is run.

        Raises:
            ExperimentError: when anything is wrong; its `problems` are all there are.
        """
        checked = check_experiment(self.file, self.overrides, say=say)
        return Validation(checked, (*checked.warnings, *missing_secrets(checked.loaded, os.environ)))

    def plan(self, *, azure: bool = False, seconds_per_row: float | None = None) -> ShownPlan:
        """Return what a run on Azure ML would make: clusters, nodes, messages.

        Args:
            azure: ask the workspace for quota, sizes and prices: then time and cost are known, too.
            seconds_per_row: with `azure`, how long a row takes; None: as the last trial measured.

        Raises:
            ExperimentError: when anything of the experiment, or an argument, is wrong.
            PlanError: when it cannot be placed.
            AzureError: when Azure cannot be asked.
        """
        check_seconds_per_row(seconds_per_row, azure=azure)
        environ = os.environ if azure else None
        planned = open_plan(self.file, self.overrides, environ, say)
        if environ is not None:
            from hyperscale.control.azure.azure_planning import plan_from_azure  # half a second: for Azure alone

            with say_if_slow(ASKING):
                planned = plan_from_azure(planned, environ, seconds_per_row)
        return ShownPlan(planned)

    def trial(self, rows: int = 20, *, seed: int = 0, workers: int | None = None) -> ShownTrial:
        """Run the first, the last, the longest and random rows on this machine: what will the full run be like?

        Args:
            rows: how many.
            seed: chooses the random ones.
            workers: rows worked on at the same time; None: up to the cores.

        Raises:
            ExperimentError: when anything of the experiment, or an argument, is wrong.
            HyperscaleError: when the run came to nothing.
            KeyboardInterrupt: when it was interrupted, once it has ended in good order.
        """
        check_whole_numbers(rows=rows, workers=workers)
        with say_if_slow(f"checking {self.file}, and each row of its input"):
            full = plan_offline(check_experiment(self.file, self.overrides, reads="run", say=say))
        tried = try_here(full, self.file, rows=rows, seed=seed, workers=workers, is_terminal=_is_terminal())
        if tried.ending.stop_requests:
            raise KeyboardInterrupt
        summary.verdict(tried.ending, tried.results, tried.folder)
        return ShownTrial(tried, full, self._run(tried.folder.run_id))

    def run(self, *, rows: int | None = None, workers: int | None = None, nodes: int = 1) -> Run:
        """Run it on this machine to its end; rows that failed raise nothing, see `Run.ok`.

        Args:
            rows: only the first so many.
            workers: rows worked on at the same time; None: up to the cores.
            nodes: consumers.

        Raises:
            ExperimentError: when anything of the experiment, or an argument, is wrong.
            HyperscaleError: when the run came to nothing.
            KeyboardInterrupt: when it was interrupted, once it has ended in good order: `resume` goes on with it.
        """
        check_machine()
        check_whole_numbers(rows=rows, workers=workers, nodes=nodes)
        with say_if_slow(f"checking {self.file}, and each row of its input"):
            planned = plan_run(self.file, self._limited(rows), workers=workers, nodes=nodes, say=say)
        folder = execute_here(planned, Places(runs_of(self.file), None, None))
        return self._run(folder.run_id)

    def submit(self, *, rows: int | None = None) -> Run:
        """Submit it to Azure ML, and return at once; `Run.watch` waits for its end. Nobody is asked before.

        Args:
            rows: only the first so many.

        Raises:
            ExperimentError: when anything of the experiment, or an argument, is wrong.
            PlanError: when it does not fit: quota, sizes, limits.
            AzureError: when Azure refuses, or does not answer; what was made is taken back.
        """
        from hyperscale.control.azure.storage_probe import check_storage  # half a second: for Azure alone
        from hyperscale.control.doctor.preflight import refuse_without_identity
        from hyperscale.control.submit.agreed_runs import submit_whole

        check_whole_numbers(rows=rows)
        with say_if_slow(f"checking {self.file}, and each row of its input"):
            planned = open_plan(self.file, self._limited(rows), os.environ, say)
        refuse_without_identity(planned.checked.loaded.experiment)
        say_warnings(planned.checked.warnings)
        with say_if_slow(ASKING):
            session = open_session(find_place(planned.checked.loaded, os.environ))
        with closing(session.workspace.azure):
            with say_if_slow(ASKING):
                check_storage(session)
            journal = submit_whole(planned, session, ask=lambda _: True)
        return self._run(journal.run_id)

    def open_run(self, run: str | None = None) -> Run:
        """Return an earlier run: by its id, here or in the workspace, or the path of its folder; None is the newest.

        Raises:
            RunStateError: when there is no such run.
            AzureError: when the workspace cannot be asked.
        """
        return self._run(run)

    def runs(self) -> list[Run]:
        """Return the runs of this folder, newest first; no store is asked."""
        return [
            Run(folder, partial(find_anywhere, self.file, folder.run_id, os.environ))
            for folder in run_folders(runs_of(self.file))
        ]

    def __repr__(self) -> str:
        """Return what it is called, and where it comes from."""
        return f"<experiment {self.experiment.name}: {', '.join([str(self.file), *self.overrides])}>"

    def _repr_html_(self) -> str:
        what = f"<b>{html.escape(self.experiment.name)}</b> {html.escape(self.experiment.description or '')}"
        return f"<div>{what}</div>{block(' '.join([str(self.file), *self.overrides]))}"

    def _run(self, name: str | None) -> Run:
        return Run.of(find_anywhere(self.file, name, os.environ))

    def _limited(self, rows: int | None) -> tuple[str, ...]:
        return self.overrides if rows is None else (*self.overrides, f"input.limit={rows}")


def _is_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()
