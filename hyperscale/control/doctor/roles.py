"""Looks whether somebody has the roles that a run needs, on the resources that it needs them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.checks import Check, State, guarded
from hyperscale.control.doctor.identities import RunIdentity
from hyperscale.control.doctor.role_grants import RoleReader, judge
from hyperscale.control.doctor.role_needs import (
    CONTAINER,
    IDENTITY,
    NETWORK,
    OWN_STORAGE,
    PULLS_IMAGES,
    QUEUE_ACCOUNT,
    REGISTRY,
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    Need,
    Whose,
    pulls_images,
)
from hyperscale.control.doctor.storage import Account
from hyperscale.errors import HyperscaleError
from hyperscale.experiment import Experiment, Network
from hyperscale.node.azure.refusals import NEW_ROLES
from hyperscale.node.azure.workspace import WorkspaceName

_RESOURCES_VERSION = "2021-04-01"
_REGISTRY_VERSION = "2023-07-01"
_VAULT_VERSION = "2023-07-01"
_ACCOUNTS = "Microsoft.Storage/storageAccounts"
_TYPES = {
    REGISTRY: "Microsoft.ContainerRegistry/registries",
    VAULT: "Microsoft.KeyVault/vaults",
}
#: Where a role is needed, and its name for people.
Scope = tuple[str | None, str]


def account_id(session: Session, name: str) -> str | None:
    """Return the resource id of a storage account; None when it is not found."""
    if name == session.facts.storage_account:
        return session.facts.storage_account_id
    try:
        return find_resource(session, _ACCOUNTS, name)
    except HyperscaleError:
        return None


def network_id(network: Network, workspace: WorkspaceName) -> str:
    """Return the resource id of a virtual network; one that is named alone is in the workspace's resource group.

    So does the SDK of Azure ML read `network_settings` of a cluster.
    """
    for given in (network.subnet, network.vnet_name):
        if given.startswith("/"):
            return given.partition("/subnets/")[0]
    group = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
    return f"{group}/providers/Microsoft.Network/virtualNetworks/{network.vnet_name}"


@dataclass(frozen=True)
class Scopes:
    """Finds the resources that a role is needed on."""

    session: Session
    experiment: Experiment
    store: Account
    queue: Account

    def of(self, need: Need) -> list[Scope]:
        """Return the resource ids, None for one that is not found, each with its name for people.

        Raises:
            AzureError: when Azure refuses, or does not answer.
        """
        workspace = self.session.workspace.name
        if need.kind == SUBSCRIPTION:
            return [(f"/subscriptions/{workspace.subscription_id}", f"subscription {workspace.subscription_id}")]
        if need.kind == WORKSPACE:
            return [(workspace.path, f"workspace {workspace.name}")]
        if need.kind == IDENTITY:
            return [(need.name, f"identity {need.name.rpartition('/')[2]}")]
        if need.kind == NETWORK and self.experiment.compute.network:
            path = network_id(self.experiment.compute.network, workspace)
            return [(path, f"virtual network {path.rpartition('/')[2]}")]
        if need.kind == QUEUE_ACCOUNT:
            return [(self.queue.id, f"account {self.queue.name}")]
        if need.kind == CONTAINER:
            return [_container(self.store.id, self.store.name, self.session.place.container)]
        if need.kind == OWN_STORAGE:
            facts = self.session.facts
            return [_container(facts.storage_account_id, facts.storage_account, name) for name in facts.own_containers]
        own = (self.session.facts.container_registry, self.session.facts.key_vault)
        for path in own:
            if path.rpartition("/")[2].lower() == need.name:
                return [(path, f"{need.kind} {need.name}")]
        return [(find_resource(self.session, _TYPES[need.kind], need.name), f"{need.kind} {need.name}")]


def _container(account: str | None, name: str, container: str) -> Scope:
    named = f"container {container} of {name}"
    return account and f"{account}/blobServices/default/containers/{container}", named


def find_resource(session: Session, kind: str, name: str) -> str | None:
    """Return the id of the resource `name` of a type in the workspace's subscription; None when none is seen.

    Raises:
        AzureError: when Azure refuses, or does not answer.
    """
    query: dict[str, Any] = {"$filter": f"resourceType eq '{kind}' and name eq '{name}'"}
    path = f"/subscriptions/{session.place.workspace.subscription_id}/resources"
    found = session.workspace.azure.pages(path, api_version=_RESOURCES_VERSION, **query)
    return next((str(each["id"]) for each in found if str(each.get("name", "")).lower() == name.lower()), None)


@dataclass(frozen=True)
class RoleChecks:
    """Checks whether one principal has the roles that it needs.

    Attributes:
        about: the heading of the checks.
        who: the principal.
        scopes: finds resources.
        roles: reads roles.
        is_login: whether the principal is the login itself: Azure tells it what it may do, in whatever way it may.
        is_cheap: whether to ask for that alone, with one request for each resource, and not for the names of roles.
    """

    about: str
    who: RunIdentity
    scopes: Scopes
    roles: RoleReader
    is_login: bool = False
    is_cheap: bool = False

    def of(self, need: Need) -> list[Check]:
        """Return whether the principal may do what is needed, one check for each resource."""
        return guarded(self.about, need.why, lambda: [self._at(need, scope) for scope in self.scopes.of(need)])

    def _at(self, need: Need, at: Scope) -> Check:
        scope, named = at
        who = self.who.name
        if scope is None:
            todo = f"see that {who} has the role {need.role} on it"
            return Check(self.about, need.why, "unknown", f"{named} is not among what you may see", todo)
        if need.kind == VAULT and not _takes_roles(self.scopes.session, scope):
            todo = f"see that they let {who} get secrets"
            return Check(self.about, need.why, "unknown", f"{named} goes by access policies, not by roles", todo)
        wanted = f"{need.role} on {named}"
        state, found = self._judged(need, scope)
        todo = {
            "ok": "",
            "missing": f"have {wanted} assigned to {who} (--print-setup); {NEW_ROLES}",
            "unknown": f"see that {who} has the role {need.role}, or one that allows the same",
        }[state]
        told = f"{named}: {found}" if state == "ok" else f"{wanted}: {found}"
        return Check(self.about, need.why, state, told, todo, is_fatal=state == "missing" and self.stops_runs(need))

    def _judged(self, need: Need, scope: str) -> tuple[State, str]:
        if not self.is_login:
            return judge(need, self.roles.grants(self.who.principal_id, scope))
        grants = None if self.is_cheap else self.roles.grants(self.who.principal_id, scope)
        state, found = judge(need, grants)
        if state != "missing" and grants is not None:
            return state, found
        # A role may come in ways that no list of assignments shows, and a login may not be able to read that list.
        own = self.roles.own_grants(scope)
        return (state, found) if own is None else judge(need, own)

    def stops_runs(self, need: Need) -> bool:
        """Return whether a run is in vain without it: what a person does with data and quota is tried instead."""
        if need.role == PULLS_IMAGES:
            return False
        return not self.is_login or need.kind in (WORKSPACE, IDENTITY, NETWORK, OWN_STORAGE)

    def of_own_registry(self, whose: Whose) -> list[Check]:
        """Return whether it may pull the images that the workspace builds into its own registry, if there is one."""
        session = self.scopes.session
        path = session.facts.container_registry
        need = pulls_images(whose, path.rpartition("/")[2])
        wanted = f"{need.role} on registry {need.name} of the workspace"

        def ask() -> Sequence[Check]:
            state, found = self._judged(need, path)
            if state == "ok":
                return [Check(self.about, need.why, state, f"registry {need.name} of the workspace: {found}")]
            document = session.workspace.azure.get(path, api_version=_REGISTRY_VERSION) or {}
            if (document.get("properties") or {}).get("adminUserEnabled"):
                found = "not needed, Azure ML uses the registry's admin user"
                return [Check(self.about, need.why, "ok", f"{wanted}: {found}")]
            todo = f"have {wanted} assigned to {self.who.name} (--print-setup); {NEW_ROLES}"
            return [Check(self.about, need.why, state, f"{wanted}: {found}", todo)]

        return guarded(self.about, need.why, ask) if path else []


def _takes_roles(session: Session, vault: str) -> bool:
    document = session.workspace.azure.get(vault, api_version=_VAULT_VERSION) or {}
    return bool((document.get("properties") or {}).get("enableRbacAuthorization", True))
