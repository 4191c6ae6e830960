"""An outage costs time and no rows: how long to wait is decided, waiting is carried out, and it is told of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from wordings import names

from hyperscale.errors import AzureError
from hyperscale.node.storing.patience import (
    LEAVING_SECONDS,
    LONGEST_WAIT_SECONDS,
    Patience,
    PatientQueue,
    PatientStore,
    StorageUnavailableError,
    seconds_until_next,
)
from hyperscale.node.storing.queues import LeaseLostError
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores import MissingBlobError
from hyperscale.node.storing.stores.folder import FolderStore

DAY_SECONDS = 24 * 3600.0


@pytest.mark.parametrize(
    ("tries", "retry_after", "left", "chance", "wait"),
    [
        (1, None, None, 1.0, 0.25),
        (1, None, None, 0.0, 0.125),
        (2, None, None, 1.0, 0.5),
        (5, None, None, 1.0, 4.0),
        (8, None, None, 1.0, 10.0),
        (9, None, None, 0.0, 5.0),
        (10_000, None, None, 1.0, 10.0),
        (1, 7.0, None, 0.0, 7.0),
        (1, 8.0, None, 1.0, 10.0),
        (20, 1.0, None, 1.0, 10.0),
        (1, 0.0, None, 1.0, 0.25),
        (1, 3600.0, None, 0.0, 120.0),
        (9, None, 4.0, 1.0, 4.0),
        (9, None, 0.0, 1.0, None),
        (1, 60.0, -1.0, 1.0, None),
    ],
)
def test_how_long_to_wait(
    tries: int, retry_after: float | None, left: float | None, chance: float, wait: float | None
) -> None:
    assert seconds_until_next(tries, retry_after_seconds=retry_after, seconds_left=left, chance=chance) == wait


class Outage:
    """A clock that only waiting moves, and a service that does not answer before a time."""

    def __init__(self, seconds: float, *, retry_after_seconds: float | None = None) -> None:
        self.now, self.ends_at, self.retry_after_seconds = 0.0, seconds, retry_after_seconds
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def request(self) -> str:
        if self.now < self.ends_at:
            raise StorageUnavailableError("the service is busy", retry_after_seconds=self.retry_after_seconds)
        return "answer"

    def patience(self, *, limit_seconds: float | None = None, leaving: Callable[[], bool] = lambda: False) -> Patience:
        return Patience(
            limit_seconds=limit_seconds, leaving=leaving, wait=self.wait, clock=lambda: self.now, chance=lambda: 1.0
        )


def test_a_day_without_an_answer_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(DAY_SECONDS)

    with caplog.at_level(logging.WARNING):
        answer = outage.patience().ask(outage.request)

    assert answer == "answer"
    assert DAY_SECONDS <= outage.now <= DAY_SECONDS + LONGEST_WAIT_SECONDS
    assert DAY_SECONDS / 90 <= len(caplog.records) <= DAY_SECONDS / 60 + 2  # once a minute
    names(caplog.messages[-1], "busy")
    assert any(f": {len(outage.waits) - late}; it is repeated" in caplog.messages[-1] for late in range(10))


def test_many_requests_that_are_not_answered_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(50.0)
    patience = outage.patience()

    for _ in range(20):
        outage.now = 0.0
        patience.ask(outage.request)

    assert len(caplog.records) == 1


def test_what_the_service_asks_for_is_waited_for() -> None:
    outage = Outage(1.0, retry_after_seconds=20.0)

    outage.patience().ask(outage.request)

    assert outage.waits == [25.0]


def test_a_step_that_is_asked_to_leave_tries_a_little_longer() -> None:
    outage = Outage(DAY_SECONDS)
    patience = outage.patience(leaving=lambda: outage.now >= 1_000)

    with pytest.raises(StorageUnavailableError):
        patience.ask(outage.request)
    with pytest.raises(StorageUnavailableError):
        patience.ask(outage.request)  # what it asks then has no time of its own

    assert 1_000 + LEAVING_SECONDS <= outage.now <= 1_000 + LEAVING_SECONDS + LONGEST_WAIT_SECONDS


def test_who_sits_before_the_screen_waits_for_a_limited_time() -> None:
    outage = Outage(DAY_SECONDS)

    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            outage.patience(limit_seconds=20.0).ask(outage.request)

    assert outage.now == 40.0


def test_who_is_asked_to_leave_waits_no_longer() -> None:
    stop = threading.Event()

    def request() -> str:
        if not stop.is_set():
            threading.Timer(0.05, stop.set).start()
            raise StorageUnavailableError("busy", retry_after_seconds=600.0)
        return "answer"

    assert Patience.until(stop).ask(request) == "answer"


@pytest.mark.parametrize(
    "error", [AzureError("refused"), LeaseLostError("lost"), MissingBlobError("none"), ValueError()]
)
def test_what_will_never_pass_is_not_repeated(error: Exception) -> None:
    calls = []

    def request() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        Patience().ask(request)

    assert len(calls) == 1


def flaky(adapter: type) -> type:
    """Return `adapter` with each method failing once before, and once after, it has done its work."""

    class Flaky(adapter):  # type: ignore[misc]
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            self.troubles: dict[str, int] = {}

        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if name not in PUBLIC:
                return found
            troubles = self.troubles

            def method(*arguments: object, **named: object) -> object:
                troubles[name] = troubles.get(name, 0) + 1
                if troubles[name] == 1:
                    raise StorageUnavailableError("not even begun")
                answer = found(*arguments, **named)  # type: ignore[operator]
                if troubles[name] == 2:
                    raise StorageUnavailableError("done, and the answer was lost")
                return answer

            return method

    return Flaky


PUBLIC = {"create", "put", "receive", "update", "delete", "depth", "remove", "read", "names", "upload", "download",
          "beat", "beats", "now"}  # fmt: skip


def test_each_request_to_a_queue_is_repeated(tmp_path: Path) -> None:
    patience = Patience(wait=lambda seconds: None)
    with closing(PatientQueue(flaky(SqliteQueue)(tmp_path / "queue.sqlite"), patience)) as queue:
        queue.create()
        queue.put("m")
        depth = queue.depth()
        (message,) = queue.receive(1, 60)
        with pytest.raises(LeaseLostError):  # the first update was carried out, and its receipt is lost (rule 12)
            queue.update(message.id, message.receipt, "m2", 60)
        receipt = str(int(message.receipt) + 1)
        queue_id = message.id
        with pytest.raises(LeaseLostError):
            queue.delete(queue_id, receipt)
        queue.remove()

    assert depth == 2  # a put whose answer is lost is there twice


def test_each_request_to_a_store_is_repeated(tmp_path: Path) -> None:
    patience = Patience(wait=lambda seconds: None)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"file")
    with closing(PatientStore(flaky(FolderStore)(tmp_path / "run"), patience)) as store:
        created = store.create("ledger/a", b"first")
        store.upload("results.csv", source)
        store.download("results.csv", copy)
        store.beat("consumers/c", {"rows_done": 1})
        beats = list(store.beats("consumers/"))

        assert created is False  # it was this very request: a part's name is its own (rule 14)
        assert store.read("ledger/a") == b"first"
        assert copy.read_bytes() == b"file"
        assert [(name, fields) for name, _, fields in beats] == [("consumers/c", {"rows_done": 1})]
        assert store.names("") == ["consumers/c", "ledger/a", "results.csv"]
        assert store.now() > 0
        store.remove()
        assert store.names("") == []
