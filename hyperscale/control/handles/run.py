"""A run as Python code holds it: its proved counts, results, failures, and what can be done with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperscale.control.failed.failures_of import failures_of
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.verdicts import verdict_of, without_results
from hyperscale.control.follow.watching import follow
from hyperscale.control.handles.again import resume, retry
from hyperscale.control.handles.executed import tell_report
from hyperscale.control.handles.failure_groups import FailureGroups, failed_table
from hyperscale.control.handles.overriding import as_set, conditions
from hyperscale.control.handles.shown import PROGRAM
from hyperscale.control.handles.shown_run import run_html, run_text
from hyperscale.control.report.writing import write_report
from hyperscale.control.results_table import read_table, to_pandas
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.summary import exit_code, summary_lines
from hyperscale.errors import EXIT_SUCCESS, IncompleteRunError
from hyperscale.where import read_where

if TYPE_CHECKING:
    import pandas

    from hyperscale.control.results_table import Table


class RowCounts(NamedTuple):
    """The proved count of a run: `total` is the sum of the others."""

    total: int
    succeeded: int
    failed: int
    missing: int


class Run:
    """One run, on this machine or on Azure ML.

    Figures of a run that goes on do not exist yet: what needs them raises RunStateError, and `watch` waits for its end.
    """

    def __init__(self, folder: RunFolder, find: Callable[[], FoundRun]) -> None:
        """Hold the run in `folder`; what is told by its manifest alone is asked of `find`, when it is needed first."""
        self._folder, self._find = folder, find

    @classmethod
    def of(cls, found: FoundRun) -> Run:
        """Hold a run that was found."""
        return cls(found.folder, lambda: found)

    @cached_property
    def _found(self) -> FoundRun:
        return self._find()

    @property
    def run_id(self) -> str:
        """Its id."""
        return self._folder.run_id

    @property
    def folder(self) -> Path:
        """What this machine has of it."""
        return self._folder.path

    @property
    def counts(self) -> RowCounts:
        """How many rows succeeded, failed and are missing.

        Raises:
            RunStateError: when it has no results yet.
        """
        rows = self._results()["rows"]
        return RowCounts(*(int(rows[name]) for name in RowCounts._fields))

    @property
    def outcome(self) -> str:
        """How it ended: succeeded, incomplete, cancelled or limit.

        Raises:
            RunStateError: when it has no results yet.
        """
        return str(self._results()["outcome"])

    @property
    def ok(self) -> bool:
        """Whether it is over, and every row succeeded."""
        results = self._results_or_none()
        return results is not None and exit_code(results) == EXIT_SUCCESS

    @property
    def last_line(self) -> str:
        """The countable line that a command ends with.

        Raises:
            RunStateError: when it has no results yet.
        """
        return summary_lines(self._results())[-1]

    def raise_if_incomplete(self) -> Run:
        """Return itself if every row succeeded.

        Raises:
            IncompleteRunError: when rows failed or are missing.
            RunStateError: when it has no results yet.
        """
        results = self._results()
        if exit_code(results) != EXIT_SUCCESS:
            raise IncompleteRunError(
                "\n".join([f"run {self.run_id}:", *summary_lines(results)]),
                hint="run.failure_groups() tells why rows failed, run.retry() runs them again",
            )
        return self

    def results(self) -> Table:
        """Return the collected results as a table of pyarrow; `to_pandas` returns the same.

        Raises:
            RunStateError: when it has none yet.
        """
        self._results()
        with closing(self._folder.store()) as store:
            return read_table(self._folder, store)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the collected results as a DataFrame.

        Raises:
            RunStateError: when it has none yet.
            HyperscaleError: when pandas is not installed.
        """
        return to_pandas(self.results())

    def failures(self) -> Table:
        """Return the failed rows as a table of pyarrow: which, why, and the signature of their group.

        Raises:
            RunStateError: when it has no results yet.
        """
        self._results()
        return failed_table(self._found)

    def failure_groups(self, where: str | Sequence[str] = ()) -> FailureGroups:
        """Return why rows failed, grouped; of a run that goes on, as far as is known.

        Args:
            where: conditions as for `retry`.

        Raises:
            ExperimentError: when a condition cannot be read.
        """
        return FailureGroups(failures_of(self._found, read_where(conditions(where))), self._found)

    def watch(self) -> Run:
        """Show how far it is until it is over, write its report, and return it; an interrupt ends the watching alone.

        Raises:
            RunStateError: when it has left no results.
            TeardownError: when clusters of it still hold quota.
            AzureError: when Azure cannot be asked.
        """
        with follow(self._found, is_terminal=sys.stderr.isatty()) as follower:
            look = follower.until(lambda look: look.is_over)
        if follower.results is not None:
            tell_report(self._folder, follower.results)
        verdict_of(self._found, look, follower.results, PROGRAM)
        return self

    def retry(
        self,
        where: str | Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
        *,
        workers: int | None = None,
    ) -> Run:
        """Run the failed and missing rows again, with the code and the file as they are now, where this run was.

        Args:
            where: `type=ValueError`, `signature=ab12cd34`, `rows=100-200`, `key=a7`, or several of them.
            overrides: as for `load`.
            workers: rows worked on at the same time; None: up to the cores. Of a run of this machine alone.

        Returns:
            The new run, whose figures are of all rows together; on Azure ML it is submitted then, and `watch` waits for
            it. Itself when there is nothing to retry.

        Raises:
            RunStateError: when it still goes on, or its input has changed.
            ExperimentError: when the experiment or an argument is wrong, or a condition cannot be read.
        """
        again = retry(self._found, as_set(overrides), conditions(where), workers=workers)
        return self if again is None else Run.of(again)

    def resume(self) -> Run:
        """Go on with a run of this machine whose processes are gone, with the code that it began with.

        Raises:
            RunStateError: when it still goes on, or is on Azure ML: `retry` runs the missing rows there.
            HyperscaleError: when it came to nothing.
            KeyboardInterrupt: when it was interrupted, once it has ended in good order.
        """
        resume(self._found)
        return self

    def report(self, file: str | Path | None = None) -> Path:
        """Write the page about it, and return where it is.

        Args:
            file: None: beside the results.

        Raises:
            RunStateError: when it has no results yet, or the file cannot be written.
        """
        self._results()
        return write_report(self._folder, None if file is None else Path(file))

    def __repr__(self) -> str:
        """Return its id and what it came to."""
        return run_text(self._folder)

    def _repr_html_(self) -> str:
        return run_html(self._folder)

    def _results(self) -> dict[str, Any]:
        results = self._results_or_none()
        if results is None:
            raise without_results(self._found, PROGRAM)
        return results

    def _results_or_none(self) -> dict[str, Any] | None:
        with closing(self._folder.store()) as store:
            return read_results(store)
