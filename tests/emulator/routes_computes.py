"""Computes: made, looked at, changed and deleted, which takes its time; and what becomes of such operations."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from emulator import rules
from emulator.resources import Compute, Operation
from emulator.routes_workspace import OURS
from emulator.routing import ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route, StrictError
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

_VERSIONS = frozenset({OURS, "2023-08-01-preview"})
_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
#: The SDK asks again after so many seconds: without the header, or with 0 in it, after 30.
_RETRY_AFTER_SECONDS = 1
_STATES = ("idle", "running", "preparing", "unusable", "leaving", "preempted")


def put_compute(service: Service, request: Request) -> Answer:
    world, name = service.world, request.parts["name"]
    rules.check_compute_name(name)
    document = request.document
    rules.check_tags(document.get("tags") or {})
    made = read_compute(name, document, world.workspace.location)
    _check_identities(service, request, made)
    now = time.time()
    known = world.computes.get(name)
    if known and known.state(now) == "Deleting":
        raise RefusedError(409, "Conflict", f"The compute {name} is being deleted.")
    if known:
        _update(known, made)
        return _begun(service, request, known, world.begin(0), status=200)
    rules.check_new_cluster(world, made)
    made.failure = service.faults.provisioning_of(name)
    made.ready_at = now + world.timing.provision_seconds
    world.computes[name] = made
    world.notify()
    operation = world.begin(world.timing.provision_seconds, made.failure)
    return _begun(service, request, made, operation, status=201)


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
        idle_seconds=seconds_of(scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S"),
        tags=dict(document.get("tags") or {}),
        identity=document.get("identity"),
        sent=inner,
    )


def _update(known: Compute, made: Compute) -> None:
    """Change what can be changed of a cluster (reference-yaml-compute-aml.md)."""
    if (known.size.lower(), known.location) != (made.size.lower(), made.location):
        raise RefusedError(400, "InvalidRequest", "The size and location of a cluster cannot be changed.")
    known.min_nodes, known.max_nodes, known.idle_seconds = made.min_nodes, made.max_nodes, made.idle_seconds
    known.tags = made.tags
    known.identity = made.identity or known.identity


def _check_identities(service: Service, request: Request, compute: Compute) -> None:
    """Whoever gives an identity to a cluster needs the right to assign it: Managed Identity Operator."""
    for path in compute.identity_ids:
        identity = service.world.directory.identity(path)
        if identity is None:
            raise RefusedError(400, "FailedIdentityOperation", f"The identity '{path}' was not found.")
        action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
        if not service.world.directory.allows(request.asker, action, path):
            raise RefusedError(
                403,
                "LinkedAuthorizationFailed",
                f"The client has permission to perform action '{request.path}', however it does not have permission "
                f"to perform action '{action}' on the linked scope '{path}'.",
            )


def _begun(service: Service, request: Request, compute: Compute, operation: Operation, *, status: int) -> Answer:
    return Answer(status, compute_document(service, compute), operation_headers(service, operation, compute.location))


def operation_headers(service: Service, operation: Operation, location: str) -> dict[str, str]:
    workspace = service.world.workspace
    provider = f"/subscriptions/{workspace.subscription_id}/providers/Microsoft.MachineLearningServices"
    url = f"https://{ARM_HOST}{provider}/locations/{location}/computeOperationsStatus/{operation.id}"
    return {"Azure-AsyncOperation": f"{url}?api-version={OURS}", "Retry-After": str(_RETRY_AFTER_SECONDS)}


def get_operation(service: Service, request: Request) -> Answer:
    operation = service.world.operations.get(request.parts["operation"])
    if operation is None:
        raise RefusedError(404, "OperationNotFound", "There is no such operation.")
    if time.time() < operation.ends_at:
        again = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
        return Answer(document={"id": request.path, "name": operation.id, "status": "InProgress"}, headers=again)
    document = {"id": request.path, "name": operation.id, "status": "Failed" if operation.failure else "Succeeded"}
    return Answer(document={**document, **({"error": operation.failure.document()} if operation.failure else {})})


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
    headers = operation_headers(service, operation, compute.location)
    world.settle()
    world.notify()
    return Answer(202, headers={**headers, "Location": headers["Azure-AsyncOperation"]})


def _known(service: Service, request: Request) -> Compute:
    name = request.parts["name"]
    compute = service.world.computes.get(name)
    if compute is None:
        raise RefusedError(404, "ComputeNotFound", f"Compute with name {name} was not found in the workspace.")
    return compute


def compute_document(service: Service, compute: Compute) -> dict[str, Any]:
    """Return a compute as the service shows it."""
    now = time.time()
    counts = {f"{state}NodeCount": list(compute.nodes.values()).count(state) for state in _STATES}
    scale = {
        "minNodeCount": compute.min_nodes,
        "maxNodeCount": compute.max_nodes,
        "nodeIdleTimeBeforeScaleDown": f"PT{compute.idle_seconds:g}S",
    }
    inner = {
        **compute.sent,
        "vmSize": compute.size,
        "vmPriority": compute.tier,
        "scaleSettings": scale,
        "currentNodeCount": sum(state != "preempted" for state in compute.nodes.values()),
        "targetNodeCount": sum(state != "preempted" for state in compute.nodes.values()),
        "nodeStateCounts": counts,
        "allocationState": "Resizing" if "preparing" in compute.nodes.values() else "Steady",
        "errors": [error.document() for error in compute.errors] or None,
    }
    failures = [{"error": compute.failure.document()}] if compute.failure and compute.state(now) == "Failed" else []
    return {
        "id": f"{service.world.workspace.path}/computes/{compute.name}",
        "name": compute.name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": service.world.workspace.location,
        "tags": compute.tags,
        "identity": compute.identity,
        "properties": {
            "computeType": compute.kind,
            "computeLocation": compute.location,
            "createdOn": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(compute.created_at)),
            "provisioningState": compute.state(now),
            "provisioningErrors": failures or None,
            "isAttachedCompute": False,
            "properties": inner if compute.kind == "AmlCompute" else {"vmSize": compute.size, "state": "Stopped"},
        },
    }


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
    Route("GET", ARM_HOST, f"{_PROVIDER}/computeOperationsStatus/{{operation}}", get_operation, _VERSIONS, ARM, None),
)
