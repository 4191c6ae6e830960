"""Keeps tokens for as long as they are good: az, asked again for each of a dozen clients, takes a second each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

#: A token that has less left than this is asked for anew, as the SDK itself does.
LEAST_LEFT_SECONDS = 300.0


class KeptTokens:
    """A credential that asks another one once for each audience; safe for several threads."""

    def __init__(self, credential: Any, clock: Callable[[], float] = time.time) -> None:
        """Ask `credential`; `clock` gives Unix seconds."""
        self._credential, self._clock = credential, clock
        self._kept: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token for `scopes`, as every credential of azure-identity does; `options` are theirs."""
        key = (scopes, options.get("tenant_id"))
        with self._lock:
            kept = self._kept.get(key)
            # Claims are asked for when a token was refused: the one that is kept is not good any more.
            if kept is None or options.get("claims") or kept.expires_on - self._clock() < LEAST_LEFT_SECONDS:
                kept = self._kept[key] = self._credential.get_token(*scopes, **options)
            return kept
