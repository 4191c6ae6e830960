"""Why there is no token is one sentence, and says what to do."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.node.storing.sign_in import no_token

CLI = (
    "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n"
    "\tAzureCliCredential: {}\nTo mitigate this issue, visit https://aka.ms/azsdk/python/identity"
)


@pytest.mark.parametrize(
    ("said", "parts", "hint"),
    [
        ("Please run 'az login' to set up an account", (), "az login"),
        ("Azure CLI not found on path", (), "az login"),
        ("AADSTS70043: The refresh token has expired", "AADSTS70043", "az login"),
        ("AADSTS50020: User account 'x' does not exist in tenant", "AADSTS50020", "az login --tenant TENANT"),
        ("AADSTS50076: you must use multi-factor authentication", (), "az login --tenant"),
        ("AADSTS7000215: Invalid client secret provided", "AZURE_CLIENT_SECRET", "az login"),
        ("AADSTS99999: something new", ("Microsoft Entra", "AADSTS99999"), "az login"),
        (
            "HTTPSConnectionPool(host='login.microsoftonline.com'): Max retries exceeded",
            (),
            "login.microsoftonline.com",
        ),
    ],
)
def test_each_reason_is_one_sentence(said: str, parts: str | tuple[str, ...], hint: str, wording: Wording):
    error = no_token("GET /w", RuntimeError(CLI.format(said)), "your login")

    names(error, "token", "login", parts)
    wording(error)
    assert hint in (error.hint or "")
    assert "https://" not in f"{error} {error.hint}"
    assert "\n" not in str(error)


def test_a_node_gets_advice_of_its_own(wording: Wording):
    error = no_token("", RuntimeError("no identity"), "the node's identity", "give the cluster an identity")

    names(error, "token", "identity")
    wording(error)
