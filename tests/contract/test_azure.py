"""What only the adapters for Azure care about: pages, batches, blocks, names in an account, messages of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.queue import QueueClient
from azurite import Azurite
from places import access, azure_queue, azure_store, secret_of
from wordings import Wording, names

from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.places import account_place
from hyperscale.node.storing.queues.azure import AzureQueue
from hyperscale.node.storing.stores import azure
from hyperscale.node.storing.stores.azure import BLOCK_BYTES, AzureBlobStore

FOREIGN = ["", "=", "=not base64", "=YWJj", "eyJhIjogMX0=", "{}"]


@pytest.fixture
def run_id() -> str:
    return f"run-{uuid4().hex}"


@pytest.fixture
def store(azurite: Azurite, run_id: str) -> Iterator[AzureBlobStore]:
    with closing(azure_store(f"{azurite.blob_url}/runs", run_id, secret_of(azurite))) as store:
        assert isinstance(store, AzureBlobStore)
        yield store


@pytest.fixture
def queue(azurite: Azurite, run_id: str) -> Iterator[AzureQueue]:
    with closing(azure_queue(azurite.queue_url, run_id, secret_of(azurite))) as queue:
        assert isinstance(queue, AzureQueue)
        queue.create()
        yield queue
        queue.remove()


def test_a_listing_has_all_of_its_pages(store: AzureBlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure, "PAGE", 3)
    names = [f"consumers/c-{number:02d}" for number in range(10)]
    for name in names:
        store.beat(name, {"rows_done": 1})

    assert store.names("consumers/") == names
    assert [name for name, _, _ in store.beats("consumers/")] == names


def test_the_whole_fleet_is_one_request(store: AzureBlobStore, azurite: Azurite) -> None:
    for number in range(5):
        store.beat(f"consumers/c-{number}", {"rows_done": number})
    before = len(azurite.requests())

    beats = list(store.beats("consumers/"))

    assert len(azurite.requests()) == before + 1
    assert [fields["rows_done"] for _, _, fields in beats] == list(range(5))


def test_a_removal_leaves_other_runs_and_the_container(
    store: AzureBlobStore, azurite: Azurite, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure, "BATCH", 4)
    for number in range(10):
        store.create(f"ledger/{number}", b"x")
    with closing(azure_store(f"{azurite.blob_url}/runs", f"{run_id}1", secret_of(azurite))) as other:
        other.create("ledger/0", b"of another run")

        store.remove()

        assert store.names("") == []
        assert other.read("ledger/0") == b"of another run"


def test_a_file_of_several_blocks_appears_whole(store: AzureBlobStore, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * (BLOCK_BYTES // 256 * 2) + b"the rest")

    store.upload("results.parquet", source)
    created = store.create("results.parquet", source.read_bytes())
    store.download("results.parquet", copy)

    assert created is False
    assert copy.read_bytes() == source.read_bytes()


def test_a_long_text_of_a_heartbeat_is_cut(store: AzureBlobStore) -> None:
    store.beat("consumers/c", {"message": "a long story. " * 10_000, "state": "broken", "rows_done": 7})

    ((_, _, fields),) = store.beats("consumers/")

    assert fields == {"message": ("a long story. " * 40)[:500], "state": "broken", "rows_done": 7}


def test_what_somebody_else_put_among_the_heartbeats_is_none(store: AzureBlobStore) -> None:
    store.create("consumers/a note", b"hello")
    store.beat("consumers/c", {"rows_done": 1})

    assert [name for name, _, _ in store.beats("consumers/")] == ["consumers/c"]
    assert store.names("consumers/") == ["consumers/a note", "consumers/c"]


def test_messages_never_expire(queue: AzureQueue, azurite: Azurite) -> None:
    queue.put("m")

    with closing(QueueClient.from_connection_string(azurite.connection_string, queue.name)) as client:
        (message,) = client.peek_messages()
    assert message.expires_on is not None
    assert message.expires_on.year == 9999


def test_what_others_put_arrives_as_they_put_it_or_as_its_base64_says(queue: AzureQueue, azurite: Azurite) -> None:
    with closing(QueueClient.from_connection_string(azurite.connection_string, queue.name)) as client:
        for text in FOREIGN:
            client.send_message(text)

    found = [message.body for message in queue.receive(32, 60)]

    assert sorted(found) == sorted([*(text for text in FOREIGN if text not in ("=", "=YWJj")), "", "abc"])


def test_a_receive_is_one_request_however_many_messages_come(queue: AzureQueue, azurite: Azurite) -> None:
    for number in range(5):
        queue.put(str(number))
    before = len(azurite.requests())

    counts = [len(queue.receive(count, 60)) for count in (2, 32, 32)]

    assert counts == [2, 3, 0]
    assert len(azurite.requests()) == before + 3


def test_a_name_after_the_account_stands_before_that_of_the_run(azurite: Azurite, run_id: str) -> None:
    with closing(azure_queue(f"{azurite.queue_url}/team", run_id, secret_of(azurite))) as queue:
        assert isinstance(queue, AzureQueue)
        assert queue.name == f"team-{run_id}"


@pytest.mark.parametrize("name", ["Team", "a_b", "x" * 63])
def test_a_name_that_no_queue_can_have_is_refused(azurite: Azurite, name: str, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        azure_queue(f"{azurite.queue_url}/{name}", "run-1", secret_of(azurite))
    wording(refused)


def test_a_token_is_asked_for_storage_alone(
    azurite_with_tokens: Azurite, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azurite_with_tokens.authority))
    place = account_place(azurite_with_tokens.queue_url, "queue")
    who = access(place, None)
    with closing(AzureQueue(place, run_id, who)) as queue:
        queue.create()
        queue.remove()

    assert set(who.credential.scopes) == {("https://storage.azure.com/.default",)}


def test_a_certificate_that_is_not_trusted_is_no_outage(
    azurite_with_tokens: Azurite, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    untrusted = azure_queue(azurite_with_tokens.queue_url, run_id, None)
    with closing(untrusted), pytest.raises(HyperscaleError) as refused:
        untrusted.depth()
    names(refused, "certificate")
