"""Fetches the activity's secrets: on a node from Azure Key Vault, on one's own machine from environment variables.

A value goes from here into the environment of the workers, and nowhere else: no message of this module repeats one.
Key Vault is asked by REST (https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret): one small request a
secret is no reason for another library on every node.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hyperscale.causes import TRUST_HINT, distrust, why_unanswered
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.storing.credentials import is_node, node_credential
from hyperscale.node.storing.patience import Patience, StorageUnavailableError, retry_after

API_VERSION = "7.4"
ROLE = "Key Vault Secrets User"
#: A vault that does not answer for so long, or whose name is wrong, ends the consumer.
PATIENCE_SECONDS = 600.0
TIMEOUT_SECONDS = 30.0
#: Vaults of the public cloud; the others are refused (hyperscale/azure_cloud.py).
_URL = re.compile(
    r"https://(?P<vault>[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9])\.(?P<cloud>vault\.azure\.net)"
    r"/secrets/(?P<name>[A-Za-z0-9-]{1,127})(?:/(?P<version>[0-9a-fA-F]{32}))?/?"
)


class SecretPlace(NamedTuple):
    """Where a secret is.

    Attributes:
        vault: its name.
        cloud: the domain of all vaults of its cloud.
        name: of the secret.
        version: of the secret; empty is the newest.
    """

    vault: str
    cloud: str
    name: str
    version: str

    @property
    def url(self) -> str:
        """Return what is asked for."""
        path = "/".join(part for part in ("secrets", self.name, self.version) if part)
        return f"https://{self.vault}.{self.cloud}/{path}?api-version={API_VERSION}"

    def __str__(self) -> str:
        """Return it for people."""
        return f"the secret {self.name} of the key vault {self.vault}"


def secret_place(variable: str, url: str) -> SecretPlace:
    """Return where the secret at `url` is; a token is sent to key vaults alone.

    Raises:
        HyperscaleError: when `url` is none of a secret in a key vault.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise HyperscaleError(
            f"activity.secrets.{variable} is no address of a secret in a key vault",
            hint="give https://VAULT.vault.azure.net/secrets/NAME, with /VERSION if it is to be that one",
        )
    return SecretPlace(found["vault"], found["cloud"], found["name"], found["version"] or "")


def fetch_secrets(
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
    patience: Patience,
    credential_of: Callable[[Mapping[str, str]], Any] = node_credential,
) -> dict[str, str]:
    """Return the value of each variable in `secrets`, which maps names to addresses.

    Args:
        secrets: `activity.secrets`.
        environ: says whether this is a node; if it is none, the values are taken from there.
        patience: with which a vault is asked that is busy or does not answer.
        credential_of: makes the credential of the node's identity.

    Raises:
        HyperscaleError: when a secret cannot be had; the message names it, and what to do.
    """
    places = {variable: secret_place(variable, url) for variable, url in secrets.items()}
    if not places:
        return {}
    if not is_node(environ):
        return {variable: _local_value(variable, environ) for variable in places}
    opener, tokens = _opener(environ), _Tokens(credential_of(environ))
    return {
        variable: patience.ask(lambda place=place: _fetch(opener, place, tokens.of(place)))  # type: ignore[misc]
        for variable, place in places.items()
    }


def _local_value(variable: str, environ: Mapping[str, str]) -> str:
    if variable not in environ:
        raise HyperscaleError(
            f"activity.secrets.{variable}: the environment variable {variable} is not set: "
            "a run on this machine takes the value from it",
            hint=f"set {variable} before you run it on this machine",
        )
    return environ[variable]


class _Tokens:
    """One token for each cloud, asked for when it is needed."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        self._known: dict[str, str] = {}

    def of(self, place: SecretPlace) -> str:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            if place.cloud not in self._known:
                self._known[place.cloud] = self._credential.get_token(f"https://{place.cloud}/.default").token
        except ClientAuthenticationError as error:
            raise AzureError(
                f"there is no token for {place}: the node's identity cannot be used ({type(error).__name__})",
                hint="give the cluster one user-assigned identity: compute.identity and compute.identity_client_id",
            ) from None
        return self._known[place.cloud]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would travel along."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(environ: Mapping[str, str]) -> urllib.request.OpenerDirector:
    # The SDK trusts what this variable names, too (requests).
    trust = ssl.create_default_context(cafile=environ.get("REQUESTS_CA_BUNDLE") or None)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust), _NoRedirect)


def _fetch(opener: urllib.request.OpenerDirector, place: SecretPlace, token: str) -> str:
    request = urllib.request.Request(place.url)  # noqa: S310 - its scheme is https
    request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            value = json.loads(response.read())["value"]
    except urllib.error.HTTPError as error:
        with error:
            problem: HyperscaleError = _refused(place, error.code, error.headers.get("Retry-After"))
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        problem = _unanswered(place, error)
    except (ValueError, KeyError, TypeError):
        problem = AzureError(f"{place} cannot be fetched: the answer is none of a key vault")
    else:
        if isinstance(value, str) and value and "\0" not in value:
            return value
        problem = AzureError(f"{place} has no value that an environment variable can hold")
    # Outside of the block above: the library's error holds its connection, and what it sent.
    raise problem


def _unanswered(place: SecretPlace, error: Exception) -> HyperscaleError:
    """Return the error for no answer, or a broken one."""
    if why := distrust(error):
        said = f"{place} cannot be fetched: the certificate of the vault is not trusted here: {why}"
        return AzureError(said, hint=TRUST_HINT)
    return StorageUnavailableError(f"{place} cannot be fetched: the vault does not answer ({why_unanswered(error)})")


def _refused(place: SecretPlace, status: int, asked: str | None) -> HyperscaleError:
    """Return the error for an answer other than 200."""
    if status in (408, 429) or status >= 500:
        said = f"{place} cannot be fetched: the vault answers {status}"
        return StorageUnavailableError(said, retry_after_seconds=retry_after(asked, None))
    if status in (401, 403):
        return AzureError(
            f"{place} may not be read by the node's identity (status {status})",
            hint=f"assign it the role {ROLE} on the vault {place.vault} (that takes some minutes to work), "
            "and let the vault's firewall pass the nodes",
        )
    if status == 404:
        which = f"version {place.version} of {place}" if place.version else str(place)
        return AzureError(
            f"there is no {which.removeprefix('the ')}",
            hint=f"check the names in activity.secrets; the role to read it is {ROLE}, on the vault {place.vault}",
        )
    return AzureError(f"{place} cannot be fetched: the vault answers {status}")


def patience_of(stop_requested: Callable[[], bool], wait: Callable[[float], object]) -> Patience:
    """Return with what patience a consumer asks for its secrets; it holds no rows yet."""
    return Patience(limit_seconds=PATIENCE_SECONDS, leaving=stop_requested, wait=wait)
