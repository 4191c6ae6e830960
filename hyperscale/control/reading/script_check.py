"""Checks an activity that is a parallel job's script, without running any of it, and the keys that belong to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hyperscale.control.reading.entry_point import DefinitionError, check_script
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.errors import Problem
from hyperscale.program_arguments import OUTPUTS, argument_problems, mount_place


def script_problems(loaded: LoadedExperiment, code: Path) -> Iterator[Problem]:
    """Yield what is wrong with the parallel script of an experiment, or with its keys; `code` is the code folder."""
    experiment, problem = loaded.experiment, loaded.positions.problem
    activity = experiment.activity
    script = activity.parallel_script
    if script is None:
        if activity.error_on_missing:
            message = "is for a parallel_script alone: a function that has no result for a row raises an exception"
            yield problem(("activity", "error_on_missing"), message)
        return
    try:
        check_script(code, script)
    except DefinitionError as error:
        if error.line:
            file = (Path(activity.code) / str(error.file)).as_posix()
            yield Problem(file, error.line, error.column, "", str(error))
        else:
            yield problem(("activity", "parallel_script"), str(error))
    if activity.concurrency > 1:
        message = f"a parallel script gets one mini batch at a time, activity.concurrency is {activity.concurrency}"
        yield problem(("activity", "concurrency"), f"{message}; let more workers share a node")
    places = [OUTPUTS, *map(mount_place, experiment.mounts)]
    for name, what in argument_problems(activity.arguments, places):
        yield problem(("activity", "arguments", name), what)
