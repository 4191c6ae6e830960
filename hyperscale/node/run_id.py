"""Which run a step belongs to: the one it is told, or the Azure ML job that it is part of."""

from __future__ import annotations

from collections.abc import Mapping

from hyperscale import names
from hyperscale.errors import HyperscaleError
from hyperscale.ownership import AUTO, run_of_job

_ROOT_RUN_ID = "AZUREML_ROOT_RUN_ID"


def resolve_run_id(run_id: str, environ: Mapping[str, str]) -> str:
    """Return `run_id`; for `auto` the id of the pipeline job, so that each submission is a run of its own.

    Queue names hold no underscore, the service's own job names may.

    Raises:
        HyperscaleError: when it is `auto` outside of an Azure ML job, or can be no name of a queue.
    """
    if run_id != AUTO:
        return _checked(run_id)
    root = environ.get(_ROOT_RUN_ID)
    if not root:
        raise HyperscaleError(
            f"the run id is `auto`, but {_ROOT_RUN_ID} is not set: this is no Azure ML job",
            hint="start the pipeline with `az ml job create`, or here with `hyperscale run`",
        )
    return _checked(run_of_job(root, {}))


def _checked(run_id: str) -> str:
    """Return `run_id`; queue and folder of the run have its name, and a service that refuses it says not why."""
    if problem := names.QUEUE.problem(run_id):
        raise HyperscaleError(
            f"the run id cannot name the queue of the run: {problem}",
            hint="submit the pipeline again with another one: az ml job create -f FILE --set inputs.run_id=ID",
        )
    return run_id
