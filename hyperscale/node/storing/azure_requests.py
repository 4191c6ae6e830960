"""What both Azure adapters share: how the SDK's clients are set up, the service's clock, and our words for its errors.

The SDK's own texts are never repeated: they may hold a URL with its signature.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, TypeVar

from azure.core import exceptions as sdk

from hyperscale.causes import TRUST_HINT, distrust, why_unanswered
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.storing.credentials import CONNECTION_STRING, Access
from hyperscale.node.storing.patience import StorageUnavailableError, retry_after

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Less than a third of the shortest lease together: an unanswered renewal must be noticed while it can be repeated.
CONNECT_SECONDS = 5
ANSWER_SECONDS = 15
#: The statuses that pass by themselves, besides those from 500 on (Storage error codes: ServerBusy, OperationTimedOut).
_PASSING = frozenset({408, 429})
_NEVER_PASSING = frozenset({501, 505})
#: An account or a container that is on its way in or out answers so for a while.
_PASSING_CODES = frozenset({"AccountBeingCreated", "ContainerBeingDeleted", "OperationTimedOut", "ServerBusy"})


class AzureRequests:
    """Asks the service of one storage account, and says in our words what it answers."""

    def __init__(
        self,
        url: str,
        access: Access,
        meanings: Mapping[str, Callable[[], HyperscaleError]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the account at `url`.

        Args:
            url: for messages.
            access: who asks.
            meanings: the error that stands for one of the service's error codes.
            clock: monotonic seconds; between two answers the service's time is told by it.
        """
        self._url, self._access, self._meanings, self._clock = url, access, meanings, clock
        self._has_worked = False
        self._offset_seconds: float | None = None
        # At INFO the SDK writes several lines for each request, and at CRITICAL one for each answer of a proxy
        # that is neither XML nor JSON; we say what is to be said.
        logging.getLogger("azure").setLevel(logging.WARNING)
        logging.getLogger("azure.core").setLevel(logging.CRITICAL + 1)

    def options(self) -> dict[str, Any]:
        """Return the keywords for a client of the SDK."""
        return {
            "credential": self._access.credential,
            # Nothing is repeated below `patience`: it alone knows when to give up, and says what it waits for.
            "retry_total": 0,
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "raw_response_hook": self._note_time,
        }

    def ask(self, doing: str, request: Callable[[], T]) -> T:
        """Return the answer of `request`; `doing` names it for messages: "put a message".

        Raises:
            StorageUnavailableError: when it may pass later.
            AzureError: when it never will.
            HyperscaleError: what `meanings` says.
        """
        logger.debug("asking %s to %s", self._url, doing)
        try:
            answer = request()
        except (sdk.AzureError, HTTPException) as error:
            problem = self._problem(doing, error)
        else:
            self._has_worked = True
            return answer
        # Outside of the block above: the SDK's error, which may hold a signed URL, must not hang on ours.
        raise problem

    def now(self) -> float | None:
        """Return Unix seconds by the service's clock; None before its first answer."""
        return None if self._offset_seconds is None else self._clock() + self._offset_seconds

    def _note_time(self, response: Any) -> None:
        date = response.http_response.headers.get("Date")
        if date:
            self._offset_seconds = parsedate_to_datetime(date).timestamp() - self._clock()

    def _problem(self, doing: str, error: Exception) -> HyperscaleError:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        code = error_code(error)
        where = f"could not {doing} at {self._url}"
        if code in self._meanings:
            return self._meanings[code]()
        if status is None or status < 400:
            return self._unanswered(where, error)
        said = f"{where}: the service answered {status} {code}".rstrip()
        if self._passes(status, code):
            asked = response.headers.get("Retry-After") if response is not None else None
            return StorageUnavailableError(said, retry_after_seconds=retry_after(asked, self.now()))
        if status in (401, 403):
            return AzureError(f"{said}: it does not let {self._access.who} in", hint=self._hint(code))
        return AzureError(said)

    def _passes(self, status: int, code: str) -> bool:
        """Return whether the same request may have another answer later."""
        if status == HTTPStatus.UNAUTHORIZED:
            # What worked before will work again: a token has run out, and a clock that is wrong keeps it too long.
            return self._has_worked
        return status in _PASSING or (status >= 500 and status not in _NEVER_PASSING) or code in _PASSING_CODES

    def _unanswered(self, where: str, error: Exception) -> HyperscaleError:
        if isinstance(error, sdk.ClientAuthenticationError):
            # As above: the service of identities has its outages, too.
            kind = StorageUnavailableError if self._has_worked else AzureError
            return kind(f"{where}: there is no token for {self._access.who}", hint=self._access.unknown)
        if why := distrust(error):
            return AzureError(f"{where}: the certificate of the service is not trusted here: {why}", hint=TRUST_HINT)
        return StorageUnavailableError(f"{where}: {why_unanswered(error)}")

    def _hint(self, code: str) -> str:
        if code == "KeyBasedAuthenticationNotPermitted":
            return f"the account takes no keys: unset {CONNECTION_STRING} to use your login or the node's identity"
        if code == "AuthorizationFailure":
            return f"{self._access.refused}; or let this network in, in the account's firewall"
        return self._access.refused


def error_code(error: Exception) -> str:
    """Return the service's code of what went wrong, such as "QueueNotFound"; empty when it gave none."""
    code, response = getattr(error, "error_code", None), getattr(error, "response", None)
    if code is None and response is not None:
        code = response.headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")
