"""Tries whether the person may use the storage accounts of queue and store, by two requests that change nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hyperscale.control.azure.session import Session
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.azure.refusals import NEW_ROLES
from hyperscale.node.storing.azure_requests import AzureRequests
from hyperscale.node.storing.credentials import PERSON, Access
from hyperscale.node.storing.patience import StorageUnavailableError

T = TypeVar("T")

QUEUE_ROLE, BLOB_ROLE = "Storage Queue Data Contributor", "Storage Blob Data Contributor"


class NoAccountError(AzureError):
    """Nobody answers to the name of the account."""


class NoDataRoleError(AzureError):
    """The account knows who asks, and does not let them use its data."""


class _NoContainerError(AzureError):
    """The account has no such container."""


def check_storage(session: Session) -> None:
    """See that the person may use queue and store; what is not there is told before anything is made.

    Raises:
        AzureError: when an account does not exist, cannot be reached, or does not let them use its data.
    """
    try_store(session)
    try_queues(session)


def try_store(session: Session) -> bool:
    """List blobs of the container; return whether it is there.

    Raises:
        NoAccountError: when there is no such account.
        NoDataRoleError: when the person lacks the role.
        AzureError: when the account cannot be reached, or refuses.
    """
    from azure.storage.blob import ContainerClient

    requests = _requests(session, session.store_url, session.storage_account, BLOB_ROLE)

    def ask() -> Any:
        with ContainerClient.from_container_url(session.store_url, **requests.options()) as client:
            return next(iter(client.list_blobs(results_per_page=1).by_page()), None)

    try:
        _ask(session.store_url, "azure.storage_account", lambda: requests.ask("list blobs", ask))
    except _NoContainerError:
        return False
    return True


def try_queues(session: Session) -> None:
    """List queues of the account.

    Raises:
        NoAccountError: when there is no such account, or it is of a kind that has no queues.
        NoDataRoleError: when the person lacks the role.
        AzureError: when the account cannot be reached, or refuses.
    """
    from azure.storage.queue import QueueServiceClient

    requests = _requests(session, session.queue_url, session.queue_account, QUEUE_ROLE)

    def ask() -> Any:
        with QueueServiceClient(session.queue_url, **requests.options()) as client:
            return next(iter(client.list_queues(results_per_page=1).by_page()), None)

    key = "azure.queue_account" if session.place.queue_account else "azure.storage_account"
    _ask(session.queue_url, key, lambda: requests.ask("list queues", ask))


def _requests(session: Session, url: str, account: str, role: str) -> AzureRequests:
    hint = f"have the role {role} on {account} assigned to you (`hyperscale doctor --print-setup`); {NEW_ROLES}"
    access = Access(session.credential, PERSON, refused=hint, unknown="log in with `az login`")
    meanings: dict[str, Callable[[], HyperscaleError]] = {
        "ContainerNotFound": lambda: _NoContainerError(f"there is no container at {url}"),
        "AuthorizationPermissionMismatch": lambda: NoDataRoleError(f"your login may not use data at {url}", hint=hint),
    }
    return AzureRequests(url, access, meanings)


def _ask(url: str, key: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except StorageUnavailableError as error:
        host = urlsplit(url).hostname or ""
        account, problem = host.partition(".")[0], error
    # Names are looked up here only when the request has failed: behind a proxy, this machine may know none.
    if _is_known(host):
        raise AzureError(str(problem), hint="see that this machine may reach the account (network, firewall, proxy)")
    raise NoAccountError(
        f"there is no storage account {account} with that service: the name {host} is not known",
        hint=f"correct {key}; premium accounts have no queues",
    )


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except socket.gaierror:
        return False
    return True
