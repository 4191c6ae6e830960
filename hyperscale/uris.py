"""Says what an address of data outside of this machine is: which kinds there are, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from hyperscale.suggestions import did_you_mean

Kind = Literal["https", "abfss", "datastore", "asset"]
#: What an address may stand for: a file of rows, a pattern of `files`, a mount.
Use = Literal["file", "files", "mount"]

#: Something with a scheme is an address, whatever the scheme; `C:` of Windows has one letter.
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):(?P<slashes>//)?", re.IGNORECASE | re.ASCII)
#: These are no names of folders either, without the slashes.
_KNOWN = ("https", "http", "abfss", "abfs", "wasbs", "wasb", "adl", "azureml", "s3", "gs", "hdfs", "file")
_ABFSS = re.compile(
    r"abfss://(?P<container>[^/@]+)@(?P<account>[a-z0-9]{3,24})\.dfs\.core\.windows\.net(/(?P<path>.*))?"
)
_DATASTORE = re.compile(
    r"azureml://(subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"(/providers/Microsoft\.MachineLearningServices)?/workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<name>[^/]+)/paths/(?P<path>.*)",
    re.IGNORECASE,
)
_ASSET = re.compile(
    r"azureml:(?P<name>[A-Za-z0-9][\w.-]*)(:(?P<version>[\w.-]+)|@(?P<label>\w+))(/(?P<path>.*))?", re.ASCII
)
#: Of a pattern of file names.
WILDCARD = re.compile(r"[*?\[]")
EXPECTED = (
    "https://..., abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, azureml://datastores/NAME/paths/PATH, "
    "azureml:NAME:VERSION or azureml:NAME@latest"
)
_INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "http": "anybody on the way can read and change what comes by http; name it by https",
        "file": "name the path itself",
        "abfs": "abfs is not encrypted; write abfss",
        "wasb": "write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH",
        "wasbs": "write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH",
    }
)


@dataclass(frozen=True)
class WorkspaceParts:
    """The workspace that the long form of a datastore's address names."""

    subscription_id: str
    resource_group: str
    name: str


@dataclass(frozen=True)
class Uri:
    """An address of data.

    Attributes:
        text: as it was written.
        kind: https; abfss (a container of a storage account); datastore; asset (a data asset of a workspace).
        name: of the host, the account, the datastore, or the asset.
        path: below that; of https with the query. Of an asset it is empty, or a pattern below its folder.
        container: of abfss.
        version: of an asset; None means its latest.
        workspace: of a datastore's long form; None means the experiment's.
    """

    text: str
    kind: Kind
    name: str
    path: str
    container: str = ""
    version: str | None = None
    workspace: WorkspaceParts | None = None

    @property
    def shown(self) -> str:
        """Return it for messages."""
        return without_query(self.text)

    @property
    def file_name(self) -> str:
        """Return the last part of its path, empty when it has none."""
        return without_query(self.path).rstrip("/").rpartition("/")[2]


def without_query(text: str) -> str:
    """Return an address for messages: what follows a ? may be a secret of somebody."""
    return text.partition("?")[0]


def is_uri(text: str) -> bool:
    """Return whether `text` is an address, good or bad, and no path of this machine."""
    found = _SCHEME.match(text)
    return found is not None and (found["slashes"] is not None or found["scheme"].lower() in _KNOWN)


def parse(text: str) -> Uri | None:
    """Return the address in `text`; None when it is none that data can have."""
    if found := _ABFSS.fullmatch(text):
        return Uri(text, "abfss", found["account"], found["path"] or "", container=found["container"])
    if found := _DATASTORE.fullmatch(text):
        own = found["workspace"]
        workspace = WorkspaceParts(found["subscription"], found["group"], own) if own else None
        return Uri(text, "datastore", found["name"], found["path"], workspace=workspace)
    if found := _ASSET.fullmatch(text):
        is_latest = found["label"] is None or found["label"] == "latest"
        return Uri(text, "asset", found["name"], found["path"] or "", version=found["version"]) if is_latest else None
    return _parse_https(text)


def problem_of(text: str, use: Use) -> str | None:
    """Return what is wrong with the address `text` where it is used so; None when nothing is."""
    uri = parse(text)
    if uri is None:
        return _no_address(text)
    if use == "files":
        if uri.kind == "https":
            return (
                "cannot be listed: a web server does not tell its files; "
                "name a folder of a storage account, or give the addresses as rows of a CSV"
            )
        return None if uri.path else "has no pattern; append one, such as /**/*.png"
    if uri.kind == "asset" and uri.path:
        return (
            "names something in a data asset, which Azure ML cannot; "
            "name the asset, or the path by azureml://datastores/NAME/paths/PATH"
        )
    if use == "file" and uri.kind != "asset" and (not uri.file_name or uri.path.endswith("/")):
        return "names no file"
    return None


def split_pattern(pattern: str) -> tuple[str, str]:
    """Return the fixed folder of an address with wildcards, and the pattern below it.

    The folder of a data asset is the asset: Azure ML has no name for a folder in one.
    """
    uri = parse(pattern)
    if uri is not None and uri.kind == "asset":
        return pattern[: len(pattern) - len(uri.path) - 1], uri.path
    root = len(pattern) - len(uri.path if uri else "")
    parts = pattern[root:].split("/")
    wild = next((number for number, part in enumerate(parts) if WILDCARD.search(part)), len(parts))
    fixed = min(wild, len(parts) - 1)
    return (pattern[:root] + "/".join(parts[:fixed])).rstrip("/") + ("/" if fixed == 0 else ""), "/".join(parts[fixed:])


def _parse_https(text: str) -> Uri | None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "https" or not host or "@" in parts.netloc or parts.fragment or re.search(r"\s", text):
        return None
    return Uri(text, "https", host, text.partition("//")[2].partition("/")[2])


def _no_address(text: str) -> str:
    scheme = text.partition(":")[0].lower()
    if scheme in _INSTEAD:
        return f"is no address that is read: {_INSTEAD[scheme]}"
    if scheme in ("https", "abfss", "azureml"):
        return f"is no address of data, expected {EXPECTED}"
    guess = did_you_mean(scheme, ("https", "abfss", "azureml"))
    return f"begins with {scheme}:, which is not read{guess or f', expected {EXPECTED}'}"
