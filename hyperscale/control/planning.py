"""Plans an experiment that was read from a file, and saves a plan so that exactly that is rendered later."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.control.input_check import check_input

import hyperscale
from hyperscale.control.loading import LoadedExperiment, load_experiment
from hyperscale.control.rendering import templates_hash
from hyperscale.control.staging import StagedFiles, check_staged, staged_files
from hyperscale.errors import Problem, RunStateError
from hyperscale.plan import InputFacts, Plan, make_plan

#: What a saved plan begins with; its value is the version of the format.
_MARK = "hyperscale_plan"
_VERSION = 1


@dataclass(frozen=True)
class Planned:
    """An experiment with its plan, and what the plan was made from.

    Attributes:
        loaded: the experiment.
        facts: of its input; None when the plan was saved.
        staged: what of its code travels to nodes; None when the plan was saved.
        plan: of it.
        warnings: of the file and the input.
    """

    loaded: LoadedExperiment
    facts: InputFacts | None
    staged: StagedFiles | None
    plan: Plan
    warnings: tuple[Problem, ...]

    @property
    def code_folder(self) -> Path:
        """Return the user's code folder."""
        return self.loaded.folder / self.loaded.experiment.activity.code


def plan_file(file: Path, overrides: tuple[str, ...] = ()) -> Planned:
    """Return the plan for Azure ML of the experiment in `file`.

    Raises:
        ExperimentError: when the experiment or its input is wrong.
        PlanError: when it cannot be placed.
    """
    loaded = load_experiment(file, overrides)
    facts, warnings = check_input(loaded)
    folder = loaded.folder / loaded.experiment.activity.code
    staged = staged_files(folder)
    check_staged(folder, staged)
    plan = make_plan(loaded.experiment, facts, version=hyperscale.__version__, templates_hash=templates_hash())
    return Planned(loaded, facts, staged, plan, (*loaded.warnings, *warnings))


def save_plan(planned: Planned, file: Path, overrides: tuple[str, ...]) -> None:
    """Write a plan into `file`, for `open_plan`."""
    document = {
        _MARK: _VERSION,
        "experiment_file": _path_from(planned.loaded.file, file.absolute().parent),
        "overrides": list(overrides),
        "experiment_hash": planned.loaded.experiment_hash,
        "plan": planned.plan.to_document(),
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_plan(file: Path, overrides: tuple[str, ...] = ()) -> Planned:
    """Return the plan of `file`: a saved one as it was made, or a new one of an experiment.

    Raises:
        ExperimentError: when the experiment is wrong.
        PlanError: when it cannot be placed.
        RunStateError: when the experiment has changed since the plan was saved.
    """
    document = _saved(file)
    if document is None:
        return plan_file(file, overrides)
    loaded = load_experiment(file.parent / document["experiment_file"], [*document["overrides"], *overrides])
    if loaded.experiment_hash != document["experiment_hash"]:
        raise RunStateError(
            f"{loaded.file} has changed since the plan {file} was made",
            hint="make the plan again: hyperscale plan --out",
        )
    return Planned(loaded, None, None, Plan.from_document(document["plan"]), loaded.warnings)


def _saved(file: Path) -> dict[str, Any] | None:
    """Return what a saved plan says, None when `file` is no saved plan."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or _MARK not in document:
        return None
    if document[_MARK] != _VERSION:
        raise RunStateError(
            f"{file} was saved by another version of hyperscale", hint="make the plan again: hyperscale plan --out"
        )
    return document


def _path_from(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive of Windows
        return str(path)
