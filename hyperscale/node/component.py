"""A run that is a component of somebody's pipeline: which one, and that no other component has the same run id."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from hyperscale import blobs
from hyperscale.errors import AzureError, ExperimentError
from hyperscale.node.azure.azure_job import AzureJob, step_name
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.storing.stores import Store

logger = logging.getLogger(__name__)


def component_of(workspace: Workspace, job: AzureJob, environ: Mapping[str, str]) -> str:
    """Return the run id of the component that this step of `job` is in.

    It is empty where run history knows none between the step and the whole job, or cannot be asked.
    """
    step = step_name(environ)
    try:
        parent = workspace.parent(step) if step else ""
    except AzureError as error:
        logger.warning("which component this step is in is not known: %s", error)
        return ""
    return "" if parent == job.pipeline else parent


def claim_run(store: Store, run_id: str, run_name: str, owner: str) -> None:
    """See that the run in `store` is of `owner`: the first one that asks has it.

    Args:
        store: of the run.
        run_id: of it.
        run_name: the input that it was made from.
        owner: the component, or the step, that asks; not empty.

    Raises:
        ExperimentError: when it is of another component of the same pipeline.
    """
    name = blobs.COMPONENT
    if store.create(name, json.dumps({"owner": owner, "run_name": run_name}).encode()):
        return
    claimed = json.loads(store.read(name))
    if claimed.get("owner") != owner:
        raise ExperimentError(
            f"run {run_id} is of another component of this pipeline: both have the run_name {run_name!r}",
            hint="give each component of a pipeline a run_name of its own",
        )
