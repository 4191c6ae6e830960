"""Checks the code that an experiment names, without running any of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hyperscale.control.reading.entry_point import Definition, DefinitionError, find_definition
from hyperscale.control.reading.group_check import group_problems
from hyperscale.control.reading.import_check import import_problems
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.script_check import script_problems
from hyperscale.control.rendered.environments import node_environment
from hyperscale.control.rendered.staging import check_staged, staged_files
from hyperscale.errors import ExperimentError, HyperscaleError, Problem
from hyperscale.node.working.importing import NEVER_THEIRS
from hyperscale.suggestions import did_you_mean


def check_activity(loaded: LoadedExperiment) -> tuple[Problem, ...]:
    """Return warnings about the code folder and the files of the environment.

    Raises:
        ExperimentError: when something is missing, lies outside the experiment's folder, or may not travel.
    """
    problems = [*_environment_problems(loaded), *group_problems(loaded)]
    warnings: list[Problem] = []
    code = code_folder(loaded)
    message = _folder_problem(loaded, code)
    if message:
        problems.append(loaded.positions.problem(("activity", "code"), message))
    else:
        unfit_for_nodes = [*_staging_problems(loaded, code)]
        problems.extend(unfit_for_nodes)
        _check_entry(loaded, code, problems, warnings)
        problems.extend(script_problems(loaded, code))
        if not unfit_for_nodes:
            absent, perhaps_absent = import_problems(loaded, code)
            problems.extend(absent)
            warnings.extend(perhaps_absent)
        warnings.extend(_hidden_modules(loaded, code))
    if problems:
        raise ExperimentError(
            f"the code of {loaded.positions.file} cannot be used", problems=loaded.positions.sorted(problems)
        )
    return tuple(warnings)


def code_folder(loaded: LoadedExperiment) -> Path:
    """Return the folder of the user's code."""
    return loaded.folder / loaded.experiment.activity.code


def _folder_problem(loaded: LoadedExperiment, code: Path) -> str | None:
    name = loaded.experiment.activity.code
    if not code.is_dir():
        others = [other.name for other in loaded.folder.iterdir() if other.is_dir()]
        return f"there is no folder {name}{did_you_mean(name, others)}"
    if not code.resolve().is_relative_to(loaded.folder.resolve()):
        return f"the folder {name} lies outside {loaded.folder.name or loaded.folder}/, the folder of the experiment"
    return None


def _environment_problems(loaded: LoadedExperiment) -> Iterator[Problem]:
    environment = loaded.experiment.environment
    key, name = next(
        ((key, name) for key in ("conda_file", "requirements") if (name := getattr(environment, key)) is not None),
        ("", ""),
    )
    if name and not (loaded.folder / name).is_file():
        folder = (loaded.folder / name).parent
        others = [other.name for other in folder.iterdir()] if folder.is_dir() else []
        message = f"there is no file {name}{did_you_mean(Path(name).name, others)}"
        yield loaded.positions.problem(("environment", key), message)
        return
    try:
        node_environment(environment, loaded.folder)
    except ExperimentError as error:
        yield from error.problems or [loaded.positions.problem(("environment", key), _with_hint(error))]


def _staging_problems(loaded: LoadedExperiment, code: Path) -> Iterator[Problem]:
    try:
        check_staged(code, staged_files(code))
    except HyperscaleError as error:
        yield loaded.positions.problem(("activity", "code"), _with_hint(error).removeprefix("activity.code: "))


def _with_hint(error: HyperscaleError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def _check_entry(loaded: LoadedExperiment, code: Path, problems: list[Problem], warnings: list[Problem]) -> None:
    entry = loaded.experiment.activity.entry
    if entry is None:
        return
    try:
        definition = find_definition(code, entry)
    except DefinitionError as error:
        if error.line:
            file = (Path(loaded.experiment.activity.code) / str(error.file)).as_posix()
            problems.append(Problem(file, error.line, error.column, "", str(error)))
        else:
            problems.append(loaded.positions.problem(("activity", "entry"), str(error)))
        return
    if loaded.experiment.activity.concurrency > 1:
        problems.extend(_concurrency_problems(loaded, definition))
    if definition is Definition.IMPORTED:
        name = entry.partition(":")[2]
        message = f"{name} is imported there, not defined: whether it exists shows when a worker starts"
        warnings.append(loaded.positions.problem(("activity", "entry"), message))


def _concurrency_problems(loaded: LoadedExperiment, definition: Definition) -> Iterator[Problem]:
    activity = loaded.experiment.activity
    if activity.rows_per_call > 1:
        message = f"calls of one row only can be in flight together, activity.rows_per_call is {activity.rows_per_call}"
        yield loaded.positions.problem(("activity", "concurrency"), message)
    if definition is Definition.PLAIN:
        message = f"{activity.entry} is a plain function, an async one was expected: it waits while others go on"
        yield loaded.positions.problem(("activity", "concurrency"), message)


def _hidden_modules(loaded: LoadedExperiment, code: Path) -> Iterator[Problem]:
    """Warn of modules that no import gives, as Python has others of their names before it looks into any folder."""
    for file in sorted(code.iterdir()):
        is_module = file.suffix == ".py" or (file / "__init__.py").is_file()
        if is_module and file.stem in NEVER_THEIRS - {"__main__"}:
            owner = "hyperscale's own" if file.stem == "hyperscale" else "the standard one"
            name = (Path(loaded.experiment.activity.code) / file.name).as_posix()
            yield Problem(
                name, 0, 0, "", f"`import {file.stem}` gives {owner}, not this one; rename it if others import it"
            )
