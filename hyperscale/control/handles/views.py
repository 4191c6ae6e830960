"""What the methods of an experiment return: values with names, shown as the commands show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hyperscale.control.handles.run import Run
from hyperscale.control.handles.shown import Shown
from hyperscale.control.plan_table import plan_document, plan_line, plan_table
from hyperscale.control.planning import Planned
from hyperscale.control.reading.checked_table import checked_document, checked_lines
from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.summary import summary_lines
from hyperscale.control.trial.figures import Trial
from hyperscale.control.trial.trial_table import measured_document, measured_lines
from hyperscale.control.trial.trying import Tried
from hyperscale.errors import Problem
from hyperscale.plan import Plan
from hyperscale.talk import warning_lines


class Validation(Shown):
    """An experiment that is valid.

    Attributes:
        rows: of its input.
        columns: of its input.
        warnings: what is worth a look, though it is valid.
        document: what `validate --json` prints.
    """

    def __init__(self, checked: CheckedExperiment, warnings: Sequence[Problem]) -> None:
        """Show `checked`."""
        self.rows: int = checked.facts.rows
        self.columns: tuple[str, ...] = tuple(checked.facts.columns)
        self.warnings: tuple[str, ...] = tuple(map(str, warnings))
        self.document: dict[str, Any] = checked_document(checked, warnings)
        self._checked = checked

    def lines(self) -> Iterator[str]:
        """Yield what `validate` prints."""
        yield from warning_lines(self.warnings)
        yield from checked_lines(self._checked)


class ShownPlan(Shown):
    """What a run on Azure ML would make.

    Attributes:
        plan: clusters, nodes, messages.
        warnings: what is worth a look.
        document: what `plan --json` prints.
    """

    def __init__(self, planned: Planned) -> None:
        """Show `planned`."""
        self.plan: Plan = planned.plan
        self.warnings: tuple[str, ...] = tuple(map(str, planned.checked.warnings))
        self.document: dict[str, Any] = plan_document(planned)
        self._planned = planned

    def lines(self) -> Iterator[str]:
        """Yield what `plan` prints."""
        yield from warning_lines(self.warnings)
        yield from plan_table(self._planned)
        yield ""
        yield plan_line(self.plan)


class ShownTrial(Shown):
    """What a run of a few rows has measured.

    Attributes:
        figures: seconds per row, memory, sizes; None when no row had an outcome.
        run: that was made of these rows.
        document: what `trial --json` prints.
    """

    def __init__(self, tried: Tried, full: Planned, run: Run) -> None:
        """Show `tried`, a part of `full`."""
        measured = tried.measured
        self.figures: Trial | None = measured.trial if measured else None
        self.run = run
        self.document = measured_document(measured, full) if measured else dict(tried.results or {})
        self._tried, self._full = tried, full

    def lines(self) -> Iterator[str]:
        """Yield what `trial` prints."""
        tried = self._tried
        if tried.measured:
            yield from measured_lines(tried.measured, tried.planned, self._full, is_here=True)
            yield ""
            yield self.run.last_line
        elif tried.results:
            yield from summary_lines(tried.results)
