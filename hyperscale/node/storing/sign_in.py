"""Says in one sentence why there is no token: the SDK's own answer is a page of text, with addresses in it."""

from __future__ import annotations

import re

from hyperscale.errors import AzureError

LOG_IN = "log in with `az login`; if it is another tenant, with `az login --tenant TENANT`"
_ENTRA_CODE = re.compile(r"AADSTS(\d+)")
#: What the codes of Microsoft Entra mean, and what helps
#: (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
_OVER = ("the login has run out", "log in again with `az login`")
_TENANT = ("it is not known in that tenant", "log in with `az login --tenant TENANT`, the tenant of the subscription")
_PROOF = ("the tenant wants a second proof of who you are", "log in again with `az login --tenant TENANT`")
_APPLICATION = ("AZURE_CLIENT_ID is not known in the tenant", "correct AZURE_CLIENT_ID and AZURE_TENANT_ID")
_SECRET = ("AZURE_CLIENT_SECRET is wrong or has run out", "correct it, or unset it and log in with `az login`")
_MEANINGS = {
    "50020": _TENANT,
    "50034": _TENANT,
    "90002": ("there is no such tenant", "correct AZURE_TENANT_ID, or log in with `az login --tenant TENANT`"),
    "50076": _PROOF,
    "50079": _PROOF,
    "50158": _PROOF,
    "53003": ("a rule of the tenant (conditional access) forbids it", "ask an administrator of the tenant"),
    "50078": _OVER,
    "50089": _OVER,
    "50132": _OVER,
    "50173": _OVER,
    "70008": _OVER,
    "70043": _OVER,
    "700082": _OVER,
    "700016": _APPLICATION,
    "7000215": _SECRET,
    "7000222": _SECRET,
}
_UNREACHABLE = ("ConnectionPool", "Failed to resolve", "Failed to establish", "ServiceRequestError", "Max retries")


def no_token(said: str, error: Exception, who: str, advice: str = LOG_IN) -> AzureError:
    """Return our error for a credential's `error`; nothing of its text goes into it but a code of Microsoft Entra.

    Args:
        said: what the token was for: "GET /subscriptions/..."; may be empty.
        error: of azure-identity.
        who: should have had the token.
        advice: what to do when there is none at all; LOG_IN is for people.
    """
    text = f"{type(error).__name__}: {error}"
    where = f"{said}: there is no token for {who}" if said else f"there is no token for {who}"
    found = _ENTRA_CODE.search(text)
    if found:
        meaning, hint = _MEANINGS.get(found[1], ("Microsoft Entra refuses it", advice))
        return AzureError(f"{where}: {meaning} (AADSTS{found[1]})", hint=hint)
    if any(word in text for word in _UNREACHABLE):
        return AzureError(
            f"{where}: the service that gives tokens does not answer",
            hint="see that this machine reaches login.microsoftonline.com, then try again",
        )
    if advice == LOG_IN:
        # Nothing was asked yet: what it would have been is no news to who is not logged in.
        return AzureError(f"there is no token for {who}: nobody is logged in", hint=advice)
    return AzureError(where, hint=advice)
