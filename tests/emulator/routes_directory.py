"""What doctor looks at besides the workspace: subscription, roles, identities, storage, images, secrets."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from emulator.principals import ROLES, Assignment, is_below
from emulator.routing import ARM_HOST, Answer, Handler, RefusedError, Request, Route
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_ROLES = "providers/Microsoft.Authorization"
_VERSIONS = {
    "subscriptions": {"2022-12-01", "2021-01-01", "2020-01-01", "2021-04-01"},
    "roles": {"2022-04-01"},
    "storage": {"2023-01-01", "2023-05-01", "2022-09-01", "2024-01-01"},
    "identities": {"2023-01-31", "2018-11-30"},
    "registries": {"2023-07-01", "2022-12-01", "2023-01-01-preview"},
    "vaults": {"2023-07-01", "2022-07-01"},
}


def get_subscription(service: Service, request: Request) -> Answer:
    """Answer whoever has a role somewhere in it."""
    directory, workspace = service.world.directory, service.world.workspace
    has_role = any(found.principal == request.asker for found in directory.assignments)
    if request.parts["subscription"].lower() != workspace.subscription_id or not has_role:
        raise RefusedError(
            404, "SubscriptionNotFound", f"The subscription '{request.parts['subscription']}' could not be found."
        )
    return Answer(document=_subscription(service))


def list_subscriptions(service: Service, request: Request) -> Answer:
    has_role = any(found.principal == request.asker for found in service.world.directory.assignments)
    return Answer(document={"value": [_subscription(service)] if has_role else []})


def _subscription(service: Service) -> dict[str, Any]:
    subscription = service.world.workspace.subscription_id
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "displayName": "Research",
        "state": "Enabled",
        "tenantId": service.world.directory.tenant_id,
    }


def get_group(service: Service, request: Request) -> Answer:
    workspace = service.world.workspace
    properties = {"provisioningState": "Succeeded"}
    document = {"id": workspace.group_path, "name": workspace.resource_group, "location": workspace.location}
    return Answer(document={**document, "properties": properties})


def list_role_assignments(service: Service, request: Request) -> Answer:
    """List the roles at a scope and above it; without atScope() also below it."""
    scope = request.path.rpartition(f"/{_ROLES}/")[0]
    asked = request.query.get("$filter", "")
    principal = re.search(r"(?:principalId eq |assignedTo\()'([^']+)'", asked)
    value = []
    for found in service.world.directory.assignments:
        is_near = is_below(scope, found.scope) or ("atScope()" not in asked and is_below(found.scope, scope))
        if is_near and (not principal or principal.group(1).lower() == found.principal.object_id):
            value.append(_assignment(service, found))
    return Answer(document={"value": value})


def _assignment(service: Service, found: Assignment) -> dict[str, Any]:
    made_at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(found.created_at))}.0000000Z"
    who = service.world.directory.person.object_id
    return {
        "properties": {
            "roleDefinitionId": _definition_path(service, found.role.id),
            "principalId": found.principal.object_id,
            "principalType": found.principal.kind,
            "scope": found.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": made_at,
            "updatedOn": made_at,
            "createdBy": who,
            "updatedBy": who,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": found.path,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": found.id,
    }


def _definition_path(service: Service, role_id: str) -> str:
    return f"/subscriptions/{service.world.workspace.subscription_id}/{_ROLES}/roleDefinitions/{role_id}"


def get_role_definition(service: Service, request: Request) -> Answer:
    for role in service.world.directory.roles.values():
        if role.id == request.parts["role"].lower():
            return Answer(document=_definition(service, role.name))
    raise RefusedError(404, "RoleDefinitionDoesNotExist", "The specified role definition does not exist.")


def list_role_definitions(service: Service, request: Request) -> Answer:
    return Answer(document={"value": [_definition(service, name) for name in service.world.directory.roles]})


def _definition(service: Service, name: str) -> dict[str, Any]:
    role = service.world.directory.roles[name]
    return {
        "id": _definition_path(service, role.id),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole" if role.name in ROLES else "CustomRole",
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": [],
                }
            ],
        },
    }


def list_permissions(service: Service, request: Request) -> Answer:
    """List what whoever asks may do at a scope."""
    scope = request.path.rpartition(f"/{_ROLES}/")[0]
    roles = service.world.directory.roles_at(request.asker, scope)
    value = [
        {
            "actions": list(role.actions),
            "notActions": list(role.not_actions),
            "dataActions": list(role.data_actions),
            "notDataActions": [],
        }
        for role in roles
    ]
    return Answer(document={"value": value})


def get_identity(service: Service, request: Request) -> Answer:
    found = service.world.directory.identity(request.path)
    if found is None:
        raise _missing("Microsoft.ManagedIdentity/userAssignedIdentities", request)
    properties = {"clientId": found.client_id, "principalId": found.object_id}
    properties["tenantId"] = service.world.directory.tenant_id
    return Answer(document=_resource(service, request, properties))


def list_identities(service: Service, request: Request) -> Answer:
    found = [principal for principal in service.world.directory.principals.values() if principal.path]
    value = [
        {
            "id": one.path,
            "name": one.name,
            "location": service.world.workspace.location,
            "properties": {"clientId": one.client_id, "principalId": one.object_id},
        }
        for one in found
    ]
    return Answer(document={"value": value})


def get_storage_account(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    if name not in service.storage.accounts:
        raise _missing("Microsoft.Storage/storageAccounts", request)
    properties = {
        "provisioningState": "Succeeded",
        "allowSharedKeyAccess": service.world.shared_keys,
        "publicNetworkAccess": "Enabled",
        "isHnsEnabled": False,
        "primaryEndpoints": {
            "blob": f"https://{name}.blob.core.windows.net/",
            "queue": f"https://{name}.queue.core.windows.net/",
        },
    }
    return Answer(document=_resource(service, request, properties) | {"kind": "StorageV2"})


def list_resources(service: Service, request: Request) -> Answer:
    """List the resources of the subscription that a filter names by type and name, and that who asks may see."""
    workspace, directory = service.world.workspace, service.world.directory
    names = {
        "Microsoft.Storage/storageAccounts": service.storage.accounts,
        "Microsoft.ContainerRegistry/registries": [workspace.registry],
        "Microsoft.KeyVault/vaults": [workspace.key_vault],
    }
    asked = dict(re.findall(r"(\w+) eq '([^']*)'", request.query.get("$filter", "")))
    kind, name = asked.get("resourceType", ""), asked.get("name", "")
    path = f"{workspace.group_path}/providers/{kind}/{name}"
    is_there = name in names.get(kind, ()) and directory.allows(request.asker, f"{kind}/read", path)
    return Answer(document={"value": [{"id": path, "name": name, "type": kind}] if is_there else []})


def get_container(service: Service, request: Request) -> Answer:
    name = request.parts["container"]
    if not service.storage.client().get_container_client(name).exists():
        raise RefusedError(404, "ContainerNotFound", "The specified container does not exist.")
    return Answer(document=_resource(service, request, {"publicAccess": "None"}) | {"name": name})


def get_registry(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    if name != service.world.workspace.registry:
        raise _missing("Microsoft.ContainerRegistry/registries", request)
    properties = {"loginServer": f"{name}.azurecr.io", "adminUserEnabled": False, "provisioningState": "Succeeded"}
    return Answer(document=_resource(service, request, properties))


def get_vault(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    if name != service.world.workspace.key_vault:
        raise _missing("Microsoft.KeyVault/vaults", request)
    properties = {"vaultUri": f"https://{name}.vault.azure.net/", "enableRbacAuthorization": True}
    return Answer(document=_resource(service, request, properties))


def _resource(service: Service, request: Request, properties: dict[str, Any]) -> dict[str, Any]:
    location = service.world.workspace.location
    return {"id": request.path, "name": request.parts["name"], "location": location, "properties": properties}


def _missing(kind: str, request: Request) -> RefusedError:
    return RefusedError(404, "ResourceNotFound", f"The Resource '{kind}/{request.parts['name']}' was not found.")


def _route(template: str, handler: Handler, family: str, action: str | None, at: str = "") -> Route:
    return Route("GET", ARM_HOST, template, handler, frozenset(_VERSIONS[family]), ARM, action, at)


_STORAGE = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{name}}"
_IDENTITIES = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_REGISTRY = f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/{{name}}"
_VAULT = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{{name}}"
_SCOPE = "{scope*}"
ROUTES = (
    _route("/subscriptions", list_subscriptions, "subscriptions", None),
    _route(_SUBSCRIPTION, get_subscription, "subscriptions", None),
    _route(f"{_SUBSCRIPTION}/resources", list_resources, "subscriptions", None),
    _route(_GROUP, get_group, "subscriptions", "Microsoft.Resources/subscriptions/resourceGroups/read"),
    _route(f"{_STORAGE}", get_storage_account, "storage", "Microsoft.Storage/storageAccounts/read"),
    _route(
        f"{_STORAGE}/blobServices/default/containers/{{container}}",
        get_container,
        "storage",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
    ),
    _route(_IDENTITIES, list_identities, "identities", "Microsoft.ManagedIdentity/userAssignedIdentities/read"),
    _route(
        f"{_IDENTITIES}/{{name}}",
        get_identity,
        "identities",
        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    ),
    _route(_REGISTRY, get_registry, "registries", "Microsoft.ContainerRegistry/registries/read"),
    _route(_VAULT, get_vault, "vaults", "Microsoft.KeyVault/vaults/read"),
    _route(
        f"{_SCOPE}/{_ROLES}/roleAssignments",
        list_role_assignments,
        "roles",
        "Microsoft.Authorization/roleAssignments/read",
        _GROUP,
    ),
    _route(f"{_SCOPE}/{_ROLES}/permissions", list_permissions, "roles", None),
    _route(f"{_SCOPE}/{_ROLES}/roleDefinitions", list_role_definitions, "roles", None),
    _route(f"{_SCOPE}/{_ROLES}/roleDefinitions/{{role}}", get_role_definition, "roles", None),
    _route(f"/{_ROLES}/roleDefinitions/{{role}}", get_role_definition, "roles", None),
)
