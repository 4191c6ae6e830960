"""What Azure Machine Learning refuses: names, quota, jobs that cannot be. Each rule names where it is documented.

The rules are written down here once more, apart from hyperscale/names.py: what the product believes is to be tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from emulator.resources import Compute
from emulator.routing import RefusedError
from emulator.world import World

#: how-to-create-attach-compute-cluster.md: 3 to 24 letters, digits and -, from a letter on; a letter after each -.
_COMPUTE_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|-(?=[A-Za-z0-9-]*[A-Za-z])){2,23}")
#: Of jobs and assets; the reference of the REST API has it as ^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$.
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
#: resource-limits-capacity.md.
MAX_TAGS = 50
MAX_TAG_NAME = 100
MAX_TAG_VALUE = 1_000
MAX_EXPERIMENT_NAME = 256
MAX_STEPS = 30_000
#: "RequestContentTooLarge: The request content size exceeds the maximum size of 4 MB.", as people quote it of
#: deployments
#: (Azure/bicep-registry-modules issue 2358). That it holds for jobs, too, is an inference.
MAX_BODY_BYTES = 4 * 1024 * 1024
_SERVERLESS = "serverless"


def check_body(body: bytes) -> None:
    """Refuse what Azure Resource Manager refuses before it reads it."""
    if len(body) > MAX_BODY_BYTES:
        raise RefusedError(413, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB.")


def check_compute_name(name: str) -> None:
    if not _COMPUTE_NAME.fullmatch(name):
        raise RefusedError(
            400, "InvalidComputeName", f"The compute name '{name}' is not valid: it must be 3 to 24 long."
        )


def check_tags(tags: dict[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise RefusedError(400, "UserError", f"There are {len(tags)} tags, at most {MAX_TAGS} are supported.")
    for name, value in tags.items():
        if len(name) > MAX_TAG_NAME or len(str(value)) > MAX_TAG_VALUE:
            raise RefusedError(400, "UserError", f"The tag '{name[:20]}...' is too long.")


def check_new_cluster(world: World, compute: Compute) -> None:
    """Refuse a cluster that Azure would refuse.

    Only the nodes that it needs at once count, and at least one: ClusterMinNodesExceedCoreQuota, as users quote it
    (ansible-collections/azure issue 2209). That max_nodes may be above the quota is an inference.
    """
    if compute.name in world.computes:
        raise RefusedError(409, "Conflict", f"The compute {compute.name} is being deleted, or is another one.")
    if (compute.location, compute.name) in world.foreign_names:
        raise RefusedError(
            409,
            "ComputeNameNotAvailable",
            f"The name {compute.name} is used by another compute in {compute.location}: names are unique in a region.",
        )
    size = _size_for_clusters(world, compute)
    quota = world.catalogue.quotas[compute.location]
    if len(list(world.clusters_in(compute.location))) >= quota.clusters:
        raise RefusedError(400, "ClusterLimitExceeded", f"There are {quota.clusters} computes in the region already.")
    elsewhere = quota.used_elsewhere.get("LowPriority" if compute.tier == "LowPriority" else size.family, 0)
    family = None if compute.tier == "LowPriority" else size.family
    used = world.cores_held(compute.location, compute.tier, family) + elsewhere
    limit = world.cores_limit(compute)
    nodes = max(compute.min_nodes, 1)
    # A limit of the workspace (Quotas - Update) counts beside that of the subscription, for what the workspace holds.
    here = quota.workspace_cores.get(size.family) if compute.tier != "LowPriority" else None
    if here is not None and used - elsewhere + nodes * size.cores > here:
        used, limit = used - elsewhere, here
    if used + nodes * size.cores > limit:
        raise RefusedError(
            400,
            "ClusterCoreQuotaReached",
            f"Operation results in exceeding quota limits of Core for {size.family} in {compute.location}. Maximum "
            f"allowed: {limit}, Current in use: {used}, Additional requested: {nodes * size.cores}.",
        )


def _size_for_clusters(world: World, compute: Compute) -> Any:
    if compute.location not in world.catalogue.quotas:
        raise RefusedError(400, "LocationNotSupported", f"There is no location {compute.location}.")
    size = world.size_of(compute)
    if size is None or not size.supports_clusters:
        raise RefusedError(
            400, "InvalidVmSize", f"The size {compute.size} is not supported for clusters in {compute.location}."
        )
    if compute.tier == "LowPriority" and size.low_priority_usd_per_hour is None:
        raise RefusedError(400, "InvalidVmPriority", f"The size {compute.size} is not offered with low priority.")
    return size


def check_new_job(world: World, name: str, properties: dict[str, Any]) -> None:
    """Refuse a job that Azure would refuse."""
    if not _JOB_NAME.fullmatch(name):
        raise RefusedError(400, "UserError", f"The job name '{name}' is not valid.")
    if len(str(properties.get("experimentName") or "")) > MAX_EXPERIMENT_NAME:
        raise RefusedError(400, "UserError", "The experiment's name is too long.")
    check_tags(properties.get("tags") or {})
    steps = steps_of(properties)
    if len(steps) > MAX_STEPS:
        raise RefusedError(400, "UserError", f"There are {len(steps)} steps, at most {MAX_STEPS} are supported.")
    default = (properties.get("settings") or {}).get("default_compute") or properties.get("computeId")
    for step, document in steps.items():
        _check_assets_of(world, step, document)
        for name, node in _nodes_within(world, step, document):
            _check_compute_of(world, name, node, node.get("computeId") or default)
            _check_assets_of(world, name, node)


def steps_of(properties: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the steps of a job by their names; a job that is no pipeline is its own only step."""
    if properties.get("jobType") == "Pipeline":
        return dict(properties.get("jobs") or {})
    return {"job": properties}


def _nodes_within(world: World, step: str, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the nodes that run somewhere: a step itself, or those of the pipeline component that it is."""
    component = world.asset_of(document.get("componentId") or "")
    specification = (component.properties.get("componentSpec") or {}) if component else {}
    if specification.get("type") != "pipeline":
        yield step, document
        return
    for name, node in specification["jobs"].items():
        yield f"{step}/{name}", node


def _check_compute_of(world: World, step: str, document: dict[str, Any], reference: str | None) -> None:
    if not reference:
        raise RefusedError(400, "UserError", f"The step {step} has no compute.")
    name = reference.rpartition("/")[2].removeprefix("azureml:")
    identity = document.get("identity") or {}
    if name.lower() == _SERVERLESS:
        _check_serverless_identity(world, step, identity)
        return
    compute = world.computes.get(name)
    if compute is None or compute.deleted_at is not None:
        raise RefusedError(400, "ComputeNotFound", f"The compute '{name}' of step {step} was not found.")
    size = world.size_of(compute)
    nodes = int((document.get("resources") or {}).get("instance_count") or 1)
    # As users quote it: MicrosoftLearning/mslearn-dp100 issue 35.
    if size and nodes * size.cores > world.cores_limit(compute):
        raise RefusedError(
            400,
            "JobNodeCountExceedsCoreQuota",
            f"The quota of {world.cores_limit(compute)} vCPUs for {compute.location} is less than the requested job "
            f"node count of {nodes} which maps to {nodes * size.cores} vCPUs.",
        )


def _check_serverless_identity(world: World, step: str, identity: dict[str, Any]) -> None:
    """Refuse an identity that a serverless step cannot have.

    "When you have a workspace configured with user-assigned managed identity, you can use that identity with the
    serverless job"; a system-assigned one is not supported (how-to-use-serverless-compute.md). A step that names none
    has none (azure-sdk-for-python issues 31071 and 32921). What the service says is not recorded.
    """
    if not is_managed(identity):
        return
    there = [one.client_id for one in world.workspace.identities]
    wanted = identity.get("client_id")
    if not there or (wanted and wanted not in there):
        raise RefusedError(
            400, "UserError", f"The step {step}: the workspace has no user-assigned identity {wanted or 'of its own'}."
        )


def is_managed(identity: dict[str, Any]) -> bool:
    """Return whether a step asks for a managed identity."""
    kind = identity.get("identity_type") or identity.get("identityType") or identity.get("type")
    return str(kind).lower() in ("managed", "managed_identity")


def _check_assets_of(world: World, step: str, document: dict[str, Any]) -> None:
    for reference in references_of(document):
        if is_ours(reference) and world.asset_of(reference) is None:
            raise RefusedError(400, "UserError", f"The asset {reference} of step {step} was not found.")
    component = world.asset_of(document.get("componentId") or "")
    if component:
        specification = component.properties.get("componentSpec") or {}
        for reference in references_of(specification):
            if is_ours(reference) and world.asset_of(reference) is None:
                raise RefusedError(400, "UserError", f"The asset {reference} of a component was not found.")


def references_of(document: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of the assets that a step, or the specification of a component, names."""
    for key in ("componentId", "environmentId", "codeId", "environment", "code"):
        if isinstance(document.get(key), str):
            yield document[key]


def is_ours(reference: str) -> bool:
    """Return whether an id is of an asset of this workspace: those of registries and of Azure are taken as they are."""
    return "/versions/" in reference and "registries/" not in reference and "/AzureML-" not in reference
