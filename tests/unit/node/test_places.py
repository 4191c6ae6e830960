"""URLs of queues and stores: what they mean, and that no secret in one is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.places import AccountPlace, account_place, is_remote, local_folder


@pytest.mark.parametrize(
    ("url", "what", "account", "service_url", "names"),
    [
        ("https://acct.queue.core.windows.net", "queue", "acct", "https://acct.queue.core.windows.net", ()),
        ("https://acct.queue.core.windows.net/q/", "queue", "acct", "https://acct.queue.core.windows.net", ("q",)),
        ("https://a.blob.core.windows.net/c/a%20b", "store", "a", "https://a.blob.core.windows.net", ("c", "a b")),
        ("https://a.z1.blob.storage.azure.net/c", "store", "a", "https://a.z1.blob.storage.azure.net", ("c",)),
        ("https://acct.queue.core.lab.test:24000", "queue", "acct", "https://acct.queue.core.lab.test:24000", ()),
        ("http://127.0.0.1:10001/dev", "queue", "dev", "http://127.0.0.1:10001/dev", ()),
        ("http://localhost:10000/dev/c/p", "store", "dev", "http://localhost:10000/dev", ("c", "p")),
        ("http://azurite:10000/dev", "store", "dev", "http://azurite:10000/dev", ()),
        ("https://[::1]:10000/dev", "store", "dev", "https://[::1]:10000/dev", ()),
    ],
)  # fmt: skip
def test_a_place_in_an_account(url: str, what: str, account: str, service_url: str, names: tuple[str, ...]) -> None:
    assert is_remote(url)
    assert account_place(url, what) == AccountPlace(what, account, service_url, names)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://acct.blob.core.windows.net", "queue"),
        ("https://acct.queue.core.windows.net", "store"),
        ("https://queue.core.windows.net", "queue"),
        ("https://example.com/c", "store"),
        ("ftp://acct.blob.core.windows.net/c", "store"),
        ("http://127.0.0.1:10000", "store"),
        ("https://", "queue"),
        ("http://[::1/dev?sig=PLANTED", "queue"),
    ],
)
def test_what_is_no_place_is_refused(url: str, what: str, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        account_place(url, what)
    wording(refused)

    assert "http" in str(refused.value.hint)
    assert "PLANTED" not in str(refused.value)


@pytest.mark.parametrize("secret_part", ["?sv=2024&sig=PLANTED", "#PLANTED"])
def test_a_signature_in_a_url_is_refused_and_not_repeated(secret_part: str, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        account_place(f"https://a.blob.core.windows.net/c{secret_part}", "store")
    names(refused, "https://a.blob.core.windows.net/c")
    wording(refused)

    assert "PLANTED" not in f"{refused.value} {refused.value.hint}"


def test_a_password_in_a_url_is_refused_and_not_repeated(wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        account_place("https://me:PLANTED@a.blob.core.windows.net/c", "store")
    names(refused, "signature")
    wording(refused)

    assert "PLANTED" not in f"{refused.value} {refused.value.hint}"


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    for url in (str(tmp_path), f"file://{tmp_path}"):
        assert not is_remote(url)
        assert local_folder(url, "queue") == tmp_path


@pytest.mark.parametrize("url", ["auto", "auto/other", "https://x/y"])
def test_what_is_no_folder_is_refused(url: str, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        local_folder(url, "queue")
    names(refused, "queue")
    wording(refused)
