"""Which run a step belongs to: the one it is told, the Azure ML job that it is part of, or a component of that."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from hyperscale.errors import ExperimentError, HyperscaleError
from hyperscale.names import QUEUE, RUN_NAME
from hyperscale.ownership import AUTO, run_of_job

_ROOT_RUN_ID = "AZUREML_ROOT_RUN_ID"
#: Queues are named after runs.
_MAX_LENGTH = 63
_DIGEST = 8


def resolve_run_id(run_id: str, environ: Mapping[str, str], run_name: str = "") -> str:
    """Return `run_id`; for `auto` the id of the pipeline job, so that each submission is a run of its own.

    Queue names hold no underscore, the service's own job names may.

    Args:
        run_id: as the step is told; empty where it is told a name.
        environ: of the process.
        run_name: of a run that is a component of somebody's pipeline: its id is that of the whole job and this.

    Raises:
        ExperimentError: when `run_name` cannot be one.
        HyperscaleError: when it is `auto`, or a name, outside of an Azure ML job; or can be no name of a queue.
    """
    if not run_name and run_id != AUTO:
        return _checked(run_id)
    root = environ.get(_ROOT_RUN_ID)
    if not root:
        said = f"the run is called {run_name!r} in its pipeline" if run_name else "the run id is `auto`"
        raise HyperscaleError(
            f"{said}, but {_ROOT_RUN_ID} is not set: this is no Azure ML job",
            hint="start the pipeline with `az ml job create`, or here with `hyperscale run`",
        )
    return component_run_id(root, run_name) if run_name else _checked(run_of_job(root, {}))


def _checked(run_id: str) -> str:
    """Return `run_id`; queue and folder of the run have its name, and a service that refuses it says not why."""
    if problem := QUEUE.problem(run_id):
        raise HyperscaleError(
            f"the run id cannot name the queue of the run: {problem}",
            hint="submit the pipeline again with another one: az ml job create -f FILE --set inputs.run_id=ID",
        )
    return run_id


def component_run_id(root: str, name: str) -> str:
    """Return the id of the run that is called `name` in the pipeline job `root`: all of its steps find the same one.

    What cannot stand in a queue's name becomes a hyphen. What is too long is cut, and a hash of the whole stands behind
    it.

    Raises:
        ExperimentError: when `name` cannot be one.
    """
    problem = RUN_NAME.problem(name)
    if problem:
        raise ExperimentError(f"input run_name: {problem}", hint="give the component another run_name")
    plain = re.sub("[^a-z0-9]+", "-", f"{root}-{name}".lower()).strip("-")
    if len(plain) <= _MAX_LENGTH:
        return plain
    digest = hashlib.sha256(f"{root}\n{name}".lower().encode()).hexdigest()[:_DIGEST]
    return f"{plain[: _MAX_LENGTH - _DIGEST - 1].rstrip('-')}-{digest}"
