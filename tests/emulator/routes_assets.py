"""Codes, environments, components and data: registered once under a version that never changes again."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any

from emulator import rules
from emulator.resources import Asset
from emulator.routes_computes import page
from emulator.routes_workspace import OURS
from emulator.routing import ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

#: What azure-ai-ml 1.35 sends for each kind, besides ours.
_VERSIONS = {
    "codes": {"2023-04-01", "2023-04-01-preview"},
    "environments": {"2023-04-01-preview", "2023-08-01-preview"},
    "components": {"2024-01-01-preview", "2024-04-01-preview"},
    "data": {"2023-04-01-preview", "2023-08-01-preview", "2023-04-01"},
}
#: Versions under these names are made from a hash of their content: putting one again changes nothing.
ANONYMOUS = frozenset({"CliV2AnonymousEnvironment", "azureml_anonymous"})
#: What may differ between two puts of the same version.
_CHANGEABLE = frozenset({"tags", "description", "isArchived", "properties", "isAnonymous"})


def start_upload(service: Service, request: Request) -> Answer:
    """Give a container of its own, and a signature for it, to who is going to upload a code or data."""
    name, version = request.parts["name"], request.parts["version"]
    # A container for each snapshot, as the SDK's own tests have it: names of containers are of lower case letters.
    container = f"{name[:40].lower().replace('_', '-')}-{version[:8].lower()}".strip("-")
    service.storage.container(container)
    url = service.storage.blob_url(container)
    reference = {
        "blobUri": url,
        "storageAccountArmId": service.world.workspace.storage_path,
        "credential": {"credentialType": "SAS", "sasUri": f"{url}?{service.storage.signature(container)}"},
    }
    return Answer(
        document={"pendingUploadId": name, "pendingUploadType": "TemporaryBlobReference"}
        | {"blobReferenceForConsumption": reference}
    )


def put_asset(service: Service, request: Request) -> Answer:
    kind, name, version = _key(request)
    properties = request.document.get("properties") or {}
    rules.check_tags(properties.get("tags") or {})
    if kind == "components":
        _check_component(service, properties)
    known = service.world.assets.get((kind, name, version))
    if known and name not in ANONYMOUS and _fixed(known.properties) != _fixed(properties):
        raise RefusedError(
            409,
            "UserError",
            f"A {kind.removesuffix('s')} with the name {name} and version {version} exists with other content: "
            "registered versions are immutable.",
        )
    asset = known or Asset(kind, name, version, properties)
    service.world.assets[asset.kind, asset.name, asset.version] = asset
    return Answer(200 if known else 201, asset_document(service, asset))


def _check_component(service: Service, properties: dict[str, Any]) -> None:
    specification = properties.get("componentSpec") or {}
    nodes = (specification.get("jobs") or {}).values() if specification.get("type") == "pipeline" else ()
    for reference in chain(rules.references_of(specification), *map(rules.references_of, nodes)):
        if rules.is_ours(reference) and service.world.asset_of(reference) is None:
            raise RefusedError(400, "UserError", f"The component refers to {reference}, which was not found.")


def _fixed(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in _CHANGEABLE}


def get_asset(service: Service, request: Request) -> Answer:
    kind, name, version = _key(request)
    asset = service.world.assets.get((kind, name, version))
    if asset is None:
        raise RefusedError(404, "UserError", f"There are no {kind} with name {name} and version {version}.")
    return Answer(document=asset_document(service, asset))


def list_versions(service: Service, request: Request) -> Answer:
    """List the versions of an asset; codes with a hash are looked for in the whole workspace (azure-ml-rest.md)."""
    kind, name, _ = _key(request)
    wanted = request.query.get("hash")
    if wanted:
        found = [asset for asset in service.world.assets.values() if (asset.kind, asset.content_hash) == (kind, wanted)]
        if not found and kind == "codes" and service.world.has_code_of_others:
            found = _code_of_others(service, wanted)
    else:
        found = service.world.versions(kind, name)[::-1]
    if not found and not wanted:
        raise RefusedError(404, "UserError", f"There are no {kind} with name {name}.")
    top = int(request.query.get("$top") or request.query.get("top") or len(found))
    return Answer(document=page(service, request, [asset_document(service, asset) for asset in found[:top]]))


def _code_of_others(service: Service, content_hash: str) -> list[Asset]:
    """Return the code with this hash that was sent to another emulator, after having taken it into this workspace."""
    asset = service.storage.contents.snapshot(content_hash)
    if asset is None:
        return []
    service.world.assets[asset.kind, asset.name, asset.version] = asset
    return [asset]


def get_container(service: Service, request: Request) -> Answer:
    """Tell of an asset as such, with its newest version, for NAME@latest."""
    kind, name, _ = _key(request)
    versions = service.world.versions(kind, name)
    if not versions:
        raise RefusedError(404, "UserError", f"There are no {kind} with name {name}.")
    latest = versions[-1].version
    path = f"{service.world.workspace.path}/{kind}/{name}"
    properties = {"latestVersion": latest, "nextVersion": f"{latest}-1", "isArchived": False, "tags": {}}
    return Answer(document={"id": path, "name": name, "properties": properties})


def _key(request: Request) -> tuple[str, str, str]:
    return request.parts["kind"], request.parts["name"], request.parts.get("version", "")


def asset_document(service: Service, asset: Asset) -> dict[str, Any]:
    path = f"{service.world.workspace.path}/{asset.kind}/{asset.name}/versions/{asset.version}"
    return {
        "id": path,
        "name": asset.version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{asset.kind}/versions",
        "properties": {**asset.properties, "provisioningState": "Succeeded"},
        "systemData": {
            "createdAt": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            "createdBy": "emulator",
            "createdByType": "User",
        },
    }


def _routes(kind: str) -> list[Route]:
    versions = frozenset({OURS, *_VERSIONS[kind]})
    action = f"Microsoft.MachineLearningServices/workspaces/{kind}"

    def route(method: str, end: str, handler: Handler, verb: str) -> Route:
        template = f"{WORKSPACE}/{{kind={kind}}}/{{name}}{end}"
        return Route(method, ARM_HOST, template, handler, versions, ARM, f"{action}/{verb}", WORKSPACE)

    return [
        route("POST", "/versions/{version}/startPendingUpload", start_upload, "versions/write"),
        route("PUT", "/versions/{version}", put_asset, "versions/write"),
        route("GET", "/versions/{version}", get_asset, "versions/read"),
        route("GET", "/versions", list_versions, "versions/read"),
        route("GET", "", get_container, "read"),
    ]


ROUTES = tuple(route for kind in _VERSIONS for route in _routes(kind))
