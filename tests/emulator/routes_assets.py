"""Codes, environments, components and data: registered once under a version that never changes again."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import yaml

from emulator import rules
from emulator.documents import front_end_error, made_and_changed_by
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
ANONYMOUS_ENVIRONMENT, ANONYMOUS_COMPONENT = "CliV2AnonymousEnvironment", "azureml_anonymous"
#: A component asked for under this version is the newest one.
NEWEST = "azureml_default"
#: What may differ between two puts of the same version, and of the specification of the same component.
_CHANGEABLE = frozenset({"tags", "description", "isArchived", "properties", "isAnonymous"})
_CHANGEABLE_SPEC = frozenset({"tags", "description", "display_name", "_source"})
_CURATED = "AzureML-"


def start_upload(service: Service, request: Request) -> Answer:
    """Give a container of its own, and a signature for it, to who is going to upload a code or data."""
    name, version = request.parts["name"], request.parts["version"]
    # A container for each snapshot, as the SDK's own tests have it: names of containers are of lower case letters.
    container = f"{name[:40].lower().replace('_', '-')}-{version[:8].lower()}".strip("-")
    service.storage.container(container)
    url = service.storage.blob_url(container)
    reference = {
        # One of the two addresses has a port, the other has not.
        "blobUri": url.replace(".net/", ".net:443/"),
        "storageAccountArmId": service.world.workspace.storage_path,
        "credential": {"credentialType": "SAS", "sasUri": f"{url}?{service.storage.signature(container)}"},
    }
    upload = {"pendingUploadId": str(uuid.uuid4()), "pendingUploadType": "None"}
    return Answer(document={"blobReferenceForConsumption": reference, **upload})


def put_asset(service: Service, request: Request) -> Answer:
    kind, name, version = _key(request)
    properties = request.document.get("properties") or {}
    rules.check_tags(properties.get("tags") or {})
    if kind == "components":
        _check_component(service, properties)
    if name == ANONYMOUS_COMPONENT:
        # The service gives it another id than the client has asked for; its Location still names the one asked for.
        version = str(uuid.uuid5(uuid.NAMESPACE_OID, version))
    known = service.world.assets.get((kind, name, version))
    is_anonymous = name in (ANONYMOUS_COMPONENT, ANONYMOUS_ENVIRONMENT)
    if known and not is_anonymous and _fixed(known.properties) != _fixed(properties):
        raise _immutable(service, known)
    now = time.time()
    asset = replace(known, changed_at=now) if known else Asset(kind, name, version, properties, owner=request.asker)
    service.world.assets[asset.kind, asset.name, asset.version] = asset
    if known:
        return Answer(200, asset_document(service, asset))
    asked = f"{service.world.workspace.path}/{kind}/{name}/versions/{request.parts['version']}"
    location = f"https://{ARM_HOST}{asked}?api-version={request.api_version}"
    return Answer(201, asset_document(service, asset), {"Location": location})


def _immutable(service: Service, known: Asset) -> RefusedError:
    """Return the refusal of another content; of components it is recorded: 400, and the reason deep inside."""
    if known.kind == "components":
        said = 'since field "code" is immutable, try specifying a new version.'
        message = f"Failed to update component {known.name} {said}"
        inner = ("BadArgument", "ArgumentInvalid", "UpdateComponentFailed")
        return front_end_error(service, 400, "UserError", message, *inner)
    message = (
        f"A {known.kind.removesuffix('s')} with the name {known.name} and version {known.version} exists with other "
        "content: registered versions are immutable."
    )
    return front_end_error(service, 409, "UserError", message, "Conflict")


def _check_component(service: Service, properties: dict[str, Any]) -> None:
    specification = properties.get("componentSpec") or {}
    nodes = (specification.get("jobs") or {}).values() if specification.get("type") == "pipeline" else ()
    for reference in chain(rules.references_of(specification), *map(rules.references_of, nodes)):
        if rules.is_ours(reference) and service.world.asset_of(reference) is None:
            message = f"The component refers to {reference}, which was not found."
            raise front_end_error(service, 400, "UserError", message, "BadArgument")


def _fixed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what of a version may not change."""
    fixed = {name: value for name, value in properties.items() if name not in _CHANGEABLE}
    spec = fixed.get("componentSpec")
    if isinstance(spec, dict):
        fixed["componentSpec"] = {name: value for name, value in spec.items() if name not in _CHANGEABLE_SPEC}
    return fixed


def get_asset(service: Service, request: Request) -> Answer:
    kind, name, version = _key(request)
    asset = service.world.assets.get((kind, name, version))
    if kind == "components" and version == NEWEST:
        found = service.world.versions(kind, name)
        asset = found[-1] if found else None
    if kind == "environments" and name.startswith(_CURATED):
        asset = asset or Asset(kind, name, version, {"environmentType": "Curated", "description": name})
    if asset is None:
        raise _missing(service, kind, name, None if version == NEWEST else version)
    document = asset_document(service, asset)
    if version == NEWEST:
        document["id"] = f"{service.world.workspace.path}/{kind}/{name}/labels/default"
    return Answer(document=document)


def _missing(service: Service, kind: str, name: str, version: str | None) -> RefusedError:
    word = kind.removesuffix("s").capitalize()
    message = f"Not found {word.lower()} {name}{f' (version: {version})' if version else ''}."
    return front_end_error(service, 404, "UserError", message, "NotFound", f"{word}NotFound")


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
        raise _missing(service, kind, name, None)
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
        raise _missing(service, kind, name, None)
    latest = versions[-1].version
    path = f"{service.world.workspace.path}/{kind}/{name}"
    properties = {"latestVersion": latest, "nextVersion": f"{latest}-1", "isArchived": False, "tags": {}}
    return Answer(document={"id": path, "name": name, "properties": properties})


def _key(request: Request) -> tuple[str, str, str]:
    return request.parts["kind"], request.parts["name"], request.parts.get("version", "")


def asset_document(service: Service, asset: Asset) -> dict[str, Any]:
    """Return a version as the service shows it: what was sent, and what it makes of that."""
    sent = asset.properties
    shown = {
        "description": sent.get("description"),
        "tags": sent.get("tags") or {},
        "properties": sent.get("properties") or {},
        "isArchived": bool(sent.get("isArchived")),
        "isAnonymous": bool(sent.get("isAnonymous")),
    }
    of_kind = {"codes": _code, "environments": _environment, "components": _component, "data": _data}[asset.kind]
    made = made_and_changed_by(asset.owner, asset.created_at, asset.changed_at or asset.created_at)
    if asset.kind == "data":
        made = {name: value for name, value in made.items() if not name.startswith("lastModifiedBy")}
    return {
        "id": f"{service.world.workspace.path}/{asset.kind}/{asset.name}/versions/{asset.version}",
        "name": asset.version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{asset.kind}/versions",
        "properties": {**shown, **of_kind(sent)},
        "systemData": made,
    }


def _code(sent: dict[str, Any]) -> dict[str, Any]:
    return {"isAnonymous": False, "codeUri": sent.get("codeUri"), "provisioningState": "Succeeded"}


def _data(sent: dict[str, Any]) -> dict[str, Any]:
    unset = dict.fromkeys(("autoDeleteSetting", "stage", "intellectualProperty"))
    return {**unset, "dataUri": sent.get("dataUri"), "dataType": sent.get("dataType") or "uri_folder"}


def _environment(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what an environment has besides: packages are sent as YAML, and come back as JSON."""
    if sent.get("environmentType") == "Curated":
        return {"environmentType": "Curated", "condaFile": "", "osType": "Linux"}
    conda = sent.get("condaFile")
    given = {name: sent[name] for name in ("image", "build", "inferenceConfig") if sent.get(name)}
    return {
        "properties": {**(sent.get("properties") or {}), "azureml.labels": "latest"},
        "environmentType": "UserCreated",
        **given,
        "condaFile": json.dumps(yaml.safe_load(conda), indent=2) if conda else "",
        "osType": "Linux",
        "autoRebuild": "Disabled",
        "provisioningState": "Succeeded",
        "stage": "Development",
    }


def _component(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what a component has besides: its description is told inside the specification alone."""
    spec = {name: value for name, value in (sent.get("componentSpec") or {}).items() if name != "_source"}
    if spec.get("type") == "pipeline":  # not recorded
        return {"description": None, "componentSpec": spec}
    # Which nodes it is for is not kept: steps say that themselves.
    resources = {name: value for name, value in (spec.get("resources") or {}).items() if name != "instance_type"}
    spec["resources"] = {"instance_count": "1", **resources}
    if spec.get("inputs"):
        spec["inputs"] = {name: {"optional": False, **given} for name, given in spec["inputs"].items()}
    return {"description": None, "componentSpec": as_texts(spec)}


def as_texts(value: Any) -> Any:
    """Return a specification with every value in it as a text: "True", "1"."""
    if isinstance(value, dict):
        return {name: as_texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_texts(inner) for inner in value]
    return value if value is None else str(value)


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
