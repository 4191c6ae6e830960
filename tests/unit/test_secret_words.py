from __future__ import annotations

import pytest

from hyperscale.secret_words import find_secret, without_secrets

KEY = "c2VjcmV0" * 10 + "c2VjcA=="


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};", "a connection string"),
        ("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0c2VjcmV0", "a connection string"),
        ("BlobEndpoint=https://a;SharedAccessSignature=sv-c2VjcmV0", "a connection string"),
        ("https://a.blob.core.windows.net/c?sv=1&sig=c2VjcmV0c2VjcmV0%3D&se=2", "a SAS"),
        ("SIG=c2VjcmV0c2VjcmV0c2VjcmV0", "a SAS"),
        ("https://b.s3.amazonaws.com/a.csv?X-Amz-Date=1&X-Amz-Signature=c2VjcmV0c2VjcmV0", "a signed address"),
        ("https://example.com/a.csv?access_token=c2VjcmV0c2VjcmV0", "a signed address"),
        (KEY, "an account key"),
        (f"key: '{KEY}'", "an account key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("https://user:c2VjcmV0@example.com/x", "a password in a URL"),
    ],
)
def test_a_secret_is_found_and_can_be_blotted_out(text: str, kind: str):
    found = find_secret(text)
    clean = without_secrets(text)

    assert found is not None
    assert found[0] == kind
    assert "c2VjcmV0" not in clean
    assert find_secret(clean) is None


@pytest.mark.parametrize(
    "text",
    [
        "digits-sweep",
        "https://my-vault.vault.azure.net/secrets/api-key",
        "https://example.com:8080/a@b",
        "config: sig=short",
        "design=c2VjcmV0c2VjcmV0c2VjcmV0",
        "AccountKey=",
        "a" * 64,
        "curl https://example.com/?token={the_token_of_row}&key=1",
        "https://example.com/a.csv?download=1&signature=none",
        "azureml://datastores/workspaceblobstore/paths/data",
    ],
)
def test_an_innocent_text_is_left_alone(text: str):
    assert find_secret(text) is None
    assert without_secrets(text) == text
