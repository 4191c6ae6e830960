"""Who asks the storage service, by the environment; and no message says more than it should."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.identity import ManagedIdentityCredential
from wordings import Wording, names

from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.storing.credentials import CONNECTION_STRING, access_to, worker_client_id
from hyperscale.node.storing.places import account_place

CLIENT_ID = "11111111-2222-3333-4444-555555555555"
KEY = "UExBTlRFRA=="
SIGNATURE = "sv=2024-01-01&sig=PLANTED"
AZURE = account_place("https://acct.queue.core.windows.net", "queue")
AZURE_STORE = account_place("https://acct.blob.core.windows.net/c", "store")
AZURITE = account_place("http://127.0.0.1:10001/dev", "queue")
OF_AZURITE = (
    f"AccountName=dev;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:10001/dev;BlobEndpoint=http://127.0.0.1:10000/dev"
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (OF_AZURITE, AZURITE),
        (f"{OF_AZURITE};", AZURITE),
        (f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={KEY};EndpointSuffix=core.windows.net", AZURE),
        (f"AccountName=acct;AccountKey={KEY}", AZURE_STORE),
        (f"accountname=acct;accountkey={KEY};QueueEndpoint=https://ACCT.queue.core.windows.net/", AZURE),
    ],
)
def test_a_connection_string_gives_its_key_to_its_own_account(text: str, place: Any) -> None:
    access = access_to(place, {CONNECTION_STRING: text})

    assert isinstance(access.credential, AzureNamedKeyCredential)
    assert access.credential.named_key == (place.account, KEY)


def test_a_connection_string_may_hold_a_signature() -> None:
    text = f"QueueEndpoint=https://acct.queue.core.windows.net;SharedAccessSignature={SIGNATURE}"

    access = access_to(AZURE, {CONNECTION_STRING: text})

    assert isinstance(access.credential, AzureSasCredential)
    assert access.credential.signature == SIGNATURE


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (OF_AZURITE, ("http://127.0.0.1:10001/dev", "https://acct.queue.core.windows.net")),
        (f"AccountName=other;AccountKey={KEY}", "https://other.queue.core.windows.net"),
        (
            f"BlobEndpoint=https://acct.blob.core.windows.net;SharedAccessSignature={SIGNATURE}",
            "endpoint",
        ),
        (f"QueueEndpoint=https://acct.queue.core.windows.net?{SIGNATURE}", "signature"),
        ("QueueEndpoint=https://acct.queue.core.windows.net", ("key", "signature")),
        (KEY, "endpoint"),
    ],
    ids=["another", "another of Azure", "of blobs", "a signature in the endpoint", "an endpoint alone", "a key alone"],
)
def test_a_connection_string_of_another_account_is_refused_and_not_repeated(
    text: str, parts: str | tuple[str, ...], wording: Wording
) -> None:
    with pytest.raises(HyperscaleError) as refused:
        access_to(AZURE, {CONNECTION_STRING: text})

    names(refused, parts)
    wording(refused)
    assert KEY not in f"{refused.value} {refused.value.hint}"
    assert "PLANTED" not in f"{refused.value} {refused.value.hint}"


def test_a_token_does_not_travel_over_http(wording: Wording) -> None:
    with pytest.raises(AzureError) as refused:
        access_to(AZURITE, {})
    wording(refused)


def test_on_a_laptop_it_is_the_login() -> None:
    access = access_to(AZURE, {})

    assert access.credential is access_to(AZURE_STORE, {}).credential, "az is asked once for all of a process"
    names(access.who, "DefaultAzureCredential")
    assert "Storage Queue Data Contributor" in access.refused
    assert "Storage Blob Data Contributor" in access_to(AZURE_STORE, {}).refused


@pytest.mark.parametrize(
    ("given", "client_id"),
    [
        (CLIENT_ID, CLIENT_ID),
        (CLIENT_ID.upper(), CLIENT_ID),
        ("clientid", None),
        ("", None),
        (None, None),
        (CLIENT_ID.replace("-", ""), None),
    ],
)
def test_on_a_node_it_is_the_identity_by_its_id_or_the_only_one(
    monkeypatch: pytest.MonkeyPatch, given: str | None, client_id: str | None
) -> None:
    asked: list[dict[str, Any]] = []
    made = ManagedIdentityCredential.__init__
    monkeypatch.setattr(
        ManagedIdentityCredential, "__init__", lambda self, **named: asked.append(named) or made(self, **named)
    )
    environ = {"AZUREML_RUN_ID": "calm_tooth", **({} if given is None else {"DEFAULT_IDENTITY_CLIENT_ID": given})}

    access = access_to(AZURE, environ)

    assert asked == [{"client_id": client_id} if client_id else {}]
    assert (client_id or "only managed identity") in access.who
    assert "compute.identity" in access.unknown


@pytest.mark.parametrize(
    ("environ", "client_id"),
    [
        ({"AZUREML_RUN_ID": "r", "DEFAULT_IDENTITY_CLIENT_ID": CLIENT_ID}, CLIENT_ID),
        ({"DEFAULT_IDENTITY_CLIENT_ID": CLIENT_ID}, CLIENT_ID),
        ({"AZUREML_RUN_ID": "r", "DEFAULT_IDENTITY_CLIENT_ID": "clientid"}, None),
        ({"AZUREML_RUN_ID": "r"}, None),
        ({"AZUREML_RUN_ID": "r", "DEFAULT_IDENTITY_CLIENT_ID": CLIENT_ID, "AZURE_CLIENT_ID": "of the user"}, None),
        ({}, None),
    ],
)
def test_workers_get_the_identity_of_their_node(environ: dict[str, str], client_id: str | None) -> None:
    assert worker_client_id(environ) == client_id
