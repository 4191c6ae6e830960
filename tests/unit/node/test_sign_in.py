"""Why there is no token is one sentence, and says what to do."""

from __future__ import annotations

import pytest

from hyperscale.node.storing.sign_in import no_token

CLI = (
    "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n"
    "\tAzureCliCredential: {}\nTo mitigate this issue, visit https://aka.ms/azsdk/python/identity"
)


@pytest.mark.parametrize(
    ("said", "text", "hint"),
    [
        ("Please run 'az login' to set up an account", "nobody is logged in", "az login"),
        ("Azure CLI not found on path", "nobody is logged in", "az login"),
        ("AADSTS70043: The refresh token has expired", "the login has run out (AADSTS70043)", "log in again"),
        ("AADSTS50020: User account 'x' does not exist in tenant", "(AADSTS50020)", "az login --tenant TENANT"),
        ("AADSTS50076: you must use multi-factor authentication", "a second proof", "az login --tenant"),
        ("AADSTS7000215: Invalid client secret provided", "AZURE_CLIENT_SECRET is wrong", "correct it"),
        ("AADSTS99999: something new", "Microsoft Entra refuses it (AADSTS99999)", "az login"),
        (
            "HTTPSConnectionPool(host='login.microsoftonline.com'): Max retries exceeded",
            "the service that gives tokens does not answer",
            "login.microsoftonline.com",
        ),
    ],
)
def test_each_reason_is_one_sentence(said: str, text: str, hint: str):
    error = no_token("GET /w", RuntimeError(CLI.format(said)), "your login")

    asked = "" if text == "nobody is logged in" else "GET /w: "
    assert str(error).startswith(f"{asked}there is no token for your login: ")
    assert text in str(error)
    assert hint in (error.hint or "")
    assert "https://" not in f"{error} {error.hint}"
    assert "\n" not in str(error)


def test_a_node_gets_advice_of_its_own():
    error = no_token("", RuntimeError("no identity"), "the node's identity", "give the cluster an identity")

    assert str(error) == "there is no token for the node's identity"
    assert error.hint == "give the cluster an identity"
