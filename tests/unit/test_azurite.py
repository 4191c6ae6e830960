"""Azurite as tests use it: with the real clients, over http and https, stopped and started, and never left running."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient
from azurite import Azurite, NotInstalledError, Request
from azurite.install import node_of_this_machine
from azurite.tokens import FakeCredential

pytestmark = pytest.mark.tools

TESTS = Path(__file__).parent.parent


@pytest.fixture
def own_azurite(tmp_path: Path) -> Iterator[Azurite]:
    with Azurite(tmp_path / "azurite") as running:
        yield running


def queue_of(azurite: Azurite, name: str) -> QueueClient:
    queue = QueueClient.from_connection_string(azurite.connection_string, name, retry_total=0)
    queue.create_queue()
    return queue


def test_a_queue_works_with_the_connection_string(azurite: Azurite):
    with queue_of(azurite, "plain-queue") as queue:
        queue.send_message("hello", time_to_live=-1)

        assert [message.content for message in queue.receive_messages()] == ["hello"]


def test_blobs_work_with_the_connection_string(azurite: Azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        container = blobs.create_container("plain-container")
        container.upload_blob("folder/name", b"hello")

        assert container.download_blob("folder/name").readall() == b"hello"


def test_a_queue_works_with_tokens_over_https(azurite_with_tokens: Azurite):
    credential = FakeCredential()
    with QueueClient(
        azurite_with_tokens.queue_url,
        "secure-queue",
        credential=credential,
        connection_verify=trust(azurite_with_tokens),
    ) as queue:
        queue.create_queue()
        queue.send_message("hello", time_to_live=-1)

        assert [message.content for message in queue.receive_messages()] == ["hello"]
    assert credential.scopes == [("https://storage.azure.com/.default",)]


def test_blobs_work_with_tokens_over_https(azurite_with_tokens: Azurite, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trust(azurite_with_tokens))
    with BlobServiceClient(azurite_with_tokens.blob_url, credential=FakeCredential()) as blobs:
        container = blobs.create_container("secure-container")
        container.upload_blob("name", b"hello")

        assert container.download_blob("name").readall() == b"hello"


def test_a_token_for_another_service_is_refused(azurite_with_tokens: Azurite):
    with (
        QueueClient(
            azurite_with_tokens.queue_url,
            "refused-queue",
            credential=FakeCredential(audience="https://management.azure.com"),
            connection_verify=trust(azurite_with_tokens),
        ) as queue,
        pytest.raises(ClientAuthenticationError),
    ):
        queue.create_queue()


def test_a_client_that_does_not_trust_the_certificate_sends_nothing(
    azurite_with_tokens: Azurite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with (
        QueueClient(
            azurite_with_tokens.queue_url, "untrusted-queue", credential=FakeCredential(), retry_total=0
        ) as queue,
        pytest.raises(ServiceRequestError, match="certificate verify failed"),
    ):
        queue.create_queue()
    assert not [request for request in azurite_with_tokens.requests() if "untrusted-queue" in request.path]


def trust(azurite: Azurite) -> str:
    assert azurite.authority
    return str(azurite.authority)


def test_a_key_of_another_azurite_is_refused(azurite: Azurite, azurite_with_tokens: Azurite):
    strange = azurite.connection_string.replace(azurite.key, azurite_with_tokens.key)
    with (
        QueueClient.from_connection_string(strange, "strange-queue") as queue,
        pytest.raises(HttpResponseError) as told,
    ):
        queue.create_queue()

    assert told.value.status_code == 403


def test_every_request_is_counted_once_also_right_after_its_answer(own_azurite: Azurite):
    with queue_of(own_azurite, "counted") as queue:
        for number in range(50):
            queue.send_message(str(number))

        found = own_azurite.requests()

    assert found[0] == Request("PUT", "/hyperscale/counted", 201)
    assert found[1:] == 50 * [Request("POST", "/hyperscale/counted/messages", 201)]


def test_after_a_stop_it_refuses_and_after_a_start_it_has_everything(own_azurite: Azurite):
    with queue_of(own_azurite, "kept") as queue:
        queue.send_message("hello", time_to_live=-1)
        url, requests = own_azurite.queue_url, own_azurite.requests()

        own_azurite.stop()
        with pytest.raises(ServiceRequestError, match="refused"):
            queue.peek_messages()
        assert own_azurite.requests() == requests
        own_azurite.start()

        assert queue.receive_message().content == "hello"
    assert own_azurite.queue_url == url
    assert len(own_azurite.requests()) == len(requests) + 1


def test_the_port_of_a_stopped_azurite_is_given_to_nobody(own_azurite: Azurite):
    port = int(own_azurite.queue_url.split(":")[2].partition("/")[0])
    own_azurite.stop()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_several_start_at_the_same_time(tmp_path: Path):
    several = [Azurite(tmp_path / str(number)) for number in range(4)]
    starting = [threading.Thread(target=azurite.start) for azurite in several]
    try:
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()

        for azurite in several:
            queue_of(azurite, "mine").close()
            assert [request.status for request in azurite.requests()] == [201]
    finally:
        for azurite in several:
            azurite.close()


def test_an_azurite_that_does_not_start_tells_its_last_words(own_azurite: Azurite, tmp_path: Path):
    own_azurite.stop()
    (tmp_path / "azurite" / "data").rename(tmp_path / "moved")
    (tmp_path / "azurite" / "data").write_text("a file where its folder should be")

    with pytest.raises(RuntimeError, match=r"(?s)Azurite ended, .* unhandled error"):
        own_azurite.start()


STARTS_AZURITE_AND_WAITS = """
import sys
from pathlib import Path
from azurite import Azurite
with Azurite(Path(sys.argv[1])) as azurite:
    print(azurite.process_id, flush=True)
    sys.stdin.read()
"""


def test_azurite_ends_when_the_tests_that_started_it_are_killed(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_AZURITE_AND_WAITS, tmp_path],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as tests:
        assert tests.stdout
        azurite = os.pidfd_open(int(tests.stdout.readline()))

        tests.kill()

        ended, _, _ = select.select([azurite], [], [], 60)
        os.close(azurite)
    assert ended


def test_without_the_installation_an_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("azurite.NODE", tmp_path / "node")

    with pytest.raises(NotInstalledError, match=r"Azurite is not installed in .*: `make test` installs it"):
        Azurite(tmp_path)


@pytest.mark.parametrize(("version", "found"), [("18.20.4", None), ("20.0.0", Path("/opt/node/bin/node"))])
def test_the_machine_s_own_node_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, found: Path | None
):
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho /opt/node/bin/node\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert node_of_this_machine() == found


def test_a_node_without_npm_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "node").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert node_of_this_machine() is None


def test_the_lock_file_names_no_registry_and_pins_every_package():
    lock = json.loads((TESTS / "azurite" / "package-lock.json").read_text("utf-8"))
    packages = [package for place, package in lock["packages"].items() if place]

    assert all("resolved" not in package and package["integrity"] for package in packages)
