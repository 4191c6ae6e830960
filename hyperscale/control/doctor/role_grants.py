"""Looks up which roles somebody has, and decides whether they allow what is needed.

What counts is what a role allows, and not its name: Owner and Contributor may do everything with a storage account and
nothing with what is in it, and a custom role may do as well as a built-in one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.doctor.checks import State, is_no_access
from hyperscale.control.doctor.role_needs import Need
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.resource_manager import ResourceManager

API_VERSION = "2022-04-01"
_KEYS = ("actions", "notActions", "dataActions", "notDataActions")


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


@dataclass(frozen=True)
class Assignment:
    """A role that somebody has at a scope, and at all below it.

    Attributes:
        role_id: path of its definition.
        scope: where it was assigned.
        is_conditional: whether it holds only under a condition.
    """

    role_id: str
    scope: str
    is_conditional: bool


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
    """Reads roles and what they allow; each of them once. Safe for several threads.

    Attributes:
        azure: is asked.
        subscription_id: of the workspace; what lies in it is read with one request for each principal.
    """

    def __init__(self, azure: ResourceManager, subscription_id: str) -> None:
        """Ask `azure`."""
        self._azure, self._subscription = azure, f"/subscriptions/{subscription_id}"
        self._assignments: dict[tuple[str, str], list[Assignment] | None] = {}
        self._definitions: dict[str, tuple[str, tuple[Permission, ...] | None]] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._own: dict[str, list[Grant] | None] = {}

    def grants(self, principal_id: str, scope: str) -> list[Grant] | None:
        """Return the roles of a principal at a scope, with those that it has above it, and by its groups.

        Returns:
            None when the login may not read roles.

        Raises:
            AzureError: when Azure does not answer.
        """
        found = None
        if is_at_or_below(scope, self._subscription):
            found = self._all(principal_id, self._subscription, "")
        if found is None:
            found = self._all(principal_id, scope, "atScope() and ")
        if found is None:
            return None
        return [self._grant(each) for each in found if is_at_or_below(scope, each.scope)]

    def own_grants(self, scope: str) -> list[Grant] | None:
        """Return what the login itself may do at a scope; it needs no right to read roles.

        Returns:
            None when Azure does not say.

        Raises:
            AzureError: when Azure does not answer.
        """
        if scope not in self._own:
            path = f"{scope}/providers/Microsoft.Authorization/permissions"
            try:
                rights = tuple(permission_of(each) for each in self._azure.pages(path, api_version=API_VERSION))
                self._own[scope] = [Grant("what your login may do there", rights)]
            except RefusedError as error:
                if not is_no_access(error) and error.status != 404:
                    raise
                self._own[scope] = None
        return self._own[scope]

    def _all(self, principal_id: str, scope: str, where: str) -> list[Assignment] | None:
        key = (principal_id, scope.lower())
        if key not in self._assignments:
            self._assignments[key] = self._read(principal_id, scope, where)
        return self._assignments[key]

    def _read(self, principal_id: str, scope: str, where: str) -> list[Assignment] | None:
        # assignedTo counts what a person has by groups (role-assignments-list-rest). Without atScope(), the list of a
        # subscription holds what is assigned below it as well as above it, such as to a management group.
        query = {"api_version": API_VERSION, "$filter": f"{where}assignedTo('{principal_id}')"}
        try:
            found = list(self._azure.pages(f"{scope}/providers/Microsoft.Authorization/roleAssignments", **query))
        except AzureError as error:
            if is_no_access(error):
                return None
            raise
        return [assignment_of(document.get("properties") or {}, scope) for document in found]

    def _grant(self, assignment: Assignment) -> Grant:
        name, permissions = self._definition(assignment.role_id)
        return Grant(name, permissions, assignment.is_conditional)

    def _definition(self, path: str) -> tuple[str, tuple[Permission, ...] | None]:
        with self._asking.setdefault(path, threading.Lock()):  # checks that run side by side ask for the same roles
            if path not in self._definitions:
                try:
                    document = self._azure.get(path, api_version=API_VERSION) if path else None
                except AzureError as error:
                    if not is_no_access(error):
                        raise
                    document = None
                self._definitions[path] = role_of(document) if document else ("a role that cannot be read", None)
            return self._definitions[path]


def assignment_of(properties: Mapping[str, Any], asked: str) -> Assignment:
    """Return a role assignment by its properties; one that tells no scope is at the scope that was `asked`."""
    return Assignment(
        str(properties.get("roleDefinitionId") or ""),
        str(properties.get("scope") or asked),
        is_conditional=bool(properties.get("condition")),
    )


def is_at_or_below(scope: str, above: str) -> bool:
    """Return whether what is assigned `above` holds at `scope`: management groups are above every subscription."""
    if "/managementgroups/" in above.lower() or above in ("", "/"):
        return True
    return f"{scope.lower()}/".startswith(f"{above.rstrip('/').lower()}/")


def role_of(document: Mapping[str, Any]) -> tuple[str, tuple[Permission, ...]]:
    """Return the name of a role definition, and what it allows."""
    properties = document.get("properties") or {}
    permissions = tuple(permission_of(part) for part in properties.get("permissions") or ())
    return str(properties.get("roleName") or "a role"), permissions


def permission_of(part: Mapping[str, Any]) -> Permission:
    """Return what one entry of `permissions` allows."""
    return Permission(*(tuple(part.get(key) or ()) for key in _KEYS))
