"""Checks all of an experiment, its file, its input and its code, and tells the problems of all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperscale.control.activity_check import check_activity, code_folder
from hyperscale.control.input_check import check_input
from hyperscale.control.loading import LoadedExperiment, load_experiment
from hyperscale.control.staging import StagedFiles, staged_files
from hyperscale.errors import ExperimentError, Problem
from hyperscale.plan import InputFacts


@dataclass(frozen=True)
class CheckedExperiment:
    """An experiment that can be planned.

    Attributes:
        loaded: what its file says.
        facts: what its input holds.
        staged: what of its code travels to nodes.
        warnings: what is worth a look.
    """

    loaded: LoadedExperiment
    facts: InputFacts
    staged: StagedFiles
    warnings: tuple[Problem, ...]


def check_experiment(file: Path, overrides: Sequence[str] = ()) -> CheckedExperiment:
    """Return the experiment of `file` with `overrides` (`key=value`), checked; nothing is written or run.

    Raises:
        ExperimentError: when anything is wrong; carries every problem of the file, or else of its code and input.
    """
    loaded = load_experiment(file, overrides)
    errors: list[ExperimentError] = []
    facts = None
    warnings = [*loaded.warnings]
    try:
        warnings.extend(check_activity(loaded))
    except ExperimentError as error:
        errors.append(error)
    try:
        facts, input_warnings = check_input(loaded)
        warnings.extend(input_warnings)
    except ExperimentError as error:
        errors.append(error)
    if facts is None or errors:
        raise _merged(loaded, errors)
    return CheckedExperiment(loaded, facts, staged_files(code_folder(loaded)), tuple(warnings))


def _merged(loaded: LoadedExperiment, errors: list[ExperimentError]) -> ExperimentError:
    if len(errors) == 1:
        return errors[0]
    problems = loaded.positions.sorted([problem for error in errors for problem in error.problems])
    return ExperimentError("; ".join(map(str, errors)), problems=problems)
