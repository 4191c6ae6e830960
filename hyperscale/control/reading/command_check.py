"""Checks the command of an activity against the columns of its input."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hyperscale.command_template import SPECIAL_NAMES, unknown_names
from hyperscale.control.reading.code_places import code_places
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.errors import ExperimentError, Problem
from hyperscale.suggestions import did_you_mean


def check_command(loaded: LoadedExperiment, columns: Collection[str]) -> None:
    """See that an activity that is a command can be filled with rows of these `columns`; one that is none passes.

    Raises:
        ExperimentError: when it cannot; carries every problem.
    """
    problems = list(_problems(loaded, columns))
    if problems:
        message = f"the command of {loaded.positions.file} cannot be filled"
        raise ExperimentError(message, problems=loaded.positions.sorted(problems))


def _problems(loaded: LoadedExperiment, columns: Collection[str]) -> Iterator[Problem]:
    activity, problem = loaded.experiment.activity, loaded.positions.problem
    if activity.command is None:
        return
    for key in ("rows_per_call", "concurrency"):
        given = getattr(activity, key)
        if given > 1:
            yield problem(("activity", key), f"a command is run for one row at a time, activity.{key} is {given}")
    for name in dict.fromkeys(unknown_names(activity.command, columns)):
        known = [*columns, *SPECIAL_NAMES]
        guess = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        yield problem(("activity", "command"), f"{{{name}}} is no column of the input{guess}")
    hidden = [name for name in SPECIAL_NAMES if name in columns and f"{{{name}}}" in activity.command]
    for name in hidden:
        if name != loaded.experiment.input.key:
            what = f"{{{name}}} is not the column {name}: it has a meaning of its own; rename the column"
            yield problem(("activity", "command"), what)
    for what in dict.fromkeys(code_places(activity.command, columns)):
        yield problem(("activity", "command"), what)
