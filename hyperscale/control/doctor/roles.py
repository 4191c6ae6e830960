"""Looks whether somebody has the roles that a run needs, on the resources that it needs them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.checks import Check, guarded
from hyperscale.control.doctor.compute import RunIdentity
from hyperscale.control.doctor.role_grants import RoleReader, judge
from hyperscale.control.doctor.role_needs import (
    CONTAINER,
    IDENTITY,
    QUEUE_ACCOUNT,
    REGISTRY,
    VAULT,
    WORKSPACE,
    Need,
    pulls_images,
)
from hyperscale.control.doctor.storage import Account
from hyperscale.errors import HyperscaleError
from hyperscale.experiment import Experiment
from hyperscale.node.azure.refusals import NEW_ROLES

_RESOURCES_VERSION = "2021-04-01"
_REGISTRY_VERSION = "2023-07-01"
_VAULT_VERSION = "2023-07-01"
_ACCOUNTS = "Microsoft.Storage/storageAccounts"
_TYPES = {
    REGISTRY: "Microsoft.ContainerRegistry/registries",
    VAULT: "Microsoft.KeyVault/vaults",
}


def account_id(session: Session, name: str) -> str | None:
    """Return the resource id of a storage account; None when it is not found."""
    if name == session.facts.storage_account:
        return session.facts.storage_account_id
    try:
        return find_resource(session, _ACCOUNTS, name)
    except HyperscaleError:
        return None


@dataclass(frozen=True)
class Scopes:
    """Finds the resource that a role is needed on."""

    session: Session
    experiment: Experiment
    store: Account
    queue: Account

    def of(self, need: Need) -> tuple[str | None, str]:
        """Return the resource id, None when it is not found, and its name for people.

        Raises:
            AzureError: when Azure refuses, or does not answer.
        """
        container = f"/blobServices/default/containers/{self.session.place.container}"
        if need.kind == WORKSPACE:
            return self.session.workspace.name.path, f"workspace {self.session.workspace.name.name}"
        if need.kind == IDENTITY:
            identity = self.experiment.compute.identity
            return identity, f"identity {(identity or '').rpartition('/')[2]}"
        if need.kind == QUEUE_ACCOUNT:
            return self.queue.id, f"account {self.queue.name}"
        if need.kind == CONTAINER:
            named = f"container {self.session.place.container} of {self.store.name}"
            return self.store.id and f"{self.store.id}{container}", named
        own = (self.session.facts.container_registry, self.session.facts.key_vault)
        for path in own:
            if path.rpartition("/")[2].lower() == need.name:
                return path, f"{need.kind} {need.name}"
        return find_resource(self.session, _TYPES[need.kind], need.name), f"{need.kind} {need.name}"


def find_resource(session: Session, kind: str, name: str) -> str | None:
    """Return the id of the resource `name` of a type in the workspace's subscription; None when none is seen.

    Raises:
        AzureError: when Azure refuses, or does not answer.
    """
    query: dict[str, Any] = {"$filter": f"resourceType eq '{kind}' and name eq '{name}'"}
    path = f"/subscriptions/{session.place.workspace.subscription_id}/resources"
    found = session.workspace.azure.pages(path, api_version=_RESOURCES_VERSION, **query)
    return next((str(each["id"]) for each in found if str(each.get("name", "")).lower() == name.lower()), None)


def role_checks(about: str, who: RunIdentity, need: Need, scopes: Scopes, roles: RoleReader) -> list[Check]:
    """Return whether `who` may do what is needed."""

    def ask() -> Sequence[Check]:
        scope, named = scopes.of(need)
        wanted = f"{need.role} on {named}"
        if scope is None:
            todo = f"see that {who.name} has the role {need.role} on it"
            return [Check(about, need.why, "unknown", f"{named} is not among what you may see", todo)]
        if need.kind == VAULT and not _takes_roles(scopes.session, scope):
            todo = f"see that they let {who.name} get secrets"
            return [Check(about, need.why, "unknown", f"{named} goes by access policies, not by roles", todo)]
        state, found = judge(need, roles.grants(who.principal_id, scope))
        todo = {
            "ok": "",
            "missing": f"have {wanted} assigned to {who.name} (--print-setup); {NEW_ROLES}",
            "unknown": f"see that {who.name} has the role {need.role}, or one that allows the same",
        }[state]
        told = f"{named}: {found}" if state == "ok" else f"{wanted}: {found}"
        return [Check(about, need.why, state, told, todo)]

    return guarded(about, need.why, ask)


def registry_checks(about: str, who: RunIdentity, session: Session, roles: RoleReader) -> list[Check]:
    """Return whether `who` may pull the images that the workspace builds into its own registry, if it has one yet."""
    path = session.facts.container_registry
    need = pulls_images(path.rpartition("/")[2])
    wanted = f"{need.role} on registry {need.name} of the workspace"

    def ask() -> Sequence[Check]:
        state, found = judge(need, roles.grants(who.principal_id, path))
        if state == "ok":
            return [Check(about, need.why, state, f"registry {need.name} of the workspace: {found}")]
        document = session.workspace.azure.get(path, api_version=_REGISTRY_VERSION) or {}
        if (document.get("properties") or {}).get("adminUserEnabled"):
            found = "not needed, Azure ML uses the registry's admin user"
            return [Check(about, need.why, "ok", f"{wanted}: {found}")]
        todo = f"have {wanted} assigned to {who.name} (--print-setup); {NEW_ROLES}"
        return [Check(about, need.why, state, f"{wanted}: {found}", todo)]

    return guarded(about, need.why, ask) if path else []


def _takes_roles(session: Session, vault: str) -> bool:
    document = session.workspace.azure.get(vault, api_version=_VAULT_VERSION) or {}
    return bool((document.get("properties") or {}).get("enableRbacAuthorization", True))
