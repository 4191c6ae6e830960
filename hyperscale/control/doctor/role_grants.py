"""Looks up which roles somebody has, and decides whether they allow what is needed.

What counts is what a role allows, and not its name: Owner and Contributor may do everything with a storage account and
nothing with what is in it, and a custom role may do as well as a built-in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.doctor.checks import State, is_no_access
from hyperscale.control.doctor.role_needs import Need
from hyperscale.errors import AzureError
from hyperscale.node.azure.resource_manager import ResourceManager

API_VERSION = "2022-04-01"


@dataclass(frozen=True)
class Permission:
    """What a role allows, as patterns: `*` stands for anything."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grant:
    """A role that somebody has at a scope.

    Attributes:
        role: its name.
        permissions: what it allows; None when that could not be read.
        conditional: whether it holds only under a condition.
    """

    role: str
    permissions: tuple[Permission, ...] | None
    conditional: bool = False


def judge(need: Need, grants: Sequence[Grant] | None) -> tuple[State, str]:
    """Return whether `grants` allow what is needed, and the words for it; None stands for grants that nobody may read.

    Of what cannot be read, nothing is said to be missing.
    """
    if grants is None:
        return "unknown", "roles cannot be read with your login"
    sure = [grant for grant in grants if not grant.conditional and grant.permissions is not None]
    lacking = _lacking(need, sure)
    if not lacking:
        alone = next((grant.role for grant in sure if not _lacking(need, [grant])), None)
        return "ok", f"by {alone}" if alone else "by several roles together"
    perhaps = [grant for grant in grants if grant not in sure and _may_help(grant, lacking)]
    if perhaps:
        return "unknown", f"perhaps by {' or '.join(dict.fromkeys(grant.role for grant in perhaps))}"
    return "missing", "not assigned"


def _may_help(grant: Grant, lacking: Sequence[str]) -> bool:
    """Return whether a role whose rights are not known, or hold under a condition, may allow some of `lacking`."""
    if grant.permissions is None:
        return True
    return any(
        _allows(right.actions, right.not_actions, action) or _allows(right.data_actions, right.not_data_actions, action)
        for right in grant.permissions
        for action in lacking
    )


def _lacking(need: Need, grants: Sequence[Grant]) -> list[str]:
    """Return the actions of `need` that none of `grants` allows."""
    rights = [right for grant in grants for right in grant.permissions or ()]
    return [
        *(action for action in need.actions if not any(_allows(r.actions, r.not_actions, action) for r in rights)),
        *(
            action
            for action in need.data_actions
            if not any(_allows(r.data_actions, r.not_data_actions, action) for r in rights)
        ),
    ]


def _allows(allowed: Iterable[str], taken_back: Iterable[str], action: str) -> bool:
    return _is_one_of(action, allowed) and not _is_one_of(action, taken_back)


def _is_one_of(action: str, patterns: Iterable[str]) -> bool:
    return any(_expression(pattern).fullmatch(action) for pattern in patterns)


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the expression of a pattern; `a/*/read` is `a/read`, too, as in Managed Identity Operator."""
    text = re.escape(pattern).replace(r"/\*/", "/(.*/)?").replace(r"\*", ".*")
    return re.compile(text, re.IGNORECASE)


class RoleReader:
    """Reads roles and what they allow; each of them once."""

    def __init__(self, azure: ResourceManager) -> None:
        """Ask `azure`."""
        self._azure = azure
        self._grants: dict[tuple[str, str], list[Grant] | None] = {}
        self._definitions: dict[str, tuple[str, tuple[Permission, ...] | None]] = {}

    def grants(self, principal_id: str, scope: str) -> list[Grant] | None:
        """Return the roles of a principal at a scope, with those that it has above it, and by its groups.

        Returns:
            None when the login may not read roles.

        Raises:
            AzureError: when Azure does not answer.
        """
        key = (principal_id, scope)
        if key not in self._grants:
            self._grants[key] = self._read(principal_id, scope)
        return self._grants[key]

    def _read(self, principal_id: str, scope: str) -> list[Grant] | None:
        # assignedTo counts what a person has by groups (role-assignments-list-rest).
        query = {"api_version": API_VERSION, "$filter": f"atScope() and assignedTo('{principal_id}')"}
        try:
            found = list(self._azure.pages(f"{scope}/providers/Microsoft.Authorization/roleAssignments", **query))
        except AzureError as error:
            if is_no_access(error):
                return None
            raise
        return [self._grant(document.get("properties") or {}) for document in found]

    def _grant(self, properties: Mapping[str, Any]) -> Grant:
        name, permissions = self._definition(str(properties.get("roleDefinitionId") or ""))
        return Grant(name, permissions, conditional=bool(properties.get("condition")))

    def _definition(self, path: str) -> tuple[str, tuple[Permission, ...] | None]:
        if path not in self._definitions:
            try:
                document = self._azure.get(path, api_version=API_VERSION) if path else None
            except AzureError as error:
                if not is_no_access(error):
                    raise
                document = None
            self._definitions[path] = role_of(document) if document else ("a role that cannot be read", None)
        return self._definitions[path]


def role_of(document: Mapping[str, Any]) -> tuple[str, tuple[Permission, ...]]:
    """Return the name of a role definition, and what it allows."""
    properties = document.get("properties") or {}
    keys = ("actions", "notActions", "dataActions", "notDataActions")
    permissions = (
        Permission(*(tuple(part.get(key) or ()) for key in keys)) for part in properties.get("permissions") or ()
    )
    return str(properties.get("roleName") or "a role"), tuple(permissions)
