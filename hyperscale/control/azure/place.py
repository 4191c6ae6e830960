"""Which workspace and storage account an experiment uses, and who said so.

Each key of `azure` has, in this order: the value of `--set`, of the experiment file, of the nearest config.json of
Azure ML (`workspace_file`), of the defaults of az (`az_defaults`).

The first three belong to the experiment: `load_experiment` fills them in, so that `plan` and `render` name clusters
after the workspace, and the committed files are the same for everybody who has the same folder. The defaults of az
belong to one person's machine: if they went into rendered files, each member of a team would render others. They are
read only by commands that talk to Azure (`find_place`, `check_experiment(..., environ)`).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from hyperscale.control.azure.az_defaults import with_az_defaults
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.workspace_file import KEYS
from hyperscale.errors import AzureError
from hyperscale.node.azure.workspace import WorkspaceName

logger = logging.getLogger(__name__)

THE_WORKSPACES_OWN = "the workspace's own"


@dataclass(frozen=True)
class AzurePlace:
    """Where a run on Azure ML goes.

    Attributes:
        workspace: its subscription, resource group and name.
        storage_account: of the store; None is the workspace's own.
        queue_account: of the queue; None is the storage account.
        container: of the store.
        sources: key of `azure` to who gave its value, for people; every key of `azure` is in it.
    """

    workspace: WorkspaceName
    storage_account: str | None
    queue_account: str | None
    container: str
    sources: Mapping[str, str]


def find_place(loaded: LoadedExperiment, environ: Mapping[str, str]) -> AzurePlace:
    """Return where the experiment goes; `environ` says where az keeps its defaults.

    Raises:
        AzureError: when a part of the workspace's name is given nowhere, or a default of az can be none.
    """
    complete = with_az_defaults(loaded, environ)
    azure = complete.experiment.azure
    missing = [key for key in KEYS if getattr(azure, key) is None]
    if missing:
        raise AzureError(
            f"no {' and no '.join(f'azure.{key}' for key in missing)}: nobody says which workspace to use",
            hint=f"give it in {loaded.file.name} under azure:, or put the config.json of the workspace (the studio "
            "offers it for download) beside it; `hyperscale doctor` shows what is found",
        )
    workspace = WorkspaceName(str(azure.subscription_id), str(azure.resource_group), str(azure.workspace_name))
    for key, source in sources_of(complete).items():
        logger.debug("azure.%s is that of %s", key, source)
    return AzurePlace(workspace, azure.storage_account, azure.queue_account, azure.container, sources_of(complete))


def sources_of(loaded: LoadedExperiment) -> dict[str, str]:
    """Return who gave the value of each key of `azure`; "nobody" for one that has none."""
    azure, given = loaded.experiment.azure, loaded.azure_sources
    defaults = {
        "storage_account": THE_WORKSPACES_OWN,
        "queue_account": "azure.storage_account" if azure.storage_account else THE_WORKSPACES_OWN,
        "container": "the default",
    }
    keys = (field.name for field in dataclasses.fields(azure))
    return {key: given.get(key) or defaults.get(key) or "nobody" for key in keys}
