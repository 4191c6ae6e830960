"""A credential that makes its own tokens: Azurite reads what a token says, and does not check who signed it."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from azure.core.credentials import AccessToken

#: What Azurite wants of a token besides its times; other audiences and issuers are answered with 403.
AUDIENCE = "https://storage.azure.com"
ISSUER = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/"
LIFE_SECONDS = 3600


class FakeCredential:
    """A TokenCredential as the SDK clients take it.

    Attributes:
        scopes: what it was asked for, in order.
    """

    def __init__(self, audience: str = AUDIENCE) -> None:
        self._audience = audience
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes.append(scopes)
        now = int(time.time())
        expires = now + LIFE_SECONDS
        claims = {"aud": self._audience, "iss": ISSUER, "iat": now, "nbf": now, "exp": expires}
        parts = ({"alg": "RS256", "typ": "JWT"}, claims, "not signed")
        return AccessToken(".".join(encoded(part) for part in parts), expires)


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
