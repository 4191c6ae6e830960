"""A login to the workspace of an experiment: who asks, what is asked, and where queue and store are."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from hyperscale.control.azure.place import AzurePlace
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import RefusedError, missing_part
from hyperscale.node.azure.resource_manager import SCOPE, ResourceManager
from hyperscale.node.azure.workspace import API_VERSION, Workspace
from hyperscale.node.azure.workspace_facts import WorkspaceFacts
from hyperscale.node.storing.credentials import PERSON, login
from hyperscale.node.storing.sign_in import no_token

_HINT = "correct azure: in the experiment file, or config.json; `hyperscale doctor` shows where each value is from"


@dataclass(frozen=True)
class Session:
    """A workspace that has answered.

    Attributes:
        place: where it is, and who said so.
        credential: of the person; for the clients of the SDK.
        workspace: asks it.
        facts: what it says of itself.
    """

    place: AzurePlace
    credential: Any
    workspace: Workspace
    facts: WorkspaceFacts

    @property
    def storage_account(self) -> str:
        """Return the account of the store."""
        return self.place.storage_account or self.facts.storage_account

    @property
    def queue_account(self) -> str:
        """Return the account of the queue."""
        return self.place.queue_account or self.storage_account

    @property
    def store_url(self) -> str:
        """Return the container of the store."""
        return f"https://{self.storage_account}.blob.core.windows.net/{self.place.container}"

    @property
    def queue_url(self) -> str:
        """Return the account of the queue."""
        return f"https://{self.queue_account}.queue.core.windows.net"


@dataclass(frozen=True)
class Person:
    """Who is logged in, as the token says it.

    Attributes:
        name: a person's login name, or the client id of an application.
        object_id: by which roles are assigned.
        tenant_id: of the login.
        kind: User or ServicePrincipal, as role assignments call it.
    """

    name: str
    object_id: str
    tenant_id: str
    kind: str


def open_session(place: AzurePlace) -> Session:
    """Log in, and see that the workspace at `place` is there.

    Raises:
        AzureError: when nobody is logged in, or the workspace is not there or does not let them in.
    """
    credential = login()
    workspace = Workspace(ResourceManager(credential, who=PERSON), place.workspace)
    facts = workspace.facts()
    if facts is None:
        missing = _missing(workspace)
        workspace.azure.close()
        raise missing
    return Session(place, credential, workspace, facts)


def who_is(credential: Any) -> Person:
    """Return who is logged in; the token is read here, and goes nowhere.

    Raises:
        AzureError: when nobody is.
    """
    from azure.core.exceptions import AzureError as SdkError

    try:
        token = credential.get_token(SCOPE).token
    except SdkError as error:
        problem = no_token("", error, PERSON)
    else:
        return person_of(token)
    raise problem  # outside of the block above: the SDK's error may hold what it sent


def person_of(token: str) -> Person:
    """Return whose `token` of Azure Resource Manager (a JWT) it is.

    Raises:
        AzureError: when it is none.
    """
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        kind = "ServicePrincipal" if claims.get("idtyp") == "app" else "User"
        names = ("upn", "unique_name", "preferred_username", "email")
        name = next((claims[key] for key in names if claims.get(key)), None)
        if name is None:
            name, kind = claims.get("appid") or claims.get("azp") or claims["oid"], "ServicePrincipal"
        return Person(str(name), str(claims["oid"]), str(claims["tid"]), kind)
    except (IndexError, KeyError, AttributeError, ValueError, binascii.Error):
        pass
    raise AzureError("the login gave a token that is none of Microsoft Entra", hint="log in again with `az login`")


def _missing(workspace: Workspace) -> AzureError:
    """Return the error for a workspace that is not there; asks once more, for the code that says what of it is not."""
    name = workspace.name
    parts = {
        "subscription": f"there is no subscription {name.subscription_id}, or your login may not see it",
        "resource group": f"there is no resource group {name.resource_group} in subscription {name.subscription_id}",
        "resource": f"there is no workspace {name.name} in resource group {name.resource_group} "
        f"of subscription {name.subscription_id}",
    }
    try:
        workspace.azure.send("GET", name.path, {"api_version": API_VERSION})
    except RefusedError as error:
        if error.status != 404:
            return error
        part = missing_part(error.code)
    else:
        part = "resource"
    hint = f"{_HINT}; for another tenant: `az login --tenant TENANT`" if part == "subscription" else _HINT
    return AzureError(parts[part], hint=hint)
