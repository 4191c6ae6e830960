"""Which run a step belongs to: the one it is told, or the Azure ML job that it is part of."""

from __future__ import annotations

from collections.abc import Mapping

from hyperscale.errors import HyperscaleError
from hyperscale.ownership import AUTO, run_of_job

_ROOT_RUN_ID = "AZUREML_ROOT_RUN_ID"


def resolve_run_id(run_id: str, environ: Mapping[str, str]) -> str:
    """Return `run_id`; for `auto` the id of the pipeline job, so that each submission is a run of its own.

    Queue names hold no underscore, the service's own job names may.

    Raises:
        HyperscaleError: when it is `auto` outside of an Azure ML job.
    """
    if run_id != AUTO:
        return run_id
    root = environ.get(_ROOT_RUN_ID)
    if not root:
        raise HyperscaleError(
            f"the run id is `auto`, but {_ROOT_RUN_ID} is not set: this is no Azure ML job",
            hint="start the pipeline with `az ml job create`, or here with `hyperscale run`",
        )
    return run_of_job(root, {})
