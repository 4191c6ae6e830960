"""Checks all of an experiment, its file, its input and its code, and tells the problems of all of them at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale.control.azure.az_defaults import with_az_defaults
from hyperscale.control.reading.activity_check import check_activity, code_folder
from hyperscale.control.reading.command_check import check_command
from hyperscale.control.reading.input_check import check_input
from hyperscale.control.reading.loading import LoadedExperiment, load_experiment
from hyperscale.control.remote.fetching import with_remote
from hyperscale.control.remote.remote_data import Reads
from hyperscale.control.rendered.staging import StagedFiles, staged_files
from hyperscale.errors import ExperimentError, Problem
from hyperscale.input_facts import InputFacts
from hyperscale.node.control import Selection
from hyperscale.row_set import RowSet
from hyperscale.talk import Say

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelectedRows:
    """The rows of a run that does not have all of its input, and why it has these."""

    selection: Selection
    rows: RowSet


@dataclass(frozen=True)
class CheckedExperiment:
    """An experiment that can be planned.

    Attributes:
        loaded: what its file says.
        facts: what its input holds.
        staged: what of its code travels to nodes.
        warnings: what is worth a look.
        selected: of a retry or a trial, the rows that it has; `facts` counts them.
    """

    loaded: LoadedExperiment
    facts: InputFacts
    staged: StagedFiles
    warnings: tuple[Problem, ...]
    selected: SelectedRows | None = None


def check_experiment(
    file: Path,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    reads: Reads = "plan",
    say: Say = lambda _: None,
) -> CheckedExperiment:
    """Return the experiment of `file` with `overrides` (`key=value`), checked; nothing is run.

    Nothing is written but copies of remote data, into the folder `.hyperscale` beside the file.

    Args:
        file: of the experiment.
        overrides: as given to `--set`.
        environ: of a command that talks to Azure: says where az keeps its defaults, which are read then.
        reads: how much of remote data the command needs on this machine.
        say: tells people how far a long fetch is.

    Raises:
        ExperimentError: when anything is wrong; carries every problem of the file, or else of its code and input.
        AzureError: when the defaults of az cannot be read.
    """
    loaded = load_experiment(file, overrides)
    if environ is not None:
        loaded = with_az_defaults(loaded, environ)
    return check_loaded(loaded, reads=reads, say=say)


def check_loaded(loaded: LoadedExperiment, *, reads: Reads = "plan", say: Say = lambda _: None) -> CheckedExperiment:
    """Return the experiment `loaded` with its input and code checked, as `check_experiment` does.

    Raises:
        ExperimentError: when anything of them is wrong; carries every problem.
    """
    errors: list[ExperimentError] = []
    facts = None
    warnings = [*loaded.warnings]
    try:
        warnings.extend(check_activity(loaded))
    except ExperimentError as error:
        errors.append(error)
    try:
        loaded = with_remote(loaded, reads, say)
        facts, input_warnings = check_input(loaded)
        check_command(loaded, facts.columns)
        warnings.extend(input_warnings)
    except ExperimentError as error:
        errors.append(error)
    if facts is None or errors:
        raise _merged(loaded, errors)
    staged = staged_files(code_folder(loaded))
    place = loaded.experiment.input.place
    logger.debug("input %s: %s rows of %d columns, hash %s", place, facts.rows, len(facts.columns), facts.input_hash)
    logger.debug("code %s: %d files of %d bytes", code_folder(loaded), len(staged.files), staged.total_bytes)
    return CheckedExperiment(loaded, facts, staged, tuple(warnings))


def with_selected(checked: CheckedExperiment, selected: SelectedRows) -> CheckedExperiment:
    """Return `checked` with these rows of its input alone."""
    return replace(checked, facts=replace(checked.facts, rows=selected.rows.count, estimated=False), selected=selected)


def _merged(loaded: LoadedExperiment, errors: list[ExperimentError]) -> ExperimentError:
    if len(errors) == 1:
        return errors[0]
    problems = loaded.positions.sorted([problem for error in errors for problem in error.problems])
    return ExperimentError("; ".join(map(str, errors)), problems=problems)
