"""Azure Resource Manager is asked again as long as that helps, and what it refuses is said in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from answering_service import Login, Service
from azure.core.exceptions import ClientAuthenticationError
from wordings import Wording, names

from hyperscale.errors import AzureError
from hyperscale.node.azure import resource_manager
from hyperscale.node.azure.refusals import RefusedError, missing_part, plain, refusal
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.ending.step_sight import StepSight


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    running = Service(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.authority))
    monkeypatch.setenv("NO_PROXY", "*")
    yield running
    running.close()


@pytest.fixture
def azure() -> Iterator[ResourceManager]:
    manager = ResourceManager(Login(), who="the test")
    yield manager
    manager.close()


def test_a_document_is_returned_and_a_missing_one_is_none(service: Service, azure: ResourceManager):
    service.answer(200, {"name": "lab"})
    service.refuse(404, "ResourceNotFound")

    assert azure.get(service.url("/w"), api_version="2024-04-01") == {"name": "lab"}
    assert azure.get(service.url("/w")) is None
    assert service.asked == ["GET /w?api-version=2024-04-01", "GET /w"]
    assert azure.requests == 2


def test_all_pages_of_a_list_are_read(service: Service, azure: ResourceManager):
    service.answer(200, {"value": [{"name": "a"}, {"name": "b"}], "nextLink": service.url("/list?page=2")})
    service.answer(200, {"value": [{"name": "c"}], "nextLink": None})

    found = [each["name"] for each in azure.pages(service.url("/list"), api_version="1")]

    assert found == ["a", "b", "c"]
    assert service.asked == ["GET /list?api-version=1", "GET /list?page=2"]


def test_all_pages_that_tokens_name_are_read(service: Service, azure: ResourceManager):
    service.answer(200, {"value": [{"name": "a"}], "continuationToken": "after a&b"})
    service.answer(200, {"value": [{"name": "b"}], "continuationToken": None})

    found = [each["name"] for each in azure.pages(service.url("/children"), top="1")]

    assert found == ["a", "b"]
    assert service.asked == ["GET /children?top=1", "GET /children?top=1&%24continuationtoken=after+a%26b"]


@pytest.mark.parametrize("last", [{"continuationToken": "t"}, {"nextLink": "{here}"}])
def test_pages_that_lead_back_end_in_an_error(service: Service, azure: ResourceManager, last: dict[str, str]):
    page = {"value": [{"name": "a"}], **{key: value.format(here=service.url("/list")) for key, value in last.items()}}
    service.answer(200, page)
    service.answer(200, page)

    with pytest.raises(AzureError) as refused:
        list(azure.pages(service.url("/list")))

    names(refused, "/list", "next page")
    assert len(service.asked) == 2


def test_a_page_that_leads_to_another_host_is_not_followed_with_our_token(service: Service, azure: ResourceManager):
    service.answer(200, {"value": [], "nextLink": "https://elsewhere.invalid/list"})

    with pytest.raises(AzureError) as refused:
        list(azure.pages(service.url("/list")))

    names(refused, "/list", "next page")


@pytest.mark.parametrize("body", [b"null", b"", b"{}"])
def test_an_answer_without_a_document_is_an_empty_one(service: Service, azure: ResourceManager, body: bytes):
    service.answer(202, body)

    assert azure.send("POST", service.url("/jobs/j/cancel"), {}) == {}


@pytest.mark.parametrize("body", [b"[]", b"1", b'"done"', b"nul"])
def test_an_answer_that_is_another_kind_of_json_is_of_somebody_else(
    service: Service, azure: ResourceManager, body: bytes
):
    service.answer(200, body)

    with pytest.raises(AzureError) as refused:
        azure.send("POST", service.url("/jobs/j/cancel"), {})
    names(refused, "Azure Resource Manager")


def test_a_step_that_resource_manager_does_not_cancel_is_cancelled_by_its_own_address(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resource_manager, "URL", service.url(""))
    own = service.url("/studioservice/apiv2/runs/s-1/Cancel")
    service.refuse(400, "UserError", "s-1 is not a job")
    service.answer(200, {"name": "lab", "properties": {"discoveryUrl": service.url("/discovery")}})
    service.answer(200, {"api": service.url("")})
    service.answer(200, b"")

    with closing(ResourceManager(Login(), who="the test")) as azure:
        Workspace(azure, WorkspaceName("s", "g", "lab")).cancel_step(StepFacts("s-1", "consume_0", "Queued", "", own))

    assert service.asked[-1] == "POST /studioservice/apiv2/runs/s-1/Cancel"


@pytest.mark.parametrize("own", ["", "https://elsewhere.invalid/runs/s-1/Cancel", "http://localhost/runs/s-1/Cancel"])
def test_a_step_is_cancelled_in_the_workspace_alone(service: Service, monkeypatch: pytest.MonkeyPatch, own: str):
    monkeypatch.setattr(resource_manager, "URL", service.url(""))
    service.refuse(400, "UserError", "s-1 is not a job")
    service.answer(200, {"name": "lab", "properties": {"discoveryUrl": service.url("/discovery")}})
    service.answer(200, {"api": service.url("")})

    with closing(ResourceManager(Login(), who="the test")) as azure, pytest.raises(AzureError):
        Workspace(azure, WorkspaceName("s", "g", "lab")).cancel_step(StepFacts("s-1", "consume_0", "Queued", "", own))

    assert not any("/runs/s-1/Cancel" in asked for asked in service.asked)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("status", [429, 503])
def test_what_is_busy_is_asked_again_when_it_says_to(
    service: Service, azure: ResourceManager, method: str, status: int
):
    for _ in range(5):
        service.refuse(status, "TooManyRequests", Retry_After="0.01")
    service.answer(200, {"done": True})

    assert azure.send(method, service.url("/w"), {}) == {"done": True}
    assert len(service.asked) == 6, "more often than the SDK would by itself"


def test_an_outage_is_asked_again_without_being_told_to(service: Service, azure: ResourceManager):
    service.answer(502, b"<html>")
    service.answer(0)
    service.answer(200, {"done": True})

    assert azure.send("POST", service.url("/cancel"), {}) == {"done": True}


def test_an_outage_that_lasts_is_an_error_in_the_end(service: Service, wording: Wording):
    azure = ResourceManager(Login(), who="the test", retries=1)
    service.refuse(503, "ServerBusy", "try later", Retry_After="0.01")
    service.refuse(503, "ServerBusy", "try later", Retry_After="0.01")

    with pytest.raises(RefusedError) as raised:
        azure.get(service.url("/w"))
    names(raised, "503 ServerBusy")
    wording(raised)

    azure.close()
    assert (raised.value.status, raised.value.code) == (503, "ServerBusy")


def test_nobody_answers(service: Service, wording: Wording):
    azure = ResourceManager(Login(), who="the test", retries=0)
    url = service.url("/w")
    service.close()

    with pytest.raises(AzureError) as raised:
        azure.get(url)
    names(raised, "Connection refused")
    wording(raised)

    azure.close()


def test_a_certificate_that_is_not_trusted_is_said_so(
    service: Service, monkeypatch: pytest.MonkeyPatch, wording: Wording
):
    azure = ResourceManager(Login(), who="the test", retries=0)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)

    with pytest.raises(AzureError) as raised:
        azure.get(service.url("/w"))
    names(raised, "certificate")
    wording(raised)

    azure.close()
    assert "REQUESTS_CA_BUNDLE" in (raised.value.hint or "")


def test_an_answer_that_is_no_json_is_of_somebody_else(service: Service, azure: ResourceManager):
    service.answer(200, b"<html>Please log in to the hotel's network</html>")

    with pytest.raises(AzureError) as refused:
        azure.get(service.url("/w"))
    names(refused, "Azure Resource Manager")


@pytest.mark.parametrize("told", [{}, {"api": None}, {"discovery": "https://elsewhere.invalid"}])
def test_a_workspace_that_does_not_tell_where_its_run_history_is_has_no_steps_to_show(
    service: Service, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
):
    monkeypatch.setattr(resource_manager, "URL", service.url(""))
    service.answer(200, {"name": "lab", "properties": {"discoveryUrl": service.url("/discovery")}})
    service.answer(200, told)

    with closing(ResourceManager(Login(), who="the test")) as azure:
        sight = StepSight(Workspace(azure, WorkspaceName("s", "g", "lab")), lambda: ["job"])

        assert sight.look() == ()
    assert service.asked[1:] == ["GET /discovery"]


def test_who_may_not_is_told_what(service: Service, azure: ResourceManager, wording: Wording):
    said = (
        "The client 'ada@example.org' with object id '1' does not have authorization to perform action "
        "'Microsoft.MachineLearningServices/workspaces/read' over scope '/subscriptions/s' or the scope is invalid."
    )
    service.refuse(403, "AuthorizationFailed", said)

    with pytest.raises(RefusedError) as raised:
        azure.get(service.url("/w"))

    names(raised, "the test", "workspaces/read", "/subscriptions/s")
    wording(raised)
    assert "hyperscale doctor" in (raised.value.hint or "")


def test_a_signed_address_is_asked_without_a_token_and_never_repeated(service: Service, azure: ResourceManager):
    service.answer(200, b"line 1\nline 2\n")
    service.answer(403, b"", x_ms_error_code="AuthenticationFailed")
    service.answer(404, b"")

    assert azure.signed_text(service.url("/log?sig=SIGNATURE")) == "line 1\nline 2\n"
    with pytest.raises(RefusedError) as raised:
        azure.signed_text(service.url("/log?sig=SIGNATURE"))
    assert azure.signed_text(service.url("/log?sig=SIGNATURE")) is None
    assert service.tokens == [None, None, None]
    assert "SIGNATURE" not in f"{raised.value} {raised.value.hint}"
    assert raised.value.code == "AuthenticationFailed"


def test_no_error_repeats_the_token_or_the_sdks_page_of_text(service: Service):
    page = "Attempted credentials:\n\tEnvironmentCredential: ...\nVisit https://aka.ms/azsdk/python"
    azure = ResourceManager(Login(ClientAuthenticationError(page)), who="the test")

    with pytest.raises(AzureError) as raised:
        azure.get(service.url("/w"))

    azure.close()
    names(raised, "the test", "token")
    assert "az login" in (raised.value.hint or "")
    assert raised.value.__context__ is None, "the SDK's error hangs on nothing"
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "code", "message", "parts", "hint"),
    [
        (
            401,
            "InvalidAuthenticationTokenTenant",
            "The access token is from the wrong issuer 'https://sts.windows.net/11111111-1111-1111-1111-111111111111/'."
            " It must match the tenant 'https://sts.windows.net/22222222-2222-2222-2222-222222222222/' associated",
            ("me", "tenant"),
            "az login --tenant 22222222-2222-2222-2222-222222222222",
        ),
        (401, "ExpiredAuthenticationToken", "x", ("me", "token"), "clock"),
        (403, "Forbidden", "no", "403 Forbidden: no", "doctor"),
        (400, "Quota", "16 cores", "400 Quota: 16 cores", ""),
        (409, "", "", 409, ""),
    ],
)
def test_each_refusal_has_its_words(status: int, code: str, message: str, parts: object, hint: str, wording: Wording):
    error = refusal("GET /w", status, code, message, "me")

    names(error, "GET /w", parts, hint)
    wording(error)
    assert "https://" not in f"{error} {error.hint}"


def test_messages_of_azure_are_one_line_without_addresses_and_tokens():
    text = plain("Not good.\r\n  See https://aka.ms/x?sig=abc with eyJ0eXAi.eyJhdWQi.c2ln" + "x" * 500)

    assert text.startswith("Not good. See (address) with (token)")
    assert len(text) <= 400


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("SubscriptionNotFound", "subscription"),
        ("ResourceGroupNotFound", "resource group"),
        ("ResourceNotFound", "resource"),
        ("", "resource"),
    ],
)
def test_a_404_says_what_is_not_there(code: str, part: str):
    assert missing_part(code) == part
