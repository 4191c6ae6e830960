"""How a consumer comes to the activity's secrets, and what it says when it does not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from key_vault import HOST, KeyVault
from wordings import Wording, names

from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.consuming.key_vault import fetch_secrets, secret_place
from hyperscale.node.storing.patience import Patience, StorageUnavailableError

VALUE = "PLANTED-SECRET-VALUE"
VERSION = "0123456789abcdef0123456789abcdef"
URL = f"https://{HOST}/secrets/api-key"


class Identity:
    """A credential that notes for what it is asked."""

    def __init__(self, token: str) -> None:
        self.token, self.scopes = token, []

    def get_token(self, *scopes: str) -> Any:
        self.scopes += scopes
        return SimpleNamespace(token=self.token)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    with KeyVault(tmp_path, api_key=VALUE, other="another value") as vault:
        for name, value in vault.environment.items():
            monkeypatch.setenv(name, value)
        yield vault


def fetch(vault: KeyVault, secrets: dict[str, str], **options: Any) -> dict[str, str]:
    waits = options.pop("waits", [])
    identity = options.pop("identity", None) or Identity(vault.token)
    environ = {"AZUREML_RUN_ID": "calm_tooth_1", **vault.environment, **options.pop("environ", {})}
    patience = Patience(limit_seconds=options.pop("limit_seconds", 60.0), wait=waits.append, clock=lambda: 0.0)
    return fetch_secrets(secrets, environ, patience, lambda _: identity)


def test_a_node_fetches_each_secret_once_with_one_token_of_its_identity(vault: KeyVault) -> None:
    identity = Identity(vault.token)

    values = fetch(vault, {"API_KEY": URL, "OTHER": f"https://{HOST}/secrets/other/"}, identity=identity)

    assert values == {"API_KEY": VALUE, "OTHER": "another value"}
    assert identity.scopes == ["https://vault.azure.net/.default"]
    assert vault.asked == ["/secrets/api-key?api-version=7.4", "/secrets/other?api-version=7.4"]


def test_a_version_in_the_address_is_asked_for(vault: KeyVault) -> None:
    vault.values[f"api-key/{VERSION}"] = "an older value"

    assert fetch(vault, {"API_KEY": f"{URL}/{VERSION}"}) == {"API_KEY": "an older value"}


def test_this_machine_takes_the_variable_and_asks_nobody() -> None:
    values = fetch_secrets({"API_KEY": URL}, {"API_KEY": VALUE, "OTHER": "x"}, Patience())

    assert values == {"API_KEY": VALUE}


def test_a_variable_that_is_not_set_is_named(wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        fetch_secrets({"API_KEY": URL}, {}, Patience())
    names(refused, "activity.secrets.API_KEY", "API_KEY")
    wording(refused)


@pytest.mark.parametrize(
    "url",
    [
        "http://my-vault.vault.azure.net/secrets/api-key",
        "https://my-vault.vault.azure.net.example.com/secrets/api-key",
        "https://example.com/my-vault.vault.azure.net/secrets/api-key",
        "https://user@my-vault.vault.azure.net/secrets/api-key",
        "https://my-vault.vault.azure.net:8443/secrets/api-key",
        "https://my-vault.vault.azure.net/secrets/api-key?x=1",
        "https://my-vault.vault.azure.net/keys/api-key",
        "https://a.b.vault.azure.net/secrets/api-key",
        "https://my-vault.vault.azure.cn/secrets/api-key",
        "https://my-vault.vault.usgovcloudapi.net/secrets/api-key",
        "PLANTED-SECRET-VALUE",
    ],
)
def test_a_token_is_sent_to_key_vaults_alone_and_what_stands_there_is_not_repeated(url: str, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as caught:
        secret_place("API_KEY", url)
    names(caught, "activity.secrets.API_KEY")
    wording(caught)

    assert url not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_refusal_names_secret_vault_and_role(vault: KeyVault, status: int, wording: Wording) -> None:
    vault.failures.append((status, {"Location": "https://example.com/"} if status == 302 else {}))

    with pytest.raises(AzureError) as caught:
        fetch(vault, {"API_KEY": URL})

    names(caught, "api-key", "my-vault", *([status] if status != 404 else []))
    wording(caught)
    assert len(vault.asked) == 1
    if status != 302:
        assert "Key Vault Secrets User" in str(caught.value.hint)
        assert "my-vault" in str(caught.value.hint)


def test_a_busy_vault_is_asked_again_as_late_as_it_wishes(vault: KeyVault) -> None:
    vault.failures.extend([(429, {"Retry-After": "7"}), (503, {}), (500, {})])
    waits: list[float] = []

    assert fetch(vault, {"API_KEY": URL}, waits=waits) == {"API_KEY": VALUE}
    assert len(waits) == 3
    assert waits[0] >= 7


def test_a_vault_that_does_not_answer_is_not_waited_for_without_end(vault: KeyVault, wording: Wording) -> None:
    with pytest.raises(StorageUnavailableError) as refused:
        fetch(vault, {"API_KEY": "https://no-vault.vault.azure.net/secrets/api-key"}, limit_seconds=0.0)
    names(refused, "no-vault")
    wording(refused)


def test_a_certificate_that_is_not_trusted_is_said_at_once(
    vault: KeyVault, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    waits: list[float] = []
    with pytest.raises(AzureError) as refused:
        fetch(vault, {"API_KEY": URL}, environ={"REQUESTS_CA_BUNDLE": ""}, waits=waits)
    names(refused, "certificate")
    wording(refused)

    assert waits == []


def test_a_token_that_cannot_be_had_is_said_without_what_the_library_quotes(vault: KeyVault, wording: Wording) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    class NoIdentity(Identity):
        def get_token(self, *scopes: str) -> Any:
            raise ClientAuthenticationError("PLANTED-SECRET-VALUE")

    with pytest.raises(AzureError) as caught:
        fetch(vault, {"API_KEY": URL}, identity=NoIdentity(""))
    names(caught, "token", "api-key")
    wording(caught)

    assert VALUE not in str(caught.value)
    assert vault.asked == []


def test_neither_value_nor_token_is_in_what_is_said(vault: KeyVault, caplog: pytest.LogCaptureFixture) -> None:
    vault.failures.extend([(503, {}), (403, {})])
    with caplog.at_level(logging.DEBUG), pytest.raises(AzureError) as caught:
        fetch(vault, {"API_KEY": URL})

    said = f"{caught.value!r} {caught.value.hint} {caplog.text}"
    assert vault.token not in said
    assert VALUE not in said
