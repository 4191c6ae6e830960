"""The proxy does to the requests of the real clients what it was told, and nothing to the others."""

from __future__ import annotations

import http.client
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient
from azurite import Azurite
from proxy import Answer, Copy, Delay, Drop, Fault, LoseAnswer, Proxy

pytestmark = pytest.mark.tools

#: Every fault must be told to the test: the clients repeat nothing.
NO_RETRIES = {"retry_total": 0}
MESSAGES = "/messages"


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[Proxy]:
    with Proxy(azurite) as proxy:
        yield proxy


@pytest.fixture
def queue(proxy: Proxy) -> Iterator[QueueClient]:
    """A new queue, by way of the proxy."""
    name = f"proxied-{secrets.token_hex(4)}"
    with QueueClient.from_connection_string(proxy.connection_string, name, **NO_RETRIES) as queue:
        queue.create_queue()
        yield queue


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline


def depth(queue: QueueClient) -> int:
    return queue.get_queue_properties().approximate_message_count


def test_without_faults_queues_and_blobs_work_as_without_a_proxy(proxy: Proxy, queue: QueueClient):
    queue.send_message("hello")
    message = queue.receive_message()
    queue.update_message(message, visibility_timeout=30, content="changed")
    with ContainerClient.from_connection_string(proxy.connection_string, "proxied", **NO_RETRIES) as container:
        container.create_container()
        container.upload_blob("empty", b"")
        container.upload_blob("folder/large", 3_000_000 * b"x")

        assert message.content == "hello"
        assert container.download_blob("folder/large").readall() == 3_000_000 * b"x"
        assert container.get_blob_client("empty").get_blob_properties().size == 0
        assert [blob.name for blob in container.list_blobs()] == ["empty", "folder/large"]
    assert not proxy.counts


def test_one_connection_carries_many_requests(proxy: Proxy):
    place = urlsplit(proxy.queue_url)
    connection = http.client.HTTPConnection(place.netloc)
    try:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", place.path)
            connection.getresponse().read()

            assert connection.sock is first
    finally:
        connection.close()


def test_a_dropped_request_does_not_arrive(proxy: Proxy, queue: QueueClient):
    proxy.force(Drop(), "POST", MESSAGES)

    with pytest.raises(ServiceResponseError, match="reset"):
        queue.send_message("hello")

    assert depth(queue) == 0
    assert proxy.counts == {Drop(): 1}


def test_a_lost_answer_is_that_of_a_request_that_was_carried_out(proxy: Proxy, queue: QueueClient):
    proxy.force(LoseAnswer(), "POST", MESSAGES)

    with pytest.raises(ServiceResponseError, match="closed"):
        queue.send_message("hello")

    assert depth(queue) == 1


def test_a_delayed_request_arrives_and_is_answered(proxy: Proxy, queue: QueueClient):
    proxy.force(Delay(0.1), "POST", MESSAGES)

    queue.send_message("hello")

    assert depth(queue) == 1
    assert proxy.counts == {Delay(0.1): 1}


def test_a_client_that_does_not_wait_for_a_delayed_request_has_sent_it_all_the_same(
    proxy: Proxy, queue: QueueClient, azurite: Azurite
):
    proxy.force(Delay(0.5), "POST", MESSAGES)

    with pytest.raises(AzureError, match="timed out"):
        queue.send_message("hello", read_timeout=0.1)

    wait_until(lambda: depth(queue) == 1)


def test_a_copy_arrives_when_the_test_delivers_it(proxy: Proxy, queue: QueueClient):
    proxy.force(Copy(), "POST", MESSAGES)
    queue.send_message("hello")
    depth_before = depth(queue)

    statuses = proxy.deliver_copies()

    assert (depth_before, statuses, depth(queue)) == (1, [201], 2)
    assert proxy.deliver_copies() == []


def test_a_copy_arrives_by_itself_after_a_while(proxy: Proxy, queue: QueueClient):
    proxy.force(Copy(after_seconds=0.1), "POST", MESSAGES)

    queue.send_message("hello")

    wait_until(lambda: depth(queue) == 2)


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [(Answer(503), None), (Answer(503, 7), "7"), (Answer(500), None), (Answer(429, 0), "0")],
    ids=["503", "503 later", "500", "429 at once"],
)
def test_an_answer_in_the_name_of_the_service_is_read_as_its_own(
    proxy: Proxy, queue: QueueClient, fault: Answer, retry_after: str | None
):
    proxy.force(fault, "POST", MESSAGES)

    with pytest.raises(HttpResponseError) as told:
        queue.send_message("hello")

    assert told.value.status_code == fault.status
    assert told.value.error_code == {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}[fault.status]
    assert told.value.response.headers.get("Retry-After") == retry_after
    assert depth(queue) == 0


def test_a_forced_fault_happens_to_the_first_request_that_matches_alone(proxy: Proxy, queue: QueueClient):
    proxy.force(Drop(), "DELETE", MESSAGES + "/")
    queue.send_message("hello")
    message = queue.receive_message(visibility_timeout=60)

    with pytest.raises(ServiceResponseError):
        queue.delete_message(message)
    queue.delete_message(message)

    assert depth(queue) == 0
    assert [method for method, path in proxy.requests if MESSAGES in path] == ["POST", "GET", "DELETE", "DELETE"]


def test_a_proxy_that_refuses_answers_nobody_and_then_everybody(proxy: Proxy, queue: QueueClient):
    with proxy.refusing(), pytest.raises(ServiceRequestError, match="refused"):
        queue.send_message("hello")

    queue.send_message("hello")

    assert depth(queue) == 1


def test_while_azurite_is_stopped_the_proxy_closes_connections(tmp_path: Path):
    with (
        Azurite(tmp_path) as own,
        Proxy(own) as proxy,
        QueueClient.from_connection_string(proxy.connection_string, "stopped", **NO_RETRIES) as queue,
    ):
        own.stop()
        with pytest.raises(ServiceResponseError, match="closed"):
            queue.create_queue()
        own.start()

        queue.create_queue()


def fates(azurite: Azurite, seed: int, count: int) -> list[Fault | None]:
    """Send `count` requests through a proxy of that seed; return what became of each."""
    shares: dict[Fault, float] = {Drop(): 0.1, LoseAnswer(): 0.1, Answer(503): 0.1, Copy(after_seconds=0): 0.1}
    found: list[Fault | None] = []
    with (
        Proxy(azurite, shares, seed=seed) as proxy,
        QueueClient.from_connection_string(proxy.connection_string, "nowhere", **NO_RETRIES) as queue,
    ):
        for _ in range(count):
            before = proxy.counts.copy()
            with pytest.raises(AzureError):  # there is no such queue
                queue.get_queue_properties()
            found.append(next(iter(proxy.counts - before), None))
    return found


def test_shares_are_kept_and_chosen_by_the_seed(azurite: Azurite):
    first = fates(azurite, seed=1, count=200)

    assert fates(azurite, seed=1, count=200) == first
    assert fates(azurite, seed=2, count=200) != first
    assert all(5 <= first.count(fault) <= 40 for fault in {*first} - {None})
    assert first.count(None) >= 80
    assert len({*first}) == 5
