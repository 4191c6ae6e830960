"""Who there is in the emulated Azure, which roles they have, and what those let them do."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

_ML = "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class Role:
    """A built-in role of Azure, with its real id.

    Attributes:
        name, id: of it.
        actions, not_actions: patterns of what it allows of Azure Resource Manager, and what it takes back from that.
        data_actions: patterns of what it allows of data, such as blobs.
    """

    name: str
    id: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        return any(matches(pattern, action) for pattern in self.actions) and not any(
            matches(pattern, action) for pattern in self.not_actions
        )

    def allows_data(self, action: str) -> bool:
        return any(matches(pattern, action) for pattern in self.data_actions)


_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
#: As learn.microsoft.com/azure/role-based-access-control/built-in-roles lists them, as far as they matter here.
ROLES = {
    role.name: role
    for role in (
        Role("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ("*",)),
        Role(
            "Contributor",
            "b24988ac-6180-42a0-ab88-20f7382dd24c",
            ("*",),
            ("Microsoft.Authorization/*/delete", "Microsoft.Authorization/*/write"),
        ),
        Role("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", ("*/read",)),
        Role(
            "AzureML Data Scientist",
            "f6c7c914-8db3-469d-8ca1-694a8f32e121",
            (f"{_ML}/*/read", f"{_ML}/*/action", f"{_ML}/*/delete", f"{_ML}/*/write"),
            (
                f"{_ML}/delete",
                f"{_ML}/write",
                f"{_ML}/computes/*/write",
                f"{_ML}/computes/*/delete",
                f"{_ML}/computes/listKeys/action",
                f"{_ML}/listKeys/action",
            ),
        ),
        Role("AzureML Compute Operator", "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815", (f"{_ML}/computes/*",)),
        Role(
            "Storage Blob Data Contributor",
            "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
            (f"{_BLOBS}/read", f"{_BLOBS}/write", f"{_BLOBS}/delete"),
            data_actions=(f"{_BLOBS}/blobs/*",),
        ),
        Role(
            "Storage Blob Data Owner",
            "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
            (f"{_BLOBS}/*",),
            data_actions=(f"{_BLOBS}/blobs/*",),
        ),
        Role(
            "Storage Blob Data Reader",
            "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
            (f"{_BLOBS}/read",),
            data_actions=(f"{_BLOBS}/blobs/read",),
        ),
        Role(
            "Storage Queue Data Contributor",
            "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
            (f"{_QUEUES}/read", f"{_QUEUES}/write", f"{_QUEUES}/delete"),
            data_actions=(f"{_QUEUES}/messages/*",),
        ),
        Role(
            "Storage Queue Data Message Processor",
            "8a0f0c08-91a1-4084-bc3d-661d67233fed",
            data_actions=(f"{_QUEUES}/messages/read", f"{_QUEUES}/messages/process/action"),
        ),
        Role(
            "AcrPull",
            "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            ("Microsoft.ContainerRegistry/registries/pull/read",),
        ),
        Role(
            "Key Vault Secrets User",
            "4633458b-17de-408a-b874-0445c86b69e6",
            data_actions=("Microsoft.KeyVault/vaults/secrets/*",),
        ),
        Role(
            "Network Contributor",
            "4d97b98b-1d4f-4787-a291-c67834d212e7",
            ("Microsoft.Network/*",),
        ),
        Role(
            "Managed Identity Operator",
            "f1a07417-d97a-45cb-824c-7a7467783830",
            (f"{_IDENTITIES}/*/read", f"{_IDENTITIES}/*/assign/action"),
        ),
    )
}


def matches(pattern: str, action: str) -> bool:
    """Return whether an action is one of those that a pattern names; `a/*/read` names `a/read` too."""
    expression = re.escape(pattern).replace(r"/\*/", r"/(.*/)?").replace(r"\*", ".*")
    return re.fullmatch(expression, action, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Principal:
    """A person or a managed identity.

    Attributes:
        name: of it; of a person, what they log in with.
        object_id: by which roles are assigned.
        client_id: of an identity; None of a person.
        path: of the identity's resource; None of a person.
    """

    name: str
    object_id: str
    client_id: str | None = None
    path: str | None = None

    @property
    def kind(self) -> str:
        return "ServicePrincipal" if self.client_id else "User"


@dataclass(frozen=True)
class Assignment:
    """A role that a principal has at a scope, and at all below it."""

    id: str
    principal: Principal
    role: Role
    scope: str
    created_at: float = field(default_factory=time.time)

    @property
    def path(self) -> str:
        return f"{self.scope}/providers/Microsoft.Authorization/roleAssignments/{self.id}"


@dataclass(frozen=True)
class Places:
    """The paths of resources that roles are assigned on.

    Attributes:
        subscription, workspace, account, registry, vault: of them.
        container: name of the store's, which need not be there yet.
    """

    subscription: str
    workspace: str
    account: str
    registry: str
    vault: str
    container: str = "hyperscale"


class Directory:
    """The principals of one tenant, and their roles.

    Attributes:
        tenant_id: of it.
        person: who is logged in, unless a test says otherwise.
        run_identity: the managed identity of consumers.
        control_identity: the managed identity of seed and teardown.
        logged_out: object ids of the people whose `az login` is over.
        roles: all that can be assigned, by name: the built-in ones, and those that tests define.
        assignments: every role of everybody.
    """

    def __init__(self, group_path: str, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self._group_path = group_path
        self.principals: dict[str, Principal] = {}
        self.logged_out: set[str] = set()
        self.roles = dict(ROLES)
        self.assignments: list[Assignment] = []
        self.person = self.add_person("ada@example.org")
        self.run_identity = self.add_identity("hyperscale-run")
        self.control_identity = self.add_identity("hyperscale-control")

    def assign_as_documented(self, places: Places) -> None:
        """Give the person and the two identities exactly the roles of the table in docs/on-azure.md."""
        queues, store = places.account, f"{places.account}/blobServices/default/containers/{places.container}"
        for principal in (self.person, self.run_identity, self.control_identity):
            self.assign(principal, "Storage Queue Data Contributor", scope=queues)
            self.assign(principal, "Storage Blob Data Contributor", scope=store)
        for principal in (self.person, self.control_identity):
            self.assign(principal, "AzureML Data Scientist", "AzureML Compute Operator", scope=places.workspace)
        for identity in (self.run_identity, self.control_identity):
            self.assign(identity, "AcrPull", scope=places.registry)
            self.assign(self.person, "Managed Identity Operator", scope=str(identity.path))
        self.assign(self.run_identity, "Key Vault Secrets User", scope=places.vault)
        self.assign(self.person, "Reader", scope=places.subscription)

    def assign_to_all(self, role: str, scope: str) -> None:
        """Give the person and both identities a role, such as on a container with data of an experiment."""
        for principal in (self.person, self.run_identity, self.control_identity):
            self.assign(principal, role, scope=scope)

    def add_person(self, name: str) -> Principal:
        """Add somebody without any role."""
        return self._add(Principal(name, str(uuid.uuid4())))

    def add_identity(self, name: str) -> Principal:
        """Add a user-assigned managed identity without any role."""
        path = f"{self._group_path}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        return self._add(Principal(name, str(uuid.uuid4()), str(uuid.uuid4()), path))

    def add_application(self, name: str) -> Principal:
        """Add an application without any role, which logs in with a secret."""
        return self._add(Principal(name, str(uuid.uuid4()), str(uuid.uuid4())))

    def _add(self, principal: Principal) -> Principal:
        self.principals[principal.object_id] = principal
        return principal

    def assign(self, principal: Principal, *roles: str, scope: str | None = None) -> None:
        """Give somebody roles, by their names, at `scope` (the resource group)."""
        for role in roles:
            self.assignments.append(
                Assignment(str(uuid.uuid4()), principal, self.roles[role], scope or self._group_path)
            )

    def remove(self, principal: Principal, *roles: str) -> None:
        """Take roles away from somebody, wherever they have them; without names, all of them."""
        self.assignments[:] = [
            found
            for found in self.assignments
            if found.principal != principal or (roles and found.role.name not in roles)
        ]

    def roles_at(self, principal: Principal, scope: str) -> list[Role]:
        """Return the roles that somebody has at a scope, or above it."""
        return [
            found.role for found in self.assignments if found.principal == principal and is_below(scope, found.scope)
        ]

    def allows(self, principal: Principal, action: str, scope: str) -> bool:
        return any(role.allows(action) for role in self.roles_at(principal, scope))

    def allows_data(self, principal: Principal, action: str, scope: str) -> bool:
        return any(role.allows_data(action) for role in self.roles_at(principal, scope))

    def data_rights(self, principals: Sequence[Principal], account_path: str, service: str) -> dict[str, str]:
        """Return what somebody may do with the data of an account: read, write and delete, as letters of rwd.

        Args:
            principals: who, all together.
            account_path: of the account.
            service: blob or queue.

        Returns:
            By the name of the container or queue; `*` is for all of them, and for the account itself.
        """
        names, data = {"blob": ("containers", f"{_BLOBS}/blobs"), "queue": ("queues", f"{_QUEUES}/messages")}[service]
        rights: dict[str, str] = {}
        for found in self.assignments:
            if found.principal not in principals:
                continue
            below = found.scope.lower().removeprefix(f"{account_path.lower()}/{service}services/default/{names}/")
            name = "*" if is_below(account_path, found.scope) else below
            if name == found.scope.lower():
                continue
            verbs = [verb for verb in ("read", "write", "delete") if found.role.allows_data(f"{data}/{verb}")]
            rights[name] = "".join(dict.fromkeys(rights.get(name, "") + "".join(verb[0] for verb in verbs)))
        return {name: letters for name, letters in rights.items() if letters}

    def identity(self, name_or_id: str) -> Principal | None:
        """Return a managed identity by its path, client id or object id."""
        wanted = name_or_id.lower()
        for found in self.principals.values():
            if found.path and wanted in (found.path.lower(), (found.client_id or "").lower(), found.object_id):
                return found
        return None


def is_below(scope: str, above: str) -> bool:
    """Return whether a scope is another one, or lies in it."""
    return f"{scope.lower()}/".startswith(f"{above.rstrip('/').lower()}/")
