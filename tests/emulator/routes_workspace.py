"""The workspace, quota and sizes of its locations, its datastores, and where run history is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.catalogue import DEDICATED, LOW_PRIORITY
from emulator.routing import API_HOST, ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

#: Ours, besides those that azure-ai-ml 1.35 sends.
OURS = "2024-04-01"
_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
_ACTION = "Microsoft.MachineLearningServices"
#: What the names of quota look like is not documented, these are assumed: plans must not lean on them.
LOW_PRIORITY_TOTAL = "TotalLowPriorityCores"
DEDICATED_TOTAL = "TotalDedicatedCores"
CLUSTERS = "Clusters"


def get_workspace(service: Service, request: Request) -> Answer:
    workspace = service.world.workspace
    group = workspace.group_path
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/{workspace.registry}"
    properties: dict[str, Any] = {
        "friendlyName": workspace.name,
        "workspaceId": workspace.workspace_id,
        "provisioningState": "Succeeded",
        "storageAccount": workspace.storage_path,
        "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/{workspace.key_vault}",
        "applicationInsights": f"{group}/providers/Microsoft.Insights/components/{workspace.name}-insights",
        "discoveryUrl": f"{workspace.api_url}/discovery",
        "mlFlowTrackingUri": f"azureml://{workspace.location}.api.azureml.ms/mlflow/v1.0{workspace.path}",
        "publicNetworkAccess": "Enabled" if workspace.public_network else "Disabled",
        "systemDatastoresAuthMode": "identity" if service.world.identity_datastores else "accesskey",
    }
    if workspace.registry:
        properties["containerRegistry"] = registry
    return Answer(
        document={
            "id": workspace.path,
            "name": workspace.name,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": workspace.location,
            "identity": {"type": "SystemAssigned", "tenantId": service.world.directory.tenant_id},
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "tags": {},
            "properties": properties,
        }
    )


def discovery(service: Service, request: Request) -> Answer:
    url = service.world.workspace.api_url
    return Answer(document={"api": url, "history": url, "experimentation": url, "pipelines": url})


def list_usages(service: Service, request: Request) -> Answer:
    location = _location(service, request)
    world = service.world
    quota = world.catalogue.quotas[location]
    kind = "Microsoft.MachineLearningServices/usages"

    def entry(name: str, said: str, used: int, limit: int) -> dict[str, Any]:
        path = (
            f"/subscriptions/{world.workspace.subscription_id}/providers/{_ACTION}/locations/{location}/usages/{name}"
        )
        value = {"value": name, "localizedValue": said}
        return {"id": path, "type": kind, "unit": "Count", "currentValue": used, "limit": limit, "name": value}

    elsewhere = quota.used_elsewhere
    low_priority = world.cores_held(location, LOW_PRIORITY) + elsewhere.get(LOW_PRIORITY, 0)
    dedicated = {
        family: world.cores_held(location, DEDICATED, family) + elsewhere.get(family, 0)
        for family in world.catalogue.families(location)
    }
    clusters = len(list(world.clusters_in(location)))
    total = sum(dedicated.values())
    return Answer(
        document={
            "value": [
                entry(CLUSTERS, "Clusters", clusters, quota.clusters),
                entry(DEDICATED_TOTAL, "Total Cluster Dedicated Regional vCPUs", total, quota.total_dedicated_cores),
                entry(
                    LOW_PRIORITY_TOTAL,
                    "Total Cluster LowPriority Regional vCPUs",
                    low_priority,
                    quota.low_priority_cores,
                ),
                *(
                    entry(family, _family_words(family), used, quota.dedicated_cores.get(family, 0))
                    for family, used in dedicated.items()
                ),
            ]
        }
    )


def _family_words(family: str) -> str:
    """Return how people read a family: standardFSv2Family is Standard FSv2 Family Cluster Dedicated vCPUs."""
    short = family.removeprefix("standard").removesuffix("Family").removeprefix("Standard").strip()
    return f"Standard {short} Family Cluster Dedicated vCPUs"


def list_sizes(service: Service, request: Request) -> Answer:
    location = _location(service, request)
    return Answer(document={"value": [size.document() for size in service.world.catalogue.sizes[location].values()]})


def _location(service: Service, request: Request) -> str:
    location = request.parts["location"].replace(" ", "").lower()
    if location not in service.world.catalogue.quotas:
        known = ", ".join(service.world.catalogue.quotas)
        raise RefusedError(
            404,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location '{location}' and API version "
            f"'{request.api_version}'. The supported locations are '{known}'.",
        )
    return location


def datastore_container(service: Service, name: str) -> str | None:
    """Return the container of a datastore of the workspace; None when there is no such datastore."""
    workspace_id = service.world.workspace.workspace_id
    return {"workspaceblobstore": f"azureml-blobstore-{workspace_id}", "workspaceartifactstore": "azureml"}.get(name)


def list_datastores(service: Service, request: Request) -> Answer:
    names = ["workspaceblobstore"]
    if request.query.get("isDefault", "").lower() != "true":
        names.append("workspaceartifactstore")
    return Answer(document={"value": [_datastore(service, name) for name in names]})


def get_datastore(service: Service, request: Request) -> Answer:
    return Answer(document=_datastore(service, request.parts["name"]))


def list_datastore_secrets(service: Service, request: Request) -> Answer:
    """Give away the key of a datastore, or a signature made with it, to who asks for one that expires."""
    container = datastore_container(service, request.parts["name"])
    if container is None:
        raise RefusedError(404, "UserError", f"Could not find datastore {request.parts['name']}.")
    if not service.world.shared_keys or service.world.identity_datastores:
        raise RefusedError(400, "UserError", "No secrets for credentials of type None.")
    if request.document.get("expirableSecret"):
        document = {"secretsType": "Sas", "sasToken": service.storage.signature(container)}
    else:
        document = {"secretsType": "AccountKey", "key": service.storage.azurite.key}
    return Answer(document=document)


def _datastore(service: Service, name: str) -> dict[str, Any]:
    container = datastore_container(service, name)
    if container is None:
        raise RefusedError(404, "UserError", f"Could not find datastore {name}.")
    service.storage.container(container)
    workspace = service.world.workspace
    return {
        "id": f"{workspace.path}/datastores/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/datastores",
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": workspace.storage_account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "isDefault": name == "workspaceblobstore",
            "credentials": {"credentialsType": "None" if service.world.identity_datastores else "AccountKey"},
            "subscriptionId": workspace.subscription_id,
            "resourceGroup": workspace.resource_group,
            "serviceDataAccessAuthIdentity": "None",
            "tags": {},
        },
    }


def _arm(method: str, template: str, handler: Handler, action: str, *versions: str, at: str = WORKSPACE) -> Route:
    return Route(method, ARM_HOST, template, handler, frozenset({OURS, *versions}), ARM, f"{_ACTION}/{action}", at)


_DATASTORES = f"{WORKSPACE}/datastores"
ROUTES = (
    _arm("GET", WORKSPACE, get_workspace, "workspaces/read", "2023-08-01-preview", "2024-10-01-preview"),
    Route("GET", API_HOST, "/discovery", discovery, frozenset(), None, None),
    # Quota and sizes are read with any role in the subscription: doctor looks for one on the workspace.
    Route("GET", ARM_HOST, f"{_PROVIDER}/usages", list_usages, frozenset({OURS, "2023-08-01-preview"}), ARM, None),
    Route("GET", ARM_HOST, f"{_PROVIDER}/vmSizes", list_sizes, frozenset({OURS, "2023-08-01-preview"}), ARM, None),
    _arm("GET", _DATASTORES, list_datastores, "workspaces/datastores/read", "2024-10-01-preview"),
    _arm("GET", f"{_DATASTORES}/{{name}}", get_datastore, "workspaces/datastores/read", "2024-10-01-preview"),
    _arm(
        "POST",
        f"{_DATASTORES}/{{name}}/listSecrets",
        list_datastore_secrets,
        "workspaces/datastores/listSecrets/action",
        "2024-10-01-preview",
    ),
)
