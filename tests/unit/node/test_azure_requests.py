"""What the service answers is said in our words: what passes, what never will, and nothing that is secret."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from azure.core.exceptions import ClientAuthenticationError
from wordings import Wording, names

from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.storing.azure_requests import AzureRequests
from hyperscale.node.storing.credentials import CONNECTION_STRING, Access, access_to
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.places import account_place
from hyperscale.node.storing.queues import LeaseLostError, QueueGoneError
from hyperscale.node.storing.queues.azure import AzureQueue
from hyperscale.node.storing.stores import MissingBlobError
from hyperscale.node.storing.stores.azure import AzureBlobStore

KEY = "UExBTlRFRC1LRVktb2YtYS10ZXN0LW5vdC1vZi1hbi1hY2NvdW50"
SIGNATURE = "sv=2024-01-01&se=2030-01-01&sig=UExBTlRFRC1TSUdOQVRVUkU%3D"
SECRETS = (KEY, "UExBTlRFRC1TSUdOQVRVUkU")


class Service:
    """An HTTP server that answers every request alike; it shows what it was asked, as an unkind service may."""

    def __init__(self) -> None:
        self.status, self.code, self.headers = 200, "", dict[str, str]()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not service.status:
                    self.close_connection = True
                    return
                message = f"{KEY} {escape(SIGNATURE)}"
                body = f"<?xml version='1.0'?><Error><Code>{service.code}</Code><Message>{message}</Message></Error>"
                self.send_response_only(service.status, f"{service.code} {SIGNATURE}")
                headers = {"x-ms-error-code": service.code, "Date": formatdate(usegmt=True), **service.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body.encode())

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/acct"

    def access(self, what: str, secret: str = f"AccountKey={KEY}") -> tuple[Any, Access]:
        text = f"AccountName=acct;{secret};QueueEndpoint={self.url};BlobEndpoint={self.url}"
        place = account_place(self.url if what == "queue" else f"{self.url}/runs", what)
        return place, access_to(place, {CONNECTION_STRING: text})

    @contextmanager
    def queue(self, **given: str) -> Iterator[AzureQueue]:
        with closing(AzureQueue(*self._arguments("queue", **given))) as queue:
            yield queue

    @contextmanager
    def store(self, **given: str) -> Iterator[AzureBlobStore]:
        with closing(AzureBlobStore(*self._arguments("store", **given))) as store:
            yield store

    def _arguments(self, what: str, **given: str) -> tuple[Any, str, Access]:
        place, access = self.access(what, **given)
        return place, "run-1", access


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=lambda: service.server.serve_forever(poll_interval=0.01))
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


def queue_requests(queue: AzureQueue) -> list[Callable[[], object]]:
    return [
        queue.create,
        lambda: queue.put("m"),
        lambda: queue.receive(1, 60),
        lambda: queue.update("id", "receipt", "m", 60),
        lambda: queue.delete("id", "receipt"),
        queue.depth,
        queue.remove,
    ]


def store_requests(store: AzureBlobStore, folder: Path) -> list[Callable[[], object]]:
    (folder / "source").write_bytes(b"x" * 10)
    return [
        lambda: store.create("a", b""),
        lambda: store.read("a"),
        lambda: store.names("a"),
        lambda: store.upload("a", folder / "source"),
        lambda: store.download("a", folder / "copy"),
        lambda: store.beat("a", {}),
        lambda: list(store.beats("a")),
        store.remove,
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "ServerBusy"), (500, "InternalError"), (500, "OperationTimedOut"), (429, "TooManyRequests"), (408, ""),
        (502, ""), (504, ""), (409, "AccountBeingCreated"), (0, ""),
    ],
)  # fmt: skip
def test_what_may_pass_is_unavailable_for_each_request(
    service: Service, tmp_path: Path, status: int, code: str
) -> None:
    service.status, service.code = status, code
    with service.queue() as queue, service.store() as store:
        for request in (*queue_requests(queue), *store_requests(store, tmp_path)):
            with pytest.raises(StorageUnavailableError, match="could not"):
                request()

    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "AuthorizationPermissionMismatch", "role|connection string"),
        (403, "AuthenticationFailed", "connection string"),
        (403, "KeyBasedAuthenticationNotPermitted", "takes no keys"),
        (403, "AuthorizationFailure", "firewall"),
        (401, "NoAuthenticationInformation", ""),
        (400, "OutOfRangeInput", None),
        (501, "NotImplemented", None),
        (409, "SomethingNew", None),
    ],
)
def test_what_will_never_pass_is_said_at_once(
    service: Service, tmp_path: Path, status: int, code: str, hint: str | None
) -> None:
    service.status, service.code = status, code
    with service.queue() as queue, service.store() as store:
        for request in (queue_requests(queue)[1], *store_requests(store, tmp_path)[:3]):
            with pytest.raises(AzureError, match=f"{status} {code}") as refused:
                request()

            assert not isinstance(refused.value, StorageUnavailableError)
            assert (refused.value.hint is None) is (hint is None)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "QueueNotFound", QueueGoneError),
        (409, "QueueBeingDeleted", QueueGoneError),
        (404, "MessageNotFound", LeaseLostError),
        (400, "PopReceiptMismatch", LeaseLostError),
    ],
)
def test_answers_that_mean_something(service: Service, status: int, code: str, error: type[HyperscaleError]) -> None:
    service.status, service.code = status, code
    with service.queue() as queue:
        for request in queue_requests(queue)[3:5]:
            with pytest.raises(error):
                request()


def test_a_queue_that_is_being_deleted_is_waited_for_when_it_is_made(service: Service) -> None:
    service.status, service.code = 409, "QueueBeingDeleted"
    with service.queue() as queue, pytest.raises(StorageUnavailableError) as unavailable:
        queue.create()

    assert unavailable.value.retry_after_seconds == 30


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "soon"}, None),
        ({"Date": "Sun, 22 Nov 2026 12:00:00 GMT", "Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"Date": "Sun, 22 Nov 2026 12:00:00 GMT", "Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_when_to_come_back(service: Service, headers: dict[str, str], seconds: float | None) -> None:
    service.status, service.code, service.headers = 503, "ServerBusy", headers
    with service.queue() as queue, pytest.raises(StorageUnavailableError) as unavailable:
        queue.depth()

    assert unavailable.value.retry_after_seconds == (seconds and pytest.approx(seconds, abs=2))


def test_a_service_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/acct"
        place = account_place(url, "queue")
        access = access_to(place, {CONNECTION_STRING: f"AccountName=acct;AccountKey={KEY};QueueEndpoint={url}"})
        with closing(AzureQueue(place, "run-1", access)) as queue:
            for request in queue_requests(queue):
                with pytest.raises(StorageUnavailableError, match="Connection refused"):
                    request()


@pytest.mark.parametrize("secret", [f"AccountKey={KEY}", f"SharedAccessSignature={SIGNATURE}"])
@pytest.mark.parametrize("status", [0, 400, 403, 404, 409, 500, 503])
def test_no_secret_is_in_what_is_raised_or_logged(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture, secret: str, status: int
) -> None:
    service.status, service.code = status, "SomeCode"
    raised: list[HyperscaleError] = []
    with caplog.at_level(logging.DEBUG), service.queue(secret=secret) as queue, service.store(secret=secret) as store:
        for request in (*queue_requests(queue), *store_requests(store, tmp_path)):
            with pytest.raises(HyperscaleError) as caught:
                request()
            raised.append(caught.value)

    # At DEBUG the library below the SDK shows its URLs; a step logs from INFO on.
    told = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert all(error.__cause__ is None and error.__context__ is None for error in raised)
    said = "".join(f"{''.join(traceback.format_exception(error))} {error.hint} {error!r}" for error in raised)
    said += "".join(record.getMessage() for record in told)
    assert not [planted for planted in SECRETS if planted in said]


def test_a_node_without_an_identity_is_told_how_to_get_one(wording: Wording) -> None:
    access = Access(None, "the node's identity", "assign it", "give the cluster one")
    requests = AzureRequests("https://acct.queue.core.windows.net/q", access, {})

    def no_token() -> None:
        raise ClientAuthenticationError(f"no identity {KEY}")

    with pytest.raises(AzureError) as refused:
        requests.ask("put a message", no_token)
    names(refused, "identity")
    wording(refused)

    assert not isinstance(refused.value, StorageUnavailableError)

    requests.ask("put a message", lambda: None)
    with pytest.raises(StorageUnavailableError):  # it had one before: the service of identities has an outage
        requests.ask("put a message", no_token)


def test_the_service_tells_the_time(service: Service) -> None:
    service.status, service.code = 404, "BlobNotFound"
    service.headers = {"Date": "Sat, 01 Jan 2000 00:00:00 GMT"}
    with service.store() as store:
        with pytest.raises(MissingBlobError):
            store.read("a")

        service.status = 500
        assert store.now() == pytest.approx(946_684_800, abs=60)


def test_a_token_that_has_run_out_is_waited_for_once_one_has_worked(service: Service) -> None:
    with service.queue() as queue:
        service.status, service.code = 201, ""
        queue.create()
        service.status, service.code = 401, "InvalidAuthenticationInfo"

        with pytest.raises(StorageUnavailableError, match="401 InvalidAuthenticationInfo"):
            queue.depth()
