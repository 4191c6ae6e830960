"""What a consumer takes from its queue, and what it sets aside."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wordings import Wording, line_names, names

from hyperscale import blobs
from hyperscale.body import MAX_PLAIN_BYTES, Body
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.intake import Intake
from hyperscale.node.control import SeedRecord, write_seed
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore

VALUES = json.dumps(["x" * 100_000]).encode()


class Site:
    """A queue, a store in which one seeding counts, and a consumer's way in."""

    def __init__(self, folder: Path) -> None:
        self.queue = SqliteQueue(folder / "run" / "queue.sqlite")
        self.store = FolderStore(folder / "run")
        self.intake = Intake(self.queue, self.store, lambda _: None, run_id="run", consumer="c-1", clock=lambda: 0.0)
        self.queue.create()
        write_seed(self.store, SeedRecord("s1", 9, 1, ("text",), {"text": "string"}, None, "hash", 0.0))

    def receive(self) -> list[HeldMessage]:
        return self.intake.receive(60.0).messages

    @property
    def foreign(self) -> list[bytes]:
        return [self.store.read(name) for name in self.store.names(blobs.FOREIGN)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.queue.close()


def body(row_index: int = 0, **others: Any) -> Body:
    return Body("run", "s1", 0, ("text",), {row_index: ["x"]}, **others)


def compressed(plain: bytes) -> str:
    return "z" + base64.b64encode(zlib.compress(plain)).decode()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hello", ""),
        (body().encode()[:-7], ""),
        (compressed(body().encode().encode())[:-9], ""),
        (compressed(b" " * (MAX_PLAIN_BYTES + 1)), "16,777,216 bytes"),
        (body().encode().replace('"version":1', '"version":2'), ("version 2", 1)),
        (body().encode().replace('"run_id":"run"', '"run_id":"other"'), "'other'"),
        (body(stored=1).encode(), "row 0"),
    ],
    ids=["foreign", "truncated", "truncated and compressed", "a bomb", "newer", "of another run", "without its values"],
)
def test_what_cannot_be_run_is_set_aside_with_its_text_and_the_next_message_is_taken(
    site: Site, text: str, parts: str | tuple[object, ...], caplog: pytest.LogCaptureFixture, wording: Wording
) -> None:
    site.queue.put(text)
    site.queue.put(body(1).encode())

    taken = [message.rows for message in (*site.receive(), *site.receive())]

    assert taken == [{1: ["x"]}]
    assert site.foreign == [text.encode()]
    assert site.queue.depth() == 1
    names(caplog.messages, parts, "--resume")
    # What is behind that is said by libraries.
    wording([said.partition(" is not a body: ")[0] for said in caplog.messages])


def test_a_text_with_halves_of_characters_is_set_aside_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.queue.put("half a character")
    (message,) = site.queue.receive(1, 60.0)
    broken = type(message)(message.id, message.receipt, "\ud800", 1)  # as base64 on a storage account can hold
    monkeypatch.setattr(site.queue, "receive", lambda count, lease_seconds: [broken])

    assert site.receive() == []
    assert site.foreign == ["\ud800".encode("utf-8", "surrogatepass")]


def test_what_a_foreign_text_quotes_does_not_fill_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    document = {**json.loads(body().encode()), "version": "9" * 10_000_000}
    site.queue.put(compressed(json.dumps(document).encode()))

    site.receive()

    assert "has version '999" in caplog.text
    assert len(caplog.text) < 2_000


def test_the_values_of_a_stored_row_come_with_its_message(site: Site) -> None:
    site.store.create(blobs.stored_row("s1", 3), VALUES)
    site.queue.put(body(3, stored=zlib.crc32(VALUES)).encode())

    (message,) = site.receive()

    assert message.rows == {3: ["x" * 100_000]}
    assert Body.decode(message.write().text).rows == {3: []}


def test_a_stored_row_whose_values_were_altered_is_set_aside(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    text = body(3, stored=zlib.crc32(VALUES)).encode()
    site.store.create(blobs.stored_row("s1", 3), VALUES.replace(b"xx", b"xy", 1))
    site.queue.put(text)

    assert site.receive() == []
    assert site.foreign == [text.encode()]
    line_names(caplog.text, "row 3")


def test_a_stored_row_of_a_seeding_that_came_to_nothing_is_deleted_unread(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.queue.put(Body("run", "stale", 0, ("text",), {3: []}, stored=1).encode())

    assert site.receive() == []
    assert (site.foreign, site.queue.depth()) == ([], 0)
    assert "came to nothing" in caplog.text
