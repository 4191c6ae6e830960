"""Plans the experiment of a file, and saves a plan so that exactly that is rendered later."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale.control.checking import CheckedExperiment, check_experiment
from hyperscale.control.rendering import templates_hash
from hyperscale.control.staging import code_hash
from hyperscale.errors import RunStateError
from hyperscale.plan import Plan, make_plan

#: What a saved plan begins with; its value is the version of the format.
_MARK = "hyperscale_plan"
_VERSION = 1


@dataclass(frozen=True)
class Planned:
    """An experiment, checked, with its plan for Azure ML or for this machine."""

    checked: CheckedExperiment
    plan: Plan

    @property
    def code_folder(self) -> Path:
        """Return the user's code folder."""
        return self.checked.loaded.folder / self.checked.loaded.experiment.activity.code

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the user should know before this is executed."""
        return (*map(str, self.checked.warnings), *self.plan.notes)

    @property
    def hashes(self) -> dict[str, str | None]:
        """Return what must not change between a plan and its rendering."""
        return {
            "experiment": self.checked.loaded.experiment_hash,
            "input": self.checked.facts.input_hash,
            "code": code_hash(self.code_folder, self.checked.staged),
        }


def save_plan(planned: Planned, file: Path, overrides: Sequence[str]) -> None:
    """Write a plan into `file`, for `open_plan`; `overrides` are those that it was made with."""
    document = {
        _MARK: _VERSION,
        "experiment_file": _path_from(planned.checked.loaded.file, file.absolute().parent),
        "overrides": list(overrides),
        "hashes": planned.hashes,
        "plan": planned.plan.to_document(),
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_plan(file: Path, overrides: Sequence[str] = ()) -> Planned:
    """Return the plan of `file`: a saved one as it was made, or a new one of an experiment.

    Raises:
        ExperimentError: when the experiment, its input or its code is wrong.
        PlanError: when it cannot be placed.
        RunStateError: when the experiment, its input or its code has changed since the plan was saved.
    """
    saved = _saved(file)
    if saved is None:
        checked = check_experiment(file, overrides)
        experiment = checked.loaded.experiment
        version = hyperscale.__version__
        return Planned(checked, make_plan(experiment, checked.facts, version=version, templates_hash=templates_hash()))
    checked = check_experiment(file.parent / saved["experiment_file"], [*saved["overrides"], *overrides])
    planned = Planned(checked, Plan.from_document(saved["plan"]))
    changed = [what for what, value in planned.hashes.items() if value != saved["hashes"][what]]
    if changed:
        raise RunStateError(
            f"{' and '.join(changed)} of {checked.loaded.file} changed since the plan {file} was made",
            hint="make the plan again: hyperscale plan --out",
        )
    return planned


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
