"""Requests to Azure Resource Manager and the services behind it, with our words for what they refuse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from azure.core import PipelineClient
from azure.core import exceptions as sdk
from azure.core.pipeline import policies
from azure.core.rest import HttpRequest

from hyperscale.errors import AzureError

T = TypeVar("T")

URL = "https://management.azure.com"
#: Run history takes tokens of the same audience.
SCOPE = f"{URL}/.default"
#: How often a request that was refused for the moment (408, 429, 5xx) or not answered is made again.
RETRIES = 6
LONGEST_WAIT_SECONDS = 60
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
_MAX_SAID = 400


class RefusedError(AzureError):
    """Azure answered, and said no; `status` and `code` are its own."""

    def __init__(self, message: str, *, status: int, code: str, hint: str | None = None) -> None:
        """Keep what Azure answered beside the message."""
        super().__init__(message, hint=hint)
        self.status, self.code = status, code


class ResourceManager:
    """Asks Azure Resource Manager as one principal; safe for several threads.

    What is refused for the moment is asked again, as long as Azure's Retry-After says between two tries.

    Attributes:
        requests: how many answers it has had.
    """

    def __init__(self, credential: Any, *, who: str, retries: int = RETRIES) -> None:
        """Ask as `credential`; `who` it is, for messages."""
        self.requests = 0
        self._who = who
        # At INFO the SDK writes several lines for each request.
        logging.getLogger("azure").setLevel(logging.WARNING)
        self._client: PipelineClient[Any, Any] = PipelineClient(
            URL,
            policies=[
                policies.RequestIdPolicy(),
                policies.UserAgentPolicy("hyperscale"),
                policies.RetryPolicy(retry_total=retries, retry_backoff_max=LONGEST_WAIT_SECONDS),
                policies.BearerTokenCredentialPolicy(credential, SCOPE),
                policies.CustomHookPolicy(raw_response_hook=self._count),
            ],
            connection_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
        )

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """Return the resource at `path` (below management.azure.com, or a whole URL); None when there is none.

        Args:
            path: what is asked for.
            query: with `api_version` where the service wants it.

        Raises:
            RefusedError: when Azure refuses.
            AzureError: when it cannot be asked.
        """
        return self.send("GET", path, query, missing=(404,))

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield each entry of the list at `path`, of all of its pages."""
        page = self.get(path, **query)
        while page is not None:
            yield from page.get("value") or ()
            page = self.get(page["nextLink"]) if page.get("nextLink") else None

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Any = None,
        missing: tuple[int, ...] = (),
    ) -> dict[str, Any] | None:
        """Return the answer's document, empty when it has none; None when its status is one of `missing`."""
        said = f"{method} {path.partition('?')[0].removeprefix(URL)}"
        request = HttpRequest(method, _with_query(path, query), json=body)
        response = self._ask(said, lambda: self._client.send_request(request))
        if response.status_code in missing:
            return None
        if response.status_code >= 400:
            raise self._refused(said, response)
        return response.json() if response.content else {}

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _count(self, _: Any) -> None:
        self.requests += 1

    def _ask(self, said: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except sdk.ClientAuthenticationError:
            problem = f"{said}: there is no token for {self._who}"
        except (sdk.ServiceRequestError, sdk.ServiceResponseError) as error:
            problem = f"{said}: no answer: {type(error).__name__}"
        # Outside of the block above: the SDK's error may hold what it sent.
        raise AzureError(problem, hint="see `hyperscale doctor`")

    def _refused(self, said: str, response: Any) -> RefusedError:
        code, message = _error_of(response)
        hint = f"{self._who} may not do this: see `hyperscale doctor`" if response.status_code in (401, 403) else None
        text = f"{said}: Azure answered {response.status_code} {code}: {message}".rstrip(": ")
        return RefusedError(text, status=response.status_code, code=code, hint=hint)


def _with_query(path: str, query: Mapping[str, str]) -> str:
    named = {name.replace("_", "-") if name == "api_version" else name: value for name, value in query.items()}
    return f"{path}{'&' if '?' in path else '?'}{urlencode(named)}" if named else path


def _error_of(response: Any) -> tuple[str, str]:
    try:
        error = response.json().get("error") or {}
    except (ValueError, AttributeError):
        error = {}
    return str(error.get("code") or ""), str(error.get("message") or "")[:_MAX_SAID]
