"""Events beside commits: what arrives in a storage account, and that no run suffers where nothing does."""

from __future__ import annotations

import base64
import json
import logging
import threading
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azurite import Azurite
from wordings import Wording, line_names, names

from hyperscale.body import Body
from hyperscale.errors import AzureError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import failed_line, succeeded_line
from hyperscale.node.consuming import event_queues
from hyperscale.node.consuming.event_queues import Events, make_event_queues, open_events, remove_event_queues
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.ledger_writer import LedgerWriter
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.credentials import CONNECTION_STRING
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.queues import Message
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore

FACTS: dict[str, Any] = {"attempts": 1, "seconds": 0.1, "started_at": 0.0, "consumer": "c-1", "worker": 0}
FAILURE = {"kind": "raised", "type": "ValueError", "message": "not wanted"}
PART = "ledger/c-1-000000.jsonl"


def succeeded(row_index: int) -> str:
    return succeeded_line(row_index, **FACTS, result="null")


def failed(row_index: int) -> str:
    return failed_line(row_index, **FACTS, failure=FAILURE)


def experiment(name: str, *, event_queues: bool = True) -> NodeExperiment:
    return NodeExperiment.from_document(
        {
            "name": name,
            "input": {"csv": "rows.csv", "columns": {}, "group_by": [], "key": "name"},
            "activity": {"no_retry_on": []},
            "limits": {},
            "output": {"format": [], "event_queues": event_queues},
            "log_level": "info",
        }
    )


def rows_of(event: dict[str, Any]) -> list[int]:
    return [row for start, count in event["rows"] for row in range(start, start + count)]


# ---- in a storage account


@pytest.fixture
def account(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)
    return azurite


@pytest.fixture
def name(account: Azurite) -> Iterator[str]:
    """Gives an experiment that nobody else has; its event queues are removed in the end."""
    name = f"digits-{uuid4().hex[:8]}"
    yield name
    remove_event_queues(account.queue_url, name)


def peeked(azurite: Azurite, name: str) -> list[Any]:
    """Return the messages of a queue, as the SDK gives them to anybody."""
    from azure.storage.queue import QueueClient

    with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        return client.peek_messages(max_messages=32)


def events_in(azurite: Azurite, name: str) -> list[dict[str, Any]]:
    """Return what lies in a queue of events."""
    texts = [message.content for message in peeked(azurite, name)]
    plain = [zlib.decompress(base64.b64decode(text[1:])) if text[0] == "z" else text for text in texts]
    return [json.loads(text) for text in plain]


def queues_of(azurite: Azurite) -> set[str]:
    from azure.storage.queue import QueueServiceClient

    with QueueServiceClient.from_connection_string(azurite.connection_string) as client:
        return {queue.name for queue in client.list_queues()}


def test_each_outcome_has_its_queue_and_an_event_lives_for_seven_days(account: Azurite, name: str) -> None:
    counts = RequestCounts()
    make_event_queues(account.queue_url, experiment(name), counts)
    events = open_events(account.queue_url, experiment(name), "run", counts)
    assert events is not None

    events.tell(PART, [succeeded(0), failed(1), succeeded(2)], {0: "a", 1: "b", 2: "c"})
    events.close()

    (success,), (failure,) = (events_in(account, f"{name}-{kind}") for kind in ("success", "failure"))
    assert (success["run_id"], success["part"], success["keys"]) == ("run", PART, ["a", "c"])
    assert (rows_of(success), rows_of(failure)) == ([0, 2], [1])
    assert failure["failures"] == [FAILURE]
    (message,) = peeked(account, f"{name}-success")
    assert message.expires_on - message.inserted_on == timedelta(days=7)
    assert counts.as_fields() == {"requests.events": 4}


def test_queues_that_nobody_has_made_are_made_by_the_first_event(account: Azurite, name: str) -> None:
    events = open_events(account.queue_url, experiment(name), "run", RequestCounts())
    assert events is not None

    events.tell(PART, [succeeded(0)], {})
    events.tell(PART, [succeeded(1)], {})
    events.close()

    assert [rows_of(event) for event in events_in(account, f"{name}-success")] == [[0], [1]]
    assert f"{name}-failure" not in queues_of(account)


def test_event_queues_are_removed_with_all_that_is_in_them(account: Azurite, name: str) -> None:
    make_event_queues(account.queue_url, experiment(name), RequestCounts())
    made = {queue for queue in queues_of(account) if name in queue}

    remove_event_queues(account.queue_url, name)
    remove_event_queues(account.queue_url, name)

    assert made == {f"{name}-success", f"{name}-failure"}
    assert not made & queues_of(account)


def test_an_experiment_that_wants_none_has_none(account: Azurite, name: str) -> None:
    silent = experiment(name, event_queues=False)

    make_event_queues(account.queue_url, silent, RequestCounts())

    assert open_events(account.queue_url, silent, "run", RequestCounts()) is None
    assert not [queue for queue in queues_of(account) if name in queue]


def test_a_run_on_one_machine_has_none(tmp_path: Path) -> None:
    make_event_queues(str(tmp_path), experiment("digits"), RequestCounts())
    remove_event_queues(str(tmp_path), "digits")

    assert open_events(str(tmp_path), experiment("digits"), "run", RequestCounts()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_may_not_make_them_goes_on(
    account: Azurite, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CONNECTION_STRING, account.connection_string.replace(account.key, "bm90IHRoZSBrZXk="))

    make_event_queues(account.queue_url, experiment(name), RequestCounts())

    monkeypatch.setenv(CONNECTION_STRING, account.connection_string)
    names(caplog.messages, "event queue")


# ---- where something is wrong


class Troubled(SqliteQueue):
    """A queue in front of which something may happen; counts the puts that were tried."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tries = 0
        self.trouble: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()

    def put(self, body: str) -> None:
        self.tries += 1
        assert self.gate.wait(60)
        if self.trouble:
            raise self.trouble.pop(0)
        super().put(body)

    @property
    def told(self) -> list[int]:
        """The rows of all events."""
        found = [json.loads(message.body) for message in SqliteQueue.receive(self, 32, 1.0)]
        return [row for event in found for row in rows_of(event)]


@pytest.fixture
def to(tmp_path: Path) -> Iterator[Troubled]:
    queue = Troubled(tmp_path / "events.sqlite")
    queue.create()
    yield queue
    queue.close()


def events_to(queue: Troubled) -> Events:
    return Events({"succeeded": queue, "failed": queue}, run_id="run", key=None, wait_seconds=0.001)


def unavailable() -> Exception:
    return StorageUnavailableError("the storage does not answer")


def test_an_event_that_is_not_answered_is_sent_again(to: Troubled, caplog: pytest.LogCaptureFixture) -> None:
    to.trouble = [unavailable(), unavailable()]
    events = events_to(to)

    events.tell(PART, [succeeded(0)], {})
    wait_for(lambda: to.tries == 3)
    events.close()

    assert to.told == [0]
    assert caplog.text == ""


def test_an_event_is_given_up_after_some_tries_and_that_is_said_once(
    to: Troubled, caplog: pytest.LogCaptureFixture
) -> None:
    to.trouble = [unavailable() for _ in range(2 * event_queues.TRIES)]
    events = events_to(to)

    for row_index in range(4):
        events.tell(PART, [succeeded(row_index)], {})
    wait_for(lambda: to.tries == 2 * event_queues.TRIES + 2)
    events.close()

    assert to.told == [2, 3]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    line_names(caplog.text, "events", "storage")


def test_who_may_not_send_events_tries_once(to: Troubled, caplog: pytest.LogCaptureFixture) -> None:
    to.trouble = [AzureError("it does not let us in")]
    events = events_to(to)

    for row_index in range(9):
        events.tell(PART, [succeeded(row_index)], {})
    events.close()

    assert (to.tries, to.told) == (1, [])
    assert caplog.text.count("it does not let us in") == 1


def test_what_waits_for_a_slow_storage_is_bounded(
    to: Troubled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_queues, "MAX_WAITING_BYTES", 3 * len(succeeded(0)))
    to.gate.clear()
    events = events_to(to)

    for row_index in range(9):
        events.tell(PART, [succeeded(row_index)], {})
    to.gate.set()
    events.close()

    assert to.told == [0, 1, 2]
    assert caplog.text.count("the storage takes them too slowly") == 1


def test_a_consumer_that_leaves_waits_no_longer_than_it_should(
    to: Troubled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wording: Wording
) -> None:
    monkeypatch.setattr(event_queues, "CLOSING_SECONDS", 0.01)
    to.gate.clear()
    events = events_to(to)
    events.tell(PART, [succeeded(0)], {})

    events.close()

    wording(caplog.messages)
    to.gate.set()
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "events"])


def test_a_line_that_is_none_stops_events_and_nothing_else(
    to: Troubled, caplog: pytest.LogCaptureFixture, wording: Wording
) -> None:
    events = events_to(to)

    events.tell(PART, ["no line"], {})
    events.tell(PART, [succeeded(0)], {})
    events.close()

    wording(caplog.messages)


# ---- beside the ledger


def test_a_commit_tells_each_batch_by_the_texts_of_its_keys_after_its_part_is_written(
    to: Troubled, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "run")
    background = Background(1)
    events = Events({"succeeded": to, "failed": to}, run_id="run", key="name")
    ledger = LedgerWriter(store, background, "c-1", events)
    first, second = held_message(0, "a name"), held_message(5, True)
    answers: list[list[str]] = []
    first.finish([0], [succeeded(0)])
    second.finish([5], [failed(5)])

    ledger.write([first, second], lambda: answers.append(store.names("ledger/")))
    wait_for(lambda: background.deliver() or answers)
    events.close()
    background.close()

    found = [json.loads(message.body) for message in SqliteQueue.receive(to, 32, 60.0)]
    assert answers == [[PART]]
    assert [(rows_of(event), event["keys"], event["part"]) for event in found] == [
        ([0], ["a name"], PART),
        ([5], ["true"], PART),
    ]
    assert ledger.lines == 2
    assert first.outcomes == second.outcomes == []


def test_a_part_that_is_not_written_is_not_told(to: Troubled, tmp_path: Path) -> None:
    class Full(FolderStore):
        def create(self, name: str, data: bytes) -> bool:
            raise OSError("No space left on device")

    background = Background(1)
    events = events_to(to)
    ledger = LedgerWriter(Full(tmp_path / "run"), background, "c-1", events)
    message = held_message(0, "a name")
    message.finish([0], [succeeded(0)])

    ledger.write([message], lambda: None)
    with pytest.raises(OSError, match="No space left"):
        wait_for(background.deliver)
    events.close()
    background.close()

    assert to.tries == 0
    assert message.outcomes == [succeeded(0)]


def held_message(row_index: int, name: Any) -> HeldMessage:
    body = Body("run", "s1", 0, ("depth", "name"), {row_index: [1, name]})
    return HeldMessage(Message(f"m{row_index}", "r", "", 1), body, renew_at=0.0)


def wait_for(condition: Any) -> None:
    deadline = threading.Event()
    timer = threading.Timer(30, deadline.set)
    timer.start()
    try:
        while not condition():
            assert not deadline.wait(0.005), "it did not happen within 30 s"
    finally:
        timer.cancel()
