"""Who is logged in is read from the token, which nobody else sees."""

from __future__ import annotations

import base64
import json

import pytest
from wordings import Wording

from hyperscale.control.azure.session import Person, person_of
from hyperscale.errors import AzureError

CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def token(**claims: str) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.signature"


@pytest.mark.parametrize(
    ("claims", "name", "kind"),
    [
        ({"upn": "ada@example.org", "appid": CLI}, "ada@example.org", "User"),
        ({"unique_name": "guest@example.org", "appid": CLI}, "guest@example.org", "User"),
        ({"appid": "robot", "idtyp": "app"}, "robot", "ServicePrincipal"),
        ({"azp": "robot"}, "robot", "ServicePrincipal"),
    ],
)
def test_people_and_applications_are_told_apart(claims: dict[str, str], name: str, kind: str):
    assert person_of(token(oid="o", tid="t", **claims)) == Person(name, "o", "t", kind)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", token(tid="t", upn="x"), "a.W10.c"])
def test_what_is_no_token_is_an_error_that_does_not_show_it(text: str, wording: Wording):
    with pytest.raises(AzureError) as raised:
        person_of(text)
    wording(raised)

    assert not text or text not in f"{raised.value} {raised.value.hint}"
    assert raised.value.__context__ is None
