"""Computes: made, looked at, changed and deleted, which takes its time."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from emulator import rules
from emulator.documents import iso_time
from emulator.resources import Compute, Operation
from emulator.routes_operations import COMPUTES, address_of
from emulator.routes_workspace import OURS
from emulator.routing import ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route, StrictError
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

_VERSIONS = frozenset({OURS, "2023-08-01-preview"})
_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_IDLE_TIME = "PT2M"


def put_compute(service: Service, request: Request) -> Answer:
    world, name = service.world, request.parts["name"]
    rules.check_compute_name(name)
    document = request.document
    rules.check_tags(document.get("tags") or {})
    made = read_compute(name, document, world.workspace.location)
    _check_identities(service, request, made)
    _check_network(service, request, made)
    now = time.time()
    known = world.computes.get(name)
    if known and known.state(now) == "Deleting":
        raise RefusedError(409, "Conflict", f"The compute {name} is being deleted.")
    if known:
        _update(known, made)
        answered = new_document(service, known, is_new=False)
        return _begun(service, request, 201, answered, known, world.begin(0))
    rules.check_new_cluster(world, made)
    made.failure = service.faults.provisioning_of(name)
    made.ready_at = now + world.timing.provision_seconds
    world.computes[name] = made
    world.notify()
    operation = world.begin(world.timing.provision_seconds, made.failure)
    return _begun(service, request, 201, new_document(service, made, is_new=True), made, operation)


def read_compute(name: str, document: dict[str, Any], default_location: str) -> Compute:
    """Return the cluster that a document asks for."""
    properties = document.get("properties") or {}
    kind = properties.get("computeType")
    if kind != "AmlCompute":
        raise StrictError(400, "InvalidComputeType", f"the emulator makes clusters, no {kind}")
    inner = properties.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    location = properties.get("computeLocation") or document.get("location") or default_location
    return Compute(
        name,
        location.replace(" ", "").lower(),
        inner.get("vmSize") or "",
        tier=inner.get("vmPriority") or "Dedicated",
        min_nodes=int(scale.get("minNodeCount") or 0),
        max_nodes=int(scale.get("maxNodeCount") or 1),
        idle_seconds=seconds_of(scale.get("nodeIdleTimeBeforeScaleDown") or _IDLE_TIME),
        tags=dict(document.get("tags") or {}),
        identity=document.get("identity"),
        description=properties.get("description"),
        sent=inner,
    )


def _update(known: Compute, made: Compute) -> None:
    """Change what can be changed of a cluster (reference-yaml-compute-aml.md)."""
    if (known.size.lower(), known.location) != (made.size.lower(), made.location):
        raise RefusedError(400, "InvalidRequest", "The size and location of a cluster cannot be changed.")
    known.min_nodes, known.max_nodes, known.idle_seconds = made.min_nodes, made.max_nodes, made.idle_seconds
    known.tags, known.sent, known.description = made.tags, made.sent, made.description
    known.identity = made.identity or known.identity
    known.modified_at = time.time()


def _check_identities(service: Service, request: Request, compute: Compute) -> None:
    """Whoever gives an identity to a cluster needs the right to assign it: Managed Identity Operator."""
    for path in compute.identity_ids:
        identity = service.world.directory.identity(path)
        if identity is None:
            raise RefusedError(400, "FailedIdentityOperation", f"The identity '{path}' was not found.")
        action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
        if not service.world.directory.allows(request.asker, action, path):
            raise _no_linked_right(request, action, path)


def _check_network(service: Service, request: Request, compute: Compute) -> None:
    """Whoever puts a cluster into a subnet needs the right to join it (how-to-secure-training-vnet.md)."""
    subnet = (compute.sent.get("subnet") or {}).get("id")
    if not subnet:
        return
    network = subnet.partition("/subnets/")[0]
    for scope, action in ((subnet, "subnets/join/action"), (network, "join/action"), (network, "read")):
        named = f"Microsoft.Network/virtualNetworks/{action}"
        if not service.world.directory.allows(request.asker, named, scope):
            raise _no_linked_right(request, named, scope)


def _no_linked_right(request: Request, action: str, scope: str) -> RefusedError:
    return RefusedError(
        403,
        "LinkedAuthorizationFailed",
        f"The client has permission to perform action '{request.path}', however it does not have permission "
        f"to perform action '{action}' on the linked scope '{scope}'.",
    )


def _begun(
    service: Service, request: Request, status: int, document: Any, compute: Compute, operation: Operation
) -> Answer:
    address = address_of(service, request, COMPUTES, operation, compute.location)
    return Answer(status, document, {"Azure-AsyncOperation": address})


def get_compute(service: Service, request: Request) -> Answer:
    return Answer(document=compute_document(service, _known(service, request)))


def list_computes(service: Service, request: Request) -> Answer:
    found = [compute_document(service, compute) for compute in service.world.computes.values()]
    return Answer(document=page(service, request, found))


def list_nodes(service: Service, request: Request) -> Answer:
    nodes = _known(service, request).nodes
    documents = [
        {"nodeId": node, "nodeState": state, "privateIpAddress": "10.0.0.4", "port": 50000, "runId": None}
        for node, state in nodes.items()
    ]
    return Answer(document={"nodes": documents, "nextLink": None})


def delete_compute(service: Service, request: Request) -> Answer:
    world, name = service.world, request.parts["name"]
    if request.query.get("underlyingResourceAction") not in ("Delete", "Detach"):
        raise StrictError(400, "InvalidRequest", "underlyingResourceAction has to be Delete or Detach")
    compute = world.computes.get(name)
    if compute is None:
        return Answer(204)
    if compute.deleted_at is not None:
        raise RefusedError(409, "Conflict", f"The compute {name} is being deleted already.")
    seconds = world.timing.delete_seconds
    failure = service.faults.delete_of(name)
    compute.deleted_at = time.time() + seconds

    def end() -> None:
        if failure:
            compute.deleted_at = None
            compute.errors.append(failure)
        else:
            world.computes.pop(name, None)
        world.notify()

    operation = world.begin(seconds, failure, end)
    if not failure and service.execution:
        service.execution.compute_deleted(name)
    answer = _begun(service, request, 202, None, compute, operation)
    world.settle()
    world.notify()
    return answer


def _known(service: Service, request: Request) -> Compute:
    name = request.parts["name"]
    compute = service.world.computes.get(name)
    if compute is None:
        raise RefusedError(404, "ComputeNotFound", f"there is no compute {name}", content=b"")
    return compute


def compute_document(service: Service, compute: Compute) -> dict[str, Any]:
    """Return a compute as the service shows it."""
    now = time.time()
    failures = [{"error": compute.failure.document()}] if compute.failure and compute.state(now) == "Failed" else []
    inner = _cluster(compute) if compute.kind == "AmlCompute" else _instance(service, compute)
    return _document(service, compute) | {
        "tags": compute.tags,
        "properties": {
            **_properties(compute),
            "computeLocation": compute.location,
            "provisioningState": compute.state(now),
            "provisioningErrors": failures or None,
            "provisioningWarnings": {},
            "properties": inner,
        },
    }


def new_document(service: Service, compute: Compute, *, is_new: bool) -> dict[str, Any]:
    """Return a compute as the answer of a PUT shows it: what was not sent is null, and no node is counted yet."""
    scale = compute.sent.get("scaleSettings") or {}
    sent = {
        "vmPriority": compute.sent.get("vmPriority"),
        "scaleSettings": {**_scale(compute), "nodeIdleTimeBeforeScaleDown": scale.get("nodeIdleTimeBeforeScaleDown")},
    }
    uncounted = dict.fromkeys(("currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "errors"))
    left_out = ("allocationStateTransitionTime", "propertyBag", "userAccountCredentials")
    inner = {name: value for name, value in (_cluster(compute) | sent | uncounted).items() if name not in left_out}
    properties = {
        **_properties(compute),
        "provisioningState": "Creating",
        "provisioningErrors": None,
        "provisioningWarnings": None,
        "properties": inner,
    }
    if not is_new:
        workspace = service.world.workspace
        properties["computeLocation"] = compute.location
        properties["resourceId"] = (
            f"{workspace.group_path}/providers/Microsoft.BatchAI/workspaces/{workspace.name}/clusters/{compute.name}"
        )
    tags = compute.tags or (None if is_new else {})
    return _document(service, compute) | {"tags": tags, "properties": properties}


def _document(service: Service, compute: Compute) -> dict[str, Any]:
    identity = {"identity": _identity(service, compute.identity)} if compute.identity else {}
    return {
        "id": f"{service.world.workspace.path}/computes/{compute.name}",
        "name": compute.name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": service.world.workspace.location,
        "tags": None,
        **identity,
    }


def _identity(service: Service, sent: dict[str, Any]) -> dict[str, Any]:
    """Return the identities of a compute; of each user-assigned one its two ids are told (not recorded: specified)."""
    if not sent.get("userAssignedIdentities"):
        return sent
    told = {}
    for path in sent["userAssignedIdentities"]:
        found = service.world.directory.identity(path)
        told[path] = {"principalId": found.object_id, "clientId": found.client_id} if found else {}
    return {**sent, "userAssignedIdentities": told}


def _properties(compute: Compute) -> dict[str, Any]:
    return {
        "createdOn": iso_time(compute.created_at),
        "modifiedOn": iso_time(compute.modified_at or compute.created_at),
        "disableLocalAuth": False,
        "description": compute.description,
        "resourceId": None,
        "computeType": compute.kind,
        "isAttachedCompute": False,
    }


def _scale(compute: Compute) -> dict[str, Any]:
    sent = (compute.sent.get("scaleSettings") or {}).get("nodeIdleTimeBeforeScaleDown")
    idle = sent or (_IDLE_TIME if compute.idle_seconds == seconds_of(_IDLE_TIME) else f"PT{compute.idle_seconds:g}S")
    return {
        "maxNodeCount": compute.max_nodes,
        "minNodeCount": compute.min_nodes,
        "nodeIdleTimeBeforeScaleDown": idle,
    }


def _cluster(compute: Compute) -> dict[str, Any]:
    """Return what a cluster has: sizes are told in capitals, whatever was sent."""
    present = sum(state != "preempted" for state in compute.nodes.values())
    counts = {f"{state}NodeCount": list(compute.nodes.values()).count(state) for state in _STATES}
    ssh = compute.sent.get("userAccountCredentials")
    return {
        "vmSize": compute.size.upper(),
        "vmPriority": compute.tier,
        "scaleSettings": _scale(compute),
        **({"userAccountCredentials": {**ssh, "adminUserPassword": None}} if ssh else {}),
        "subnet": compute.sent.get("subnet"),
        "currentNodeCount": present,
        "targetNodeCount": present,
        "nodeStateCounts": counts,
        "allocationState": "Resizing" if "preparing" in compute.nodes.values() else "Steady",
        "allocationStateTransitionTime": _milliseconds(compute.created_at),
        "errors": [error.document() for error in compute.errors] or None,
        "remoteLoginPortPublicAccess": compute.sent.get("remoteLoginPortPublicAccess") or "NotSpecified",
        "osType": "Linux",
        "virtualMachineImage": None,
        "isolatedNetwork": False,
        "enableNodePublicIp": compute.sent.get("enableNodePublicIp") is not False,
        "enableBatchPrivateLink": False,
        "propertyBag": {},
    }


def _instance(service: Service, compute: Compute) -> dict[str, Any]:
    """Return what a compute instance has; it is in the way of names, and holds quota."""
    nothing = (
        "imageVersion",
        "subnet",
        "autologgerSettings",
        "computeInstanceAuthorizationType",
        "personalComputeInstanceSettings",
        "setupScripts",
        "dataMounts",
        "dataDisks",
        "containers",
        "updateStatus",
    )
    host = f"https://{compute.name}.{compute.location}.instances.azureml.ms"
    ssh = {"sshPublicAccess": "Disabled", "adminUserName": "azureuser", "sshPort": 50000, "adminPublicKey": None}
    image = {"currentImageVersion": "24.06.10", "latestImageVersion": "24.06.10", "isLatestOsImageVersion": True}
    return {
        **dict.fromkeys(nothing),
        "vmSize": compute.size.upper(),
        "sshSettings": ssh,
        "errors": [],
        "connectivityEndpoints": {"publicIpAddress": "192.0.2.1", "privateIpAddress": "10.0.0.4"},
        "applications": [{"displayName": "Jupyter", "endpointUri": f"{host}/tree/"}],
        "state": "Stopped",
        "lastOperation": {
            "operationName": "Stop",
            "operationTime": _milliseconds(compute.created_at),
            "operationStatus": "Succeeded",
            "operationTrigger": "User",
        },
        "createdBy": {
            "userOrgId": service.world.directory.tenant_id,
            "userId": service.world.directory.person.object_id,
        },
        "applicationSharingPolicy": "Shared",
        "schedules": {"computeStartStop": []},
        "enableNodePublicIp": True,
        "enableBatchPrivateLink": False,
        "enableOSPatching": False,
        "releaseQuotaOnStop": False,
        "enableSSO": True,
        "versions": {"runtime": "3.0.00000.0000"},
        "customServices": [],
        "osImageMetadata": {**image, "osPatchingStatus": None},
    }


def _milliseconds(seconds: float) -> str:
    """Return a time as the allocation of nodes has it: three digits."""
    return re.sub(r"\.(\d{3})\d+", r".\1", str(iso_time(seconds)))


def page(service: Service, request: Request, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a page of a list, with the address of the next one."""
    start = int(request.query.get("$skip") or 0)
    end = start + service.world.page_size
    document: dict[str, Any] = {"value": entries[start:end]}
    if end < len(entries):
        query = urlencode({**request.query, "$skip": end})
        document["nextLink"] = f"https://{request.host}{quote(request.path)}?{query}"
    return document


def seconds_of(duration: str) -> float:
    """Return the seconds of an ISO 8601 duration such as PT2M."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", duration)
    if not found:
        raise RefusedError(400, "InvalidRequest", f"'{duration}' is no duration.")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _route(method: str, template: str, handler: Handler, action: str) -> Route:
    action = f"Microsoft.MachineLearningServices/workspaces/computes/{action}"
    return Route(method, ARM_HOST, template, handler, _VERSIONS, ARM, action, WORKSPACE)


_COMPUTES = f"{WORKSPACE}/computes"
ROUTES = (
    _route("PUT", f"{_COMPUTES}/{{name}}", put_compute, "write"),
    _route("GET", f"{_COMPUTES}/{{name}}", get_compute, "read"),
    _route("GET", _COMPUTES, list_computes, "read"),
    _route("POST", f"{_COMPUTES}/{{name}}/listNodes", list_nodes, "listNodes/action"),
    _route("DELETE", f"{_COMPUTES}/{{name}}", delete_compute, "delete"),
)
