"""Looks at the storage accounts of a run, without changing anything: are they there, and do they let the person in?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hyperscale.control.azure.session import Session
from hyperscale.control.azure.storage_probe import (
    BLOB_ROLE,
    QUEUE_ROLE,
    NoAccountError,
    NoDataRoleError,
    try_queues,
    try_store,
)
from hyperscale.control.doctor.checks import Check, State, guarded, is_no_access, of_error
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import NEW_ROLES

ABOUT = "storage"
_ACCOUNT_VERSION = "2023-01-01"


@dataclass(frozen=True)
class Account:
    """A storage account.

    Attributes:
        name: of it.
        id: of its resource; None when it could not be found.
        keys: of the experiment file that name it.
    """

    name: str
    id: str | None
    keys: str


def account_checks(session: Session, account: Account, *, has_queue: bool) -> list[Check]:
    """Return whether the account is there, and can hold what the run puts into it."""
    what = f"account {account.name}"
    if account.id is None:
        todo = f"correct {account.keys}, or have the role Reader on it assigned to you"
        return [Check(ABOUT, what, "unknown", "not among the resources that you may see in the subscription", todo)]
    try:
        document = session.workspace.azure.get(account.id, api_version=_ACCOUNT_VERSION)
    except AzureError as error:
        if is_no_access(error):
            return [Check(ABOUT, what, "unknown", "your login may not look at it", "see the checks of its data below")]
        return [of_error(ABOUT, what, error)]
    if document is None:
        return [Check(ABOUT, what, "missing", "there is no such account", f"make it, or correct {account.keys}")]
    return [Check(ABOUT, what, *account_state(document, has_queue=has_queue))]


def account_state(document: dict[str, Any], *, has_queue: bool) -> tuple[State, str, str]:
    """Return state, what is and what to do, of a storage account by its resource."""
    properties = document.get("properties") or {}
    sku = document.get("sku") or {}
    said = ", ".join(filter(None, (str(sku.get("name") or ""), str(document.get("location") or ""))))
    premium = str(sku.get("tier") or sku.get("name") or "").lower().startswith("premium")
    endpoints = properties.get("primaryEndpoints")
    if has_queue and (premium or (endpoints is not None and "queue" not in endpoints)):
        return "missing", f"{said}: an account of this kind has no queues", "name a standard one as azure.queue_account"
    rules = properties.get("networkAcls") or {}
    if properties.get("publicNetworkAccess") == "Disabled" or rules.get("defaultAction") == "Deny":
        todo = "see that nodes and this machine are in a network that it lets in"
        return "unknown", f"{said}: its firewall lets in chosen networks only", todo
    keys_text = "" if properties.get("allowSharedKeyAccess") is not False else ", shared keys disabled (none are used)"
    return "ok", f"{said}{keys_text}", ""


def store_probe(session: Session, account: Account) -> list[Check]:
    """Return whether the person may list blobs of the container, tried; nothing is written."""
    return _tried(f"container {session.place.container}", account, BLOB_ROLE, lambda: try_store(session))


def queue_probe(session: Session, account: Account) -> list[Check]:
    """Return whether the person may list queues, tried; nothing is written."""

    def ask() -> bool:
        try_queues(session)
        return True

    return _tried("queues", account, QUEUE_ROLE, ask)


def _tried(what: str, account: Account, role: str, ask: Callable[[], bool]) -> list[Check]:
    named = f"{what} of {account.name}"
    try:
        is_there = ask()
    except NoAccountError as error:
        # An account that is there and has no address here is behind a private one.
        state: State = "missing" if account.id is None else "unknown"
        todo = f"see that {account.keys} is right"
        return [Check(ABOUT, named, state, str(error), todo, is_fatal=state == "missing")]
    except NoDataRoleError:
        todo = f"have the role {role} on {account.name} assigned to you; {NEW_ROLES}"
        return [Check(ABOUT, named, "missing", "your login may not use its data", todo, is_fatal=True)]
    except AzureError as error:
        return [of_error(ABOUT, named, error)]
    return [Check(ABOUT, named, "ok", "your login may list them" if is_there else "not there yet: submit makes it")]


def storage_checks(session: Session, store: Account, queue: Account) -> list[Check]:
    """Return every check of the accounts of store and queue, which may be one."""
    same = store.name == queue.name
    found = guarded(ABOUT, f"account {store.name}", lambda: account_checks(session, store, has_queue=same))
    if not same:
        found += guarded(ABOUT, f"account {queue.name}", lambda: account_checks(session, queue, has_queue=True))
    found += guarded(ABOUT, "container", lambda: store_probe(session, store))
    return [*found, *guarded(ABOUT, "queues", lambda: queue_probe(session, queue))]
