"""Finds account keys, connection strings and other secrets in a text, so that none is ever sent or shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_SECRETS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "a connection string": re.compile(
            r"(AccountKey|SharedAccessKey|SharedAccessSignature)\s*=\s*(?P<secret>[^;\s\"']{8,})", re.IGNORECASE
        ),
        "a SAS": re.compile(r"(?<![A-Za-z0-9])sig=(?P<secret>[A-Za-z0-9%+/=_-]{16,})", re.IGNORECASE),
        "a signed address": re.compile(
            r"[?&](x-amz-signature|x-amz-security-token|x-goog-signature|signature|access_token|token|api[_-]?key)="
            r"(?P<secret>[^&\s\"'{}$]{12,})",
            re.IGNORECASE,
        ),
        "an account key": re.compile(r"(?<![A-Za-z0-9+/=])(?P<secret>[A-Za-z0-9+/]{86}==)(?![A-Za-z0-9+/=])"),
        "a private key": re.compile(r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----)"),
        "a password in a URL": re.compile(
            r"[a-z][a-z0-9+.-]*://[^/\s:@\"']*:(?!\*\*\*@)(?P<secret>[^/\s@\"']+)@", re.IGNORECASE
        ),
    }
)


def find_secret(text: str) -> tuple[str, int] | None:
    """Return what kind of secret `text` holds first, and at which character it starts; None if it holds none."""
    matches = [(match.start(), kind) for kind, pattern in _SECRETS.items() if (match := pattern.search(text))]
    if not matches:
        return None
    start, kind = min(matches, key=lambda match: match[0])
    return kind, start


def without_secrets(text: str) -> str:
    """Return `text` with `***` in place of every secret."""
    for pattern in _SECRETS.values():
        text = pattern.sub(lambda match: match[0].replace(match["secret"], "***"), text)
    return text
