"""Who asks the storage service: the identity of a node, the login of a user, or the key of an emulator.

The one place that makes credentials. No message of it repeats what it found in the environment.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hyperscale.azure_cloud import refuse_other_clouds
from hyperscale.errors import AzureError
from hyperscale.node.storing.kept_tokens import KeptTokens
from hyperscale.node.storing.places import SERVICES, AccountPlace, account_place

#: Whoever runs this program, for messages.
PERSON = "your login (DefaultAzureCredential)"
CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
#: Set in each job of Azure ML. The second may hold the literal `clientid` where there is no identity
#: (azure-sdk-for-python issue 36047).
_JOB = ("AZUREML_RUN_ID", "AZUREML_ROOT_RUN_ID")
_NODE_CLIENT_ID = "DEFAULT_IDENTITY_CLIENT_ID"
_USER_CLIENT_ID = "AZURE_CLIENT_ID"
_ROLES = {"queue": "Storage Queue Data Contributor", "store": "Storage Blob Data Contributor"}


@dataclass(frozen=True)
class Access:
    """How a storage account is asked.

    Attributes:
        credential: what the clients of the SDK take.
        who: it is, for messages: no secret.
        refused: what to do when the service says that it may not.
        unknown: what to do when it cannot be had at all.
    """

    credential: Any
    who: str
    refused: str
    unknown: str


def access_to(place: AccountPlace, environ: Mapping[str, str]) -> Access:
    """Return how `place` is asked: with what `environ` says.

    Raises:
        AzureError: when the connection string is for another account, or a token would travel over http.
    """
    text = environ.get(CONNECTION_STRING)
    if text:
        return _access_by_connection_string(place, text)
    if place.url.startswith("http:"):
        raise AzureError(
            f"{place.url} is http: a token would travel in clear text, and is not sent",
            hint=f"use https; for Azurite over http set {CONNECTION_STRING}",
        )
    if is_node(environ):
        return _access_of_node(place, environ)
    return Access(
        login(),
        PERSON,
        refused=f"have the role {_ROLES[place.what]} on the account assigned to you; that may take 30 minutes to work",
        unknown=f"log in with `az login`; for Azurite set {CONNECTION_STRING}",
    )


@functools.cache
def login() -> Any:
    """Return the credential of who runs this program; nothing is asked yet.

    A process has one: each new one would try every way to log in again, and start az, a second or two each time.

    Raises:
        AzureError: when this process is told to use another cloud than the public one.
    """
    refuse_other_clouds(os.environ)
    from azure.identity import DefaultAzureCredential  # a third of a second: only who needs it

    # It writes a page for each way to log in that nobody has taken; `sign_in` says it in one sentence.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL + 1)
    return KeptTokens(DefaultAzureCredential())


def worker_client_id(environ: Mapping[str, str]) -> str | None:
    """Return the AZURE_CLIENT_ID that workers need, so that an activity's own DefaultAzureCredential works.

    None when they need none: it is set already, or this is not a node with an identity that is known by its id.
    """
    if environ.get(_USER_CLIENT_ID) or not is_node(environ):
        return None
    return _node_client_id(environ)


def is_node(environ: Mapping[str, str]) -> bool:
    """Return whether this is a job of Azure ML."""
    return any(environ.get(name) for name in (*_JOB, _NODE_CLIENT_ID))


def _node_client_id(environ: Mapping[str, str]) -> str | None:
    given = environ.get(_NODE_CLIENT_ID, "")
    try:
        return str(UUID(given)) if len(given) == 36 else None
    except ValueError:
        return None


def node_credential(environ: Mapping[str, str]) -> Any:
    """Return the credential of the node's identity: the one whose id is given, or else the only one of the cluster.

    Raises:
        AzureError: when the node is in another cloud than the public one.
    """
    refuse_other_clouds(environ)
    from azure.identity import ManagedIdentityCredential

    client_id = _node_client_id(environ)
    return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()


def _access_of_node(place: AccountPlace, environ: Mapping[str, str]) -> Access:
    client_id = _node_client_id(environ)
    return Access(
        node_credential(environ),
        f"the node's managed identity {client_id}" if client_id else "the node's only managed identity",
        refused=f"assign the role {_ROLES[place.what]} on the account to it; that takes up to 30 minutes to work",
        unknown="give the cluster one user-assigned identity: compute.identity and compute.identity_client_id in "
        "experiment.yaml, then render and make the clusters again",
    )


def _access_by_connection_string(place: AccountPlace, text: str) -> Access:
    """Return the key, or the signature, of a connection string that is for this very account."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    settings = {key.strip().lower(): value for key, _, value in (part.partition("=") for part in text.split(";"))}
    endpoint = _endpoint(place, settings)
    if endpoint is None or endpoint.url.lower() != place.url.lower():
        meant = f"is for {endpoint.url}" if endpoint else f"names no endpoint for a {place.what}"
        raise AzureError(
            f"{CONNECTION_STRING} {meant}, not for {place.url}",
            hint="unset it to use your login or the node's identity, or set it to that of this account",
        )
    key, signature = settings.get("accountkey"), settings.get("sharedaccesssignature")
    if not key and not signature:
        raise AzureError(f"{CONNECTION_STRING} holds neither a key nor a signature", hint="unset it, or copy it again")
    return Access(
        AzureNamedKeyCredential(place.account, key) if key else AzureSasCredential(signature or ""),
        f"the {'key' if key else 'signature'} in {CONNECTION_STRING}",
        refused=f"copy the connection string again, or unset {CONNECTION_STRING} to use your login",
        unknown=f"copy the connection string again, or unset {CONNECTION_STRING} to use your login",
    )


def _endpoint(place: AccountPlace, settings: Mapping[str, str]) -> AccountPlace | None:
    service = SERVICES[place.what]
    url = settings.get(f"{service}endpoint")
    account = settings.get("accountname")
    if not url and account:
        scheme = settings.get("defaultendpointsprotocol") or "https"
        url = f"{scheme}://{account}.{service}.{settings.get('endpointsuffix') or 'core.windows.net'}"
    return account_place(url, place.what) if url else None
