"""Requests to Azure Resource Manager and the services behind it, with our words for what they refuse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from azure.core import PipelineClient
from azure.core import exceptions as sdk
from azure.core.pipeline import policies
from azure.core.rest import HttpRequest

from hyperscale.causes import TRUST_HINT, distrust, why_unanswered
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import RefusedError, refusal
from hyperscale.node.storing.sign_in import LOG_IN, no_token
from hyperscale.tempo import at_tempo

logger = logging.getLogger(__name__)

__all__ = ["RefusedError", "ResourceManager"]

T = TypeVar("T")

URL = "https://management.azure.com"
#: Run history takes tokens of the same audience.
SCOPE = f"{URL}/.default"
#: How often a request that was refused for the moment (408, 429, 5xx) or not answered is made again.
RETRIES = 6
LONGEST_WAIT_SECONDS = 60
#: The first one, as the SDK has it.
FIRST_WAIT_SECONDS = 0.8
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
#: Every request of ours may be made twice; the SDK would not repeat a POST, which cancels jobs.
_REPEATED = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})


class ResourceManager:
    """Asks Azure Resource Manager as one principal; safe for several threads.

    What is refused for the moment is asked again, as long as Azure's Retry-After says between two tries.

    Attributes:
        requests: how many answers it has had.
    """

    def __init__(self, credential: Any, *, who: str, retries: int = RETRIES, advice: str = LOG_IN) -> None:
        """Ask as `credential`.

        Args:
            credential: of azure-identity.
            who: it is, for messages.
            retries: how often a request is made again.
            advice: what to do when there is no token at all.
        """
        self.requests = 0
        self._who, self._advice = who, advice
        # At INFO the SDK writes several lines for each request.
        logging.getLogger("azure").setLevel(logging.WARNING)
        told = policies.BearerTokenCredentialPolicy(credential, SCOPE)
        self._client = self._new_client(retries, told, policies.CustomHookPolicy(raw_response_hook=self._count))
        self._client_without_token = self._new_client(retries)

    @staticmethod
    def _new_client(retries: int, *more: Any) -> PipelineClient[Any, Any]:
        # Of one kind the SDK repeats 3, whatever the total says.
        kinds = dict.fromkeys(("retry_total", "retry_connect", "retry_read", "retry_status"), retries)
        first = (policies.RequestIdPolicy(), policies.UserAgentPolicy("hyperscale"))
        waits = {"retry_backoff_factor": FIRST_WAIT_SECONDS, "retry_backoff_max": LONGEST_WAIT_SECONDS}
        repeat = policies.RetryPolicy(**kinds, **{name: at_tempo(seconds) for name, seconds in waits.items()})
        return PipelineClient(
            URL,
            policies=[*first, repeat, *more],
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
        """Yield each entry of the list at `path`, of all of its pages.

        Resource Manager names the next page by its address (`nextLink`), run history by a token (`continuationToken`;
        the query's name is that of azure-ai-ml's client of run history). The last page has neither.

        Raises:
            RefusedError: when Azure refuses.
            AzureError: when it cannot be asked, or a page leads to another service or back to itself.
        """
        page, seen = self.get(path, **query), set()
        while page is not None:
            yield from page.get("value") or ()
            link, token = page.get("nextLink"), page.get("continuationToken")
            if not link and not token:
                return
            if (link or token) in seen or (link and not is_same_service(link, urljoin(URL, path))):
                raise AzureError(f"GET {_said(path)}: the address of the next page is not valid")
            seen.add(link or token)
            page = self.get(link) if link else self.get(path, **query, **{"$continuationtoken": str(token)})

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
        said = f"{method} {_said(path)}"
        request = HttpRequest(method, self._client.format_url(_with_query(path, query)), json=body)
        response = self._ask(said, lambda: self._client.send_request(request, retry_on_methods=_REPEATED))
        if response.status_code in missing:
            return None
        if response.status_code >= 400:
            code, message = _error_of(response)
            raise refusal(said, response.status_code, code, message, self._who)
        return _document(said, response)

    def signed_text(self, url: str) -> str | None:
        """Return the text at a signed address of a blob, None when it is gone; no message repeats the address.

        Raises:
            RefusedError: when the storage account refuses.
            AzureError: when it cannot be asked.
        """
        said = "GET a file of a job"
        # Without a token: the signature says enough, and a token is for Azure Resource Manager alone.
        response = self._ask(said, lambda: self._client_without_token.send_request(HttpRequest("GET", url)))
        if response.status_code == 404:
            return None
        if response.status_code >= 400:
            raise refusal(said, response.status_code, response.headers.get("x-ms-error-code", ""), "", self._who)
        text: str = response.content.decode(errors="replace")
        return text

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
        self._client_without_token.close()

    def _count(self, _: Any) -> None:
        self.requests += 1

    def _ask(self, said: str, request: Callable[[], T]) -> T:
        logger.debug("asking Azure: %s", said)
        try:
            return request()
        except sdk.ClientAuthenticationError as error:
            problem = no_token(said, error, self._who, self._advice)
        except sdk.AzureError as error:
            problem = _unanswered(said, error)
        # Outside of the block above: the SDK's error may hold what it sent.
        raise problem


def _with_query(path: str, query: Mapping[str, str]) -> str:
    named = {name.replace("_", "-") if name == "api_version" else name: value for name, value in query.items()}
    return f"{path}{'&' if '?' in path else '?'}{urlencode(named)}" if named else path


def _said(path: str) -> str:
    return path.partition("?")[0].removeprefix(URL)


def is_same_service(address: str, other: str) -> bool:
    """Return whether a token for the service at `other` may be sent to `address`: scheme and host are the same."""
    one, two = urlsplit(address), urlsplit(other)
    return (one.scheme, one.hostname) == (two.scheme, two.hostname)


def _document(said: str, response: Any) -> dict[str, Any]:
    if not response.content:
        return {}
    try:
        document = response.json()
        if document is None:  # a cancel is answered with the JSON text `null`
            return {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AzureError(
            f"{said}: the answer is none of Azure Resource Manager",
            hint="if a proxy stands between, have it pass management.azure.com",
        )
    return document


def _unanswered(said: str, error: Exception) -> AzureError:
    if why := distrust(error):
        return AzureError(f"{said}: the certificate of Azure is not trusted here: {why}", hint=TRUST_HINT)
    return AzureError(
        f"{said}: no answer ({why_unanswered(error)})",
        hint="see that this machine reaches management.azure.com, then try again",
    )


def _error_of(response: Any) -> tuple[str, str]:
    try:
        error = response.json().get("error") or {}
        return str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, AttributeError):
        return "", ""
