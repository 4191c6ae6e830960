"""The workspace, quota and sizes of its locations, its datastores, and where run history is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emulator.catalogue import DEDICATED, LOW_PRIORITY
from emulator.documents import front_end_error, iso_time, made_and_changed_by
from emulator.routing import API_HOST, ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

#: Ours, besides those that azure-ai-ml 1.35 sends.
OURS = "2024-04-01"
#: With these a workspace says how its own datastores are used: the specification and the recordings of 2024-04-01 have
#: no such key (Azure/bicep-types-az, microsoft.machinelearningservices/2024-04-01 and 2024-10-01).
WITH_DATASTORES_MODE = frozenset({"2024-10-01", "2024-10-01-preview"})
PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
_ACTION = "Microsoft.MachineLearningServices"


def get_workspace(service: Service, request: Request) -> Answer:
    world, workspace = service.world, service.world.workspace
    group, tenant = workspace.group_path, world.directory.tenant_id
    properties: dict[str, Any] = {
        "friendlyName": workspace.name,
        "description": "",
        "storageAccount": workspace.storage_path,
        "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/{workspace.key_vault}",
        "applicationInsights": f"{group}/providers/Microsoft.insights/components/{workspace.name}-insights",
        "hbiWorkspace": False,
        "tenantId": tenant,
        "imageBuildCompute": None,
        "provisioningState": "Succeeded",
        "allowRoleAssignmentOnRG": False,
        "v1LegacyMode": False,
        "softDeleteEnabled": False,
        "creationTime": _workspace_time(workspace.created_at),
        "notebookInfo": {
            "resourceId": workspace.workspace_id.replace("-", ""),
            "fqdn": f"ml-{workspace.name}-{workspace.location}-{workspace.workspace_id}.{workspace.location}"
            ".notebooks.azure.net",
            "isPrivateLinkEnabled": not workspace.public_network,
            "notebookPreparationError": None,
        },
        "storageHnsEnabled": False,
        "workspaceId": workspace.workspace_id,
        "linkedModelInventoryArmId": None,
        "privateLinkCount": 0,
        "publicNetworkAccess": "Enabled" if workspace.public_network else "Disabled",
        "ipAllowlist": [],
        "networkAcls": {"defaultAction": "Allow", "bypass": "", "ipRules": [], "resourceAccessRules": []},
        "discoveryUrl": f"{workspace.api_url}/discovery",
        "mlFlowTrackingUri": f"azureml://{workspace.location}.api.azureml.ms/mlflow/v1.0{workspace.path}",
        "serverlessComputeSettings": None,
        "EnableSoftwareBillOfMaterials": False,
        "sdkTelemetryAppInsightsKey": workspace.workspace_id,
        "enableDataIsolation": False,
    }
    if workspace.registry:
        properties["containerRegistry"] = (
            f"{group}/providers/Microsoft.ContainerRegistry/registries/{workspace.registry}"
        )
    if request.api_version in WITH_DATASTORES_MODE:
        properties["systemDatastoresAuthMode"] = "identity" if world.identity_datastores else "accesskey"
    identity: dict[str, Any] = {"type": "SystemAssigned", "principalId": workspace.principal_id, "tenantId": tenant}
    if workspace.identities:
        given = {one.path: {"principalId": one.object_id, "clientId": one.client_id} for one in workspace.identities}
        identity |= {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": given}
    made = made_and_changed_by(world.directory.person, workspace.created_at, workspace.created_at)
    times = {name: _workspace_time(workspace.created_at) for name in ("createdAt", "lastModifiedAt")}
    return Answer(
        document={
            "id": workspace.path,
            "name": workspace.name,
            "type": f"{_ACTION}/workspaces",
            "location": workspace.location,
            "tags": {},
            "etag": None,
            "properties": properties,
            "identity": identity,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "systemData": {**made, **times},
        }
    )


def _workspace_time(seconds: float) -> str:
    """Return a time as workspaces alone write it, with a Z."""
    return str(iso_time(seconds)).replace("+00:00", "Z")


def discovery(service: Service, request: Request) -> Answer:
    """Tell where the neighbours are; most are not emulated, and the product asks `api` alone."""
    workspace = service.world.workspace
    experiments = f"https://{workspace.location}.experiments.azureml.net"
    return Answer(
        document={
            "api": workspace.api_url,
            "catalog": "https://catalog.cortanaanalytics.com",
            "experimentation": experiments,
            "gallery": "https://gallery.cortanaintelligence.com/project",
            "history": experiments,
            "hyperdrive": experiments,
            "labeling": experiments,
            "modelmanagement": f"https://{workspace.location}.modelmanagement.azureml.net",
            "pipelines": f"https://{workspace.location}.aether.ms",
            "studio": "https://ml.azure.com",
        }
    )


def list_usages(service: Service, request: Request) -> Answer:
    return Answer(document={"value": list(_usages(service, _location(service, request)))})


def _usages(service: Service, location: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a location: a family has one of each tier, which differ in their type alone.

    Those of low priority have no limit of their own. What a workspace may use of a family is less where somebody has
    said so: its own row has another id and type (the specification's example; not recorded).
    """
    world = service.world
    quota, elsewhere = world.catalogue.quotas[location], world.catalogue.quotas[location].used_elsewhere
    families = world.catalogue.families(location)
    dedicated = {one: world.cores_held(location, DEDICATED, one) + elsewhere.get(one, 0) for one in families}
    low_priority = world.cores_held(location, LOW_PRIORITY) + elsewhere.get(LOW_PRIORITY, 0)
    top = f"/subscriptions/{world.workspace.subscription_id}"

    def row(name: str, said: str, kind: str, used: int, limit: int, above: str = "") -> dict[str, Any]:
        return {
            "unit": "Count",
            "currentValue": used,
            "limit": limit,
            "name": {"value": name, "localizedValue": said},
            "type": f"{_ACTION}/{kind}usages",
            "id": f"{above}/usages/{name.replace(' ', '_')}" if above else top,
        }

    clusters = len(list(world.clusters_in(location)))
    yield row("TotalClusters", "Total Clusters", "totalClusters/", clusters, quota.clusters)
    total = sum(dedicated.values())
    said = "Total Cluster Dedicated Regional vCPUs"
    yield row("TotalDedicatedCores", said, "totalDedicatedCores/", total, quota.total_dedicated_cores)
    for family, used in dedicated.items():
        said = f"{_family_words(family)} Cluster Dedicated vCPUs"
        yield row(family, said, "vmFamily/dedicatedCores/", used, quota.dedicated_cores.get(family, 0), top)
    said = "Total Cluster Low Priority Regional vCPUs"
    yield row("TotalLowPriorityCores", said, "totalLowPriorityCores/", low_priority, quota.low_priority_cores)
    for family in families:
        said = f"{_family_words(family)} Cluster LowPriority vCPUs"
        held = world.cores_held(location, LOW_PRIORITY, family)
        yield row(family, said, "vmFamily/lowPriorityCores/", held, -1, top)
    for family, limit in quota.workspace_cores.items():
        said = f"{_family_words(family)} Cluster Dedicated vCPUs"
        held = world.cores_held(location, DEDICATED, family)
        yield row(family, said, "workspaces/", held, limit, world.workspace.path)


def _family_words(family: str) -> str:
    """Return how people read a family: standardFSv2Family is Standard FSv2 Family."""
    short = family.removeprefix("standard").removesuffix("Family").removeprefix("Standard").strip()
    return f"Standard {short} Family"


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
        raise _no_datastore(service, request.parts["name"])
    if not service.world.shared_keys or service.world.identity_datastores:
        raise front_end_error(service, 400, "UserError", "No secrets for credentials of type None.", "BadArgument")
    if request.document.get("expirableSecret"):
        document = {"secretsType": "Sas", "sasToken": service.storage.signature(container)}
    else:
        document = {"secretsType": "AccountKey", "key": service.storage.azurite.key}
    return Answer(document=document)


def _datastore(service: Service, name: str) -> dict[str, Any]:
    container = datastore_container(service, name)
    if container is None:
        raise _no_datastore(service, name)
    service.storage.container(container)
    world, workspace = service.world, service.world.workspace
    is_default = name == "workspaceblobstore"
    return {
        "id": f"{workspace.path}/datastores/{name}",
        "name": name,
        "type": f"{_ACTION}/workspaces/datastores",
        "properties": {
            "description": None,
            "tags": None,
            "properties": None,
            "isDefault": is_default,
            "credentials": {"credentialsType": "None" if world.identity_datastores else "AccountKey"},
            "intellectualProperty": None,
            "subscriptionId": workspace.subscription_id,
            "resourceGroup": workspace.resource_group,
            "datastoreType": "AzureBlob",
            "accountName": workspace.storage_account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity" if is_default else "None",
        },
        "systemData": made_and_changed_by(world.directory.person, workspace.created_at, workspace.created_at),
    }


def _no_datastore(service: Service, name: str) -> RefusedError:
    return front_end_error(service, 404, "UserError", f"Could not find datastore {name}.", "NotFound")


def _arm(method: str, template: str, handler: Handler, action: str, *versions: str, at: str = WORKSPACE) -> Route:
    return Route(method, ARM_HOST, template, handler, frozenset({OURS, *versions}), ARM, f"{_ACTION}/{action}", at)


def _of_location(what: str, handler: Handler) -> Route:
    versions, action = frozenset({OURS, "2023-08-01-preview"}), f"{_ACTION}/locations/{what}/read"
    return Route("GET", ARM_HOST, f"{PROVIDER}/{what}", handler, versions, ARM, action, "/subscriptions/{subscription}")


_DATASTORES = f"{WORKSPACE}/datastores"
ROUTES = (
    _arm("GET", WORKSPACE, get_workspace, "workspaces/read", "2023-08-01-preview", *WITH_DATASTORES_MODE),
    Route("GET", API_HOST, "/discovery", discovery, frozenset(), None, None),
    # Their path is below no resource group: a role on the workspace is none there (Azure RBAC, scope overview).
    _of_location("usages", list_usages),
    _of_location("vmSizes", list_sizes),
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
