"""Plans the experiment of a file, and saves a plan so that exactly that is rendered later."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale.azure_plan import AzurePlan
from hyperscale.control.known_sizes import known_capacity
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.rendered.rendering import templates_hash
from hyperscale.control.rendered.staging import code_hash
from hyperscale.cost import unpriced_notes
from hyperscale.errors import RunStateError
from hyperscale.plan import Plan, make_plan
from hyperscale.talk import Say

#: What a saved plan begins with; its value is the version of the format.
_MARK = "hyperscale_plan"
_VERSION = 2


@dataclass(frozen=True)
class Planned:
    """An experiment, checked, with its plan for Azure ML or for this machine.

    Attributes:
        checked: the experiment.
        plan: of it.
        azure: what the plan knows from Azure; None when Azure was not asked.
    """

    checked: CheckedExperiment
    plan: Plan
    azure: AzurePlan | None = None

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
        return self.hashes_beside(None)

    def hashes_beside(self, plan_file: Path | None) -> dict[str, str | None]:
        """Return the same without `plan_file`, where a plan is saved: in the code folder, it would change the code."""
        staged = self.checked.staged
        own = plan_file.resolve() if plan_file else None
        code = tuple(path for path in staged.files if (self.code_folder / path).resolve() != own)
        return {
            "experiment": self.checked.loaded.experiment_hash,
            "input": self.checked.facts.input_hash,
            "code": code_hash(self.code_folder, dataclasses.replace(staged, files=code)),
        }


def plan_offline(checked: CheckedExperiment) -> Planned:
    """Return the plan of `checked` on Azure ML, as far as nobody has to be asked.

    Raises:
        PlanError: when it cannot be placed.
    """
    experiment = checked.loaded.experiment
    compute = experiment.compute
    plan = make_plan(
        experiment,
        checked.facts,
        version=hyperscale.__version__,
        templates_hash=templates_hash(),
        capacity=None if compute.existing else known_capacity(compute.size),
    )
    notes = (*plan.notes, *unpriced_notes(experiment, plan))
    return Planned(checked, dataclasses.replace(plan, notes=notes))


def save_plan(planned: Planned, file: Path) -> None:
    """Write a plan into `file`, for `open_plan`."""
    document = {
        _MARK: _VERSION,
        "experiment_file": _path_from(planned.checked.loaded.file, file.absolute().parent),
        "overrides": list(planned.checked.loaded.overrides),
        "hashes": planned.hashes_beside(file),
        "plan": planned.plan.to_document(),
        "azure": planned.azure.to_document() if planned.azure else None,
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_plan(
    file: Path,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
) -> Planned:
    """Return the plan of `file`: a saved one as it was made, or a new one of an experiment.

    Args:
        file: of a plan, or of an experiment.
        overrides: `key=value` each.
        environ: of a command that talks to Azure; `check_experiment` takes it.
        say: tells people how far a long fetch of remote data is.

    Raises:
        ExperimentError: when the experiment, its input or its code is wrong.
        PlanError: when it cannot be placed.
        RunStateError: when the experiment, its rows, its input or its code has changed since the plan was saved.
        AzureError: when the defaults of az cannot be read.
    """
    saved = _saved(file)
    if saved is None:
        return plan_offline(check_experiment(file, overrides, environ, say=say))
    # Not .../plans/../experiment.yaml, which nobody would type.
    experiment_file = Path(os.path.normpath(file.parent / saved["experiment_file"]))
    checked = check_experiment(experiment_file, [*saved["overrides"], *overrides], environ, say=say)
    azure = AzurePlan.from_document(saved["azure"]) if saved.get("azure") else None
    planned = Planned(checked, Plan.from_document(saved["plan"]), azure)
    changed = [what for what, value in planned.hashes_beside(file).items() if value != saved["hashes"][what]]
    if checked.facts.rows != planned.plan.rows:
        rows = f"the rows ({planned.plan.rows:,} then, {checked.facts.rows:,} now)"
        changed = [rows, *(what for what in changed if what != "input")]
    if changed:
        raise RunStateError(
            f"{' and '.join(changed)} of {checked.loaded.file} changed since the plan {file} was made",
            hint="make the plan again: hyperscale plan --out",
        )
    return planned


def is_saved_plan(file: Path) -> bool:
    """Return whether `file` holds a saved plan; anything else is taken for an experiment."""
    return _saved(file) is not None


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
