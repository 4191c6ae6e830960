"""The environment variables of a step on a node: those of the service, of its component, and no others. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: What stands in DEFAULT_IDENTITY_CLIENT_ID where a node has no identity (azure-sdk-for-python issue 36047).
NO_CLIENT_ID = "clientid"
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def node_variables(
    *,
    run_id: str,
    root_run_id: str,
    workspace: Mapping[str, str],
    experiment: str,
    tracking: str,
    client_id: str | None,
    found: Mapping[str, str],
    own: Mapping[str, str],
    folder: Path,
    python: Path,
) -> dict[str, str]:
    """Return all that a step knows of its surroundings.

    Args:
        run_id, root_run_id: of the step and of its pipeline.
        workspace: subscription_id, resource_group and name.
        experiment: of the pipeline.
        tracking: where MLflow logs to.
        client_id: of the identity that it works as; None when it has none.
        found: by which it finds Azure: host names, certificates, the endpoint of its identity.
        own: what component and job set.
        folder: of the step, for its home and its temporary files.
        python: the interpreter that stands in for the image's.
    """
    return {
        "PATH": os.pathsep.join((str(python.parent), *_SYSTEM_PATH)),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "AZUREML_RUN_ID": run_id,
        "AZUREML_ROOT_RUN_ID": root_run_id,
        "AZUREML_ARM_SUBSCRIPTION": workspace["subscription_id"],
        "AZUREML_ARM_RESOURCEGROUP": workspace["resource_group"],
        "AZUREML_ARM_WORKSPACE_NAME": workspace["name"],
        "AZUREML_EXPERIMENT_NAME": experiment,
        "MLFLOW_TRACKING_URI": tracking,
        "DEFAULT_IDENTITY_CLIENT_ID": client_id or NO_CLIENT_ID,
        **found,
        **own,
    }
