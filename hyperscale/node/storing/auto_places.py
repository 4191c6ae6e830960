"""Where `auto` is: the storage account of the workspace that a job is part of, as the node's identity looks it up."""

from __future__ import annotations

from collections.abc import Mapping

from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.azure.azure_job import PIPELINE_VARIABLE, WORKSPACE_VARIABLES, AzureJob, find_job
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.storing.credentials import node_credential
from hyperscale.node.storing.places import AUTO, DEFAULT_CONTAINER, is_auto

#: Seed and teardown alone ask Resource Manager: the identity of consumers has no right of it.
WHO = "the managed identity of seed and teardown"
_GIVE_AN_ACCOUNT = "give azure.storage_account in experiment.yaml and render again"


def open_workspace(job: AzureJob, environ: Mapping[str, str]) -> Workspace:
    """Return the workspace of `job`, asked as the identity of seed and teardown; nothing is asked yet."""
    advice = "give the control cluster a user-assigned identity: compute.control.identity, or compute.identity"
    name = WorkspaceName(job.subscription_id, job.resource_group, job.workspace_name)
    return Workspace(ResourceManager(node_credential(environ), who=WHO, advice=advice), name)


def resolve_places(queue: str, store: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the URLs of `queue` and `store`; `auto` is looked up, by one request for both.

    Args:
        queue: a folder, a URL, or `auto`.
        store: the same; with `auto/CONTAINER` that container of the workspace's own account.
        environ: of the process.

    Raises:
        HyperscaleError: when this is no job of Azure ML.
        AzureError: when the workspace cannot be asked.
    """
    if not (is_auto(queue) or is_auto(store)):
        return queue, store
    job = find_job(environ)
    if job is None:
        named = ", ".join((*WORKSPACE_VARIABLES, PIPELINE_VARIABLE))
        raise HyperscaleError(
            f"queue or store is `{AUTO}`, and not all of {named} are set: the workspace of the job is not known",
            hint=f"in a job of Azure ML, {_GIVE_AN_ACCOUNT}; on this machine use `hyperscale run`",
        )
    account = _own_account(job, environ)
    if is_auto(queue):
        queue = f"https://{account}.queue.core.windows.net"
    if is_auto(store):
        container = store.partition("/")[2] or DEFAULT_CONTAINER
        store = f"https://{account}.blob.core.windows.net/{container}"
    return queue, store


def _own_account(job: AzureJob, environ: Mapping[str, str]) -> str:
    """Return the storage account of the workspace."""
    workspace = open_workspace(job, environ)
    try:
        facts = workspace.facts()
        problem = None if facts else "there is no such workspace, or it may not be seen"
    except AzureError as error:
        facts, problem = None, str(error)
    finally:
        workspace.azure.close()
    if facts is None or not facts.storage_account:
        raise AzureError(
            f"the storage account of workspace {job.workspace_name} cannot be looked up: {problem or 'it has none'}",
            hint=f"assign the role AzureML Data Scientist on the workspace to {WHO} "
            f"(`hyperscale doctor --print-setup`); or {_GIVE_AN_ACCOUNT}",
        )
    return facts.storage_account
