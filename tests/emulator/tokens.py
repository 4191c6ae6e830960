"""Tokens of the emulated Azure: made for a principal and an audience, signed, and read again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from emulator.principals import Directory, Principal

ARM = "https://management.azure.com"
#: The name that Azure Resource Manager had before, and still takes.
OLD_ARM = "https://management.core.windows.net"
STORAGE = "https://storage.azure.com"
#: Jobs are submitted with a token of this audience beside the one for Azure Resource Manager.
AML = "https://ml.azure.com"
KEY_VAULT = "https://vault.azure.net"
AUDIENCES = frozenset({ARM, OLD_ARM, STORAGE, AML, KEY_VAULT})
LIFE_SECONDS = 3600
#: Of the tenant that those are logged in to who are in the wrong one.
OTHER_TENANT_ID = "30000000-0000-0000-0000-00000000000c"


class TokenError(Exception):
    """A token is not good; `code` is what Azure Resource Manager calls it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Token:
    """What a token says.

    Attributes:
        text: it, as it is sent.
        principal: whose it is.
        audience: for which service.
        expires_at: Unix seconds.
    """

    text: str
    principal: Principal
    audience: str
    expires_at: int


class Tokens:
    """Makes and reads the tokens of one directory.

    Attributes:
        life_seconds: of new ones; make it short to see what becomes of those that expire in the middle of a run.
        wrong_tenant: object ids of people who are logged in to another tenant.
    """

    def __init__(self, directory: Directory) -> None:
        self.life_seconds: float = LIFE_SECONDS
        self.wrong_tenant: set[str] = set()
        self._directory = directory
        self._key = secrets.token_bytes(32)
        self._application_secrets: dict[str, str] = {}

    def make(self, principal: Principal, resource: str) -> Token:
        """Return a token for `resource`: an audience, or the scope of one."""
        audience = audience_of(resource)
        if audience not in AUDIENCES:
            raise TokenError("AADSTS500011", f"the resource {resource} is not known to the emulator")
        now = int(time.time())
        expires_at = int(time.time() + self.life_seconds)
        tenant = OTHER_TENANT_ID if principal.object_id in self.wrong_tenant else self._directory.tenant_id
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": now,
            "nbf": now,
            "exp": expires_at,
            "oid": principal.object_id,
            "tid": tenant,
            "ver": "1.0",
        }
        # 04b07795-... is the public client id of the Azure CLI.
        claims["appid"] = principal.client_id or "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
        if not principal.client_id:
            claims |= {"upn": principal.name, "name": principal.name}
        head = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
        return Token(f"{head}.{self._signature(head)}", principal, audience, expires_at)

    def read(self, text: str) -> Token:
        """Return what a token says.

        Raises:
            TokenError: when it is not one of ours, has expired, or is of another tenant.
        """
        head, _, signature = text.rpartition(".")
        if not head or not hmac.compare_digest(signature, self._signature(head)):
            raise TokenError("InvalidAuthenticationToken", "The access token is invalid.")
        claims = json.loads(decoded(head.partition(".")[2]))
        if claims["exp"] < time.time():
            raise TokenError("ExpiredAuthenticationToken", f"The access token expiry UTC time is {claims['exp']}.")
        if claims["tid"] != self._directory.tenant_id:
            raise TokenError(
                "InvalidAuthenticationTokenTenant",
                f"The access token is from the wrong issuer '{claims['iss']}'. It must match the tenant "
                f"'https://sts.windows.net/{self._directory.tenant_id}/' associated with this subscription.",
            )
        return Token(text, self._directory.principals[claims["oid"]], claims["aud"], claims["exp"])

    def secret_of(self, principal: Principal) -> str:
        """Return the secret that an application logs in with; made at the first call."""
        return self._application_secrets.setdefault(principal.object_id, secrets.token_hex(16))

    def _signature(self, head: str) -> str:
        return hmac.new(self._key, head.encode(), hashlib.sha256).hexdigest()


def audience_of(resource: str) -> str:
    return resource.removesuffix("/.default").rstrip("/")


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
