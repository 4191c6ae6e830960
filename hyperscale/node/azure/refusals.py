"""Says in our words what Azure Resource Manager refuses, and what to do; its addresses and tokens are not repeated."""

from __future__ import annotations

import re

from hyperscale.errors import AzureError

_MAX_SAID = 400
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_RIGHT_TENANT = re.compile(rf"must match (?:the|one of the) tenants? \S*?({_GUID})")
_ACTION = re.compile(r"perform action '([^']+)'(?: over scope '([^']+)')?")
_ADDRESS = re.compile(r"https?://\S+")
_TOKEN = re.compile(r"\beyJ[\w.~+/=-]+")
NEW_ROLES = "a role that was assigned just now takes up to 30 minutes to work"


class RefusedError(AzureError):
    """Azure answered, and said no; `status` and `code` are its own."""

    def __init__(self, message: str, *, status: int, code: str, hint: str | None = None) -> None:
        """Keep what Azure answered beside the message."""
        super().__init__(message, hint=hint)
        self.status, self.code = status, code


def refusal(said: str, status: int, code: str, message: str, who: str) -> RefusedError:
    """Return the error for an answer from 400 on.

    Args:
        said: what was asked: "GET /subscriptions/...".
        status: of the answer.
        code: Azure's own; may be empty.
        message: Azure's own.
        who: asked.
    """
    text, hint = f"{said}: Azure answered {status} {code}: {plain(message)}".rstrip(": "), None
    if code == "InvalidAuthenticationTokenTenant":
        tenant = _RIGHT_TENANT.search(message)
        text = f"{said}: {who} is of another tenant than the subscription"
        hint = f"log in with `az login --tenant {tenant[1] if tenant else 'TENANT'}`"
    elif status == 401:
        text = f"{said}: Azure does not accept the token of {who} ({code or status})"
        hint = "log in again with `az login`, and see that the clock of this machine is right"
    elif code == "AuthorizationFailed":
        found = _ACTION.search(message)
        action, scope = (found[1], found[2]) if found else ("this", None)
        text = f"{who} may not {action} on {scope}" if scope else f"{said}: {who} may not {action}"
        hint = f"`hyperscale doctor` says which role is missing; {NEW_ROLES}"
    elif "quota" in f"{code} {message}".lower():
        hint = "`hyperscale plan --azure` shows what quota is free, and how much to ask for"
    elif status in (408, 429) or status >= 500:
        hint = "Azure is busy, or out of order: try the same command again in some minutes; it is safe to repeat"
    elif status == 403:
        hint = "`hyperscale doctor` shows roles, and whether the workspace can be reached from this network"
    return RefusedError(text, status=status, code=code, hint=hint)


def missing_part(code: str) -> str:
    """Return what is not there when Azure Resource Manager answers 404 with `code`."""
    return {"SubscriptionNotFound": "subscription", "ResourceGroupNotFound": "resource group"}.get(code, "resource")


def plain(message: str) -> str:
    """Return a message of Azure as one line, without addresses and tokens."""
    text = _TOKEN.sub("(token)", _ADDRESS.sub("(address)", message))
    return " ".join(text.split())[:_MAX_SAID]
