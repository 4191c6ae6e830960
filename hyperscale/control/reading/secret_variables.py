"""Tells which secrets of an experiment this machine does not have: it takes them from environment variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.errors import ExperimentError, Problem
from hyperscale.node.storing.credentials import is_node


def missing_secrets(loaded: LoadedExperiment, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each of `activity.secrets` whose variable is not set in `environ`; none on a node."""
    for variable in () if is_node(environ) else loaded.experiment.activity.secrets:
        if variable not in environ:
            message = f"the environment variable {variable} is not set: a run on this machine takes the value from it"
            yield loaded.positions.problem(("activity", "secrets", variable), message)


def check_secrets(loaded: LoadedExperiment, environ: Mapping[str, str]) -> None:
    """See that a run on this machine finds its secrets.

    Raises:
        ExperimentError: when a variable is not set.
    """
    problems = list(missing_secrets(loaded, environ))
    if problems:
        raise ExperimentError(
            f"{loaded.positions.file} needs secrets that this machine does not have",
            problems=problems,
            hint=f"set {', '.join(problem.path.rpartition('.')[2] for problem in problems)} before you run it",
        )
