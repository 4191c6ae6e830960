"""Finds the storage account behind a datastore or a data asset of a workspace."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from hyperscale.control.remote.remote_files import RemoteError
from hyperscale.node.azure.workspace import API_VERSION, Workspace, WorkspaceName
from hyperscale.uris import Uri, WorkspaceParts, parse

#: How a data asset, or a form of Azure ML's own, names a blob; the host says which account it is in.
_BLOB = re.compile(
    r"(https|wasbs)://((?P<before>[^/@]+)@)?(?P<account>[a-z0-9]{3,24})\.blob\.core\.windows\.net/(?P<path>.*)"
)
#: Where the container's name stands, by the type of a datastore.
_CONTAINERS = {"AzureBlob": "containerName", "AzureDataLakeGen2": "filesystem"}

#: Gives the workspace that is named, or that of the experiment.
Workspaces = Callable[[WorkspaceParts | None], Workspace]


@dataclass(frozen=True)
class Location:
    """Where data is.

    Attributes:
        uri: by which Azure ML reads it; the version of an asset is fixed.
        place: https or abfss.
        is_folder: as a data asset says it; None when nobody has said it.
    """

    uri: str
    place: Uri
    is_folder: bool | None


def locate(uri: Uri, workspaces: Workspaces) -> Location:
    """Return where the data at `uri` is; of an asset's folder, a pattern below it is left out.

    Raises:
        RemoteError: when the workspace has no such datastore or asset, or it is none that can be read.
        AzureError: when the workspace cannot be asked.
    """
    if uri.kind == "asset":
        return _of_asset(uri, workspaces)
    if uri.kind == "datastore":
        return Location(uri.text, _of_datastore(uri, workspaces), None)
    return Location(uri.text, uri, None)


def _of_datastore(uri: Uri, workspaces: Workspaces) -> Uri:
    workspace = workspaces(uri.workspace)
    document = _get(workspace, f"datastores/{quote(uri.name)}")
    if document is None:
        raise RemoteError(
            f"workspace {workspace.name.name} has no datastore {uri.name}",
            hint="correct its name; the studio lists them under Data",
        )
    return account_of(uri, document)


def account_of(uri: Uri, document: Mapping[str, Any]) -> Uri:
    """Return the account's address of `uri`, by what Azure says of its datastore.

    Raises:
        RemoteError: when it is none of blobs.
    """
    properties = document.get("properties") or {}
    kind = str(properties.get("datastoreType"))
    if kind not in _CONTAINERS:
        raise RemoteError(
            f"the datastore {uri.name} is of type {kind}, expected AzureBlob or AzureDataLakeGen2",
            hint="copy the data into a container of blobs, and name that",
        )
    return abfss(str(properties["accountName"]), str(properties[_CONTAINERS[kind]]), uri.path)


def abfss(account: str, container: str, path: str) -> Uri:
    """Return the address of `path` in a container."""
    text = f"abfss://{container}@{account}.dfs.core.windows.net/{path}"
    return Uri(text, "abfss", account, path, container=container)


def _of_asset(uri: Uri, workspaces: Workspaces) -> Location:
    workspace = workspaces(None)
    version = uri.version or _latest(workspace, uri.name)
    document = _get(workspace, f"data/{quote(uri.name)}/versions/{quote(version)}")
    if document is None:
        raise _no_asset(workspace.name, f"{uri.name} in version {version}")
    properties = document.get("properties") or {}
    kind = str(properties.get("dataType") or "").lower()
    if kind not in ("uri_file", "uri_folder"):
        found = "an MLTable, which is read by a library of its own" if kind == "mltable" else f"of type {kind}"
        raise RemoteError(
            f"the data asset {uri.name}:{version} is {found}, expected uri_file or uri_folder",
            hint="name the files that it is made of, by azureml://datastores/NAME/paths/PATH",
        )
    place = _place_of(str(properties.get("dataUri") or ""), workspaces)
    if place is None:
        raise RemoteError(f"the data asset {uri.name}:{version} is in a place that is not read here")
    return Location(f"azureml:{uri.name}:{version}", place, kind == "uri_folder")


def _place_of(text: str, workspaces: Workspaces) -> Uri | None:
    """Return the https or abfss address that the `dataUri` of an asset stands for."""
    if blob := _BLOB.fullmatch(text.partition("?")[0]):
        container, path = blob["before"], blob["path"]
        if container is None:
            container, _, path = path.partition("/")
        return abfss(blob["account"], container, unquote(path))
    uri = parse(text)
    if uri is None or uri.kind == "asset":
        return None
    return _of_datastore(uri, workspaces) if uri.kind == "datastore" else uri


def _latest(workspace: Workspace, name: str) -> str:
    document = _get(workspace, f"data/{quote(name)}")
    version = ((document or {}).get("properties") or {}).get("latestVersion")
    if not version:
        raise _no_asset(workspace.name, name)
    return str(version)


def _no_asset(workspace: WorkspaceName, what: str) -> RemoteError:
    return RemoteError(
        f"workspace {workspace.name} has no data asset {what}",
        hint="correct name and version; the studio lists them under Data",
    )


def _get(workspace: Workspace, path: str) -> dict[str, Any] | None:
    return workspace.azure.get(f"{workspace.name.path}/{path}", api_version=API_VERSION)
