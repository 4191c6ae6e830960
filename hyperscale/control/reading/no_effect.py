"""Names the keys of an experiment that are valid, and change nothing beside its other keys."""

from __future__ import annotations

from collections.abc import Iterator

from hyperscale.control.reading.positions import Positions, ValuePath
from hyperscale.errors import Problem
from hyperscale.experiment import Experiment
from hyperscale.uris import is_uri


def warnings_of(experiment: Experiment, positions: Positions) -> Iterator[Problem]:
    """Yield a warning for each key that was given and has no effect; `positions` knows which were given."""
    for path, message in _without_effect(experiment):
        if path in positions.values:
            yield positions.problem(path, message)


def _without_effect(experiment: Experiment) -> Iterator[tuple[ValuePath, str]]:
    compute = experiment.compute
    if not is_uri(experiment.input.place):
        yield ("input", "rows"), "is for remote inputs alone; the rows of a local input are counted"
    if compute.serverless:
        why = "has no effect on serverless nodes: a spare job would not wait, but get a node of its own"
        yield ("compute", "spare_consumers"), why
    elif compute.tier == "dedicated":
        yield ("compute", "spare_consumers"), "has no effect on dedicated nodes: they are not taken away"
    if compute.serverless or compute.existing:
        yield ("compute", "locations"), "has no effect: the run makes no clusters of its own"
    if experiment.environment.conda_file:
        why = "has no effect beside conda_file, which brings an interpreter of its own"
        yield ("environment", "python"), why
