"""Every queue keeps the rules of queue_rules.py, and those rules catch a queue that does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import queue_rules
from places import QUEUES, QueuePlace, made_place, places_and_rules, sqlite_place

from hyperscale.node.storing.queues import Message
from hyperscale.node.storing.queues.sqlite import SqliteQueue


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[QueuePlace]:
    place = made_place(QUEUES, request)
    yield place
    place.close()


@pytest.mark.parametrize(("place", "rule"), places_and_rules(QUEUES, queue_rules.RULES), indirect=["place"])
def test_the_queue_keeps_the_rule(rule: queue_rules.Rule, place: QueuePlace) -> None:
    rule(place)


class IgnoresLeases(SqliteQueue):
    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        found = super().receive(count, lease_seconds)
        self.expire_leases()
        return found


class UpdatesWithoutAReceipt(SqliteQueue):
    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        return super().update(message_id, newest_receipt(self, message_id) or receipt, body, lease_seconds)


class DeletesWithoutAReceipt(SqliteQueue):
    def delete(self, message_id: str, receipt: str) -> None:
        super().delete(message_id, newest_receipt(self, message_id) or receipt)


class CountsAnUpdateAsADelivery(SqliteQueue):
    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        found = super().receive(count, lease_seconds)
        return [Message(m.id, m.receipt, m.body, int(m.receipt)) for m in found]


class CountsVisibleMessagesAlone(SqliteQueue):
    def depth(self) -> int:
        with closing(sqlite3.connect(self._path)) as connection:
            visible = "SELECT count(*) FROM messages WHERE visible_at <= ?"
            return connection.execute(visible, (self._clock(),)).fetchone()[0]


class ClearsWhatExists(SqliteQueue):
    def create(self) -> None:
        self.remove()
        super().create()


class UpdatesTheBodyAlone(SqliteQueue):
    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        with closing(sqlite3.connect(self._path)) as connection:
            lease = "SELECT visible_at - ? FROM messages WHERE id = ?"
            found = connection.execute(lease, (self._clock(), message_id)).fetchone()
        return super().update(message_id, receipt, body, max(0.0, found[0]) if found else lease_seconds)


def newest_receipt(queue: SqliteQueue, message_id: str) -> str | None:
    with closing(sqlite3.connect(queue._path)) as connection:
        found = connection.execute("SELECT receipt FROM messages WHERE id = ?", (message_id,)).fetchone()
    return str(found[0]) if found else None


@pytest.mark.parametrize(
    ("double", "rule"),
    [
        (IgnoresLeases, queue_rules.a_received_message_is_invisible_until_its_lease_runs_out),
        (IgnoresLeases, queue_rules.many_messages_are_received_at_once_each_to_one_holder),
        (UpdatesWithoutAReceipt, queue_rules.an_older_receipt_dies_when_somebody_else_receives),
        (UpdatesWithoutAReceipt, queue_rules.an_update_repeated_with_the_old_receipt_is_refused),
        (DeletesWithoutAReceipt, queue_rules.an_older_receipt_dies_when_somebody_else_receives),
        (CountsAnUpdateAsADelivery, queue_rules.an_update_changes_body_and_lease_and_counts_no_delivery),
        (CountsVisibleMessagesAlone, queue_rules.the_depth_counts_each_message_that_is_not_deleted),
        (ClearsWhatExists, queue_rules.a_queue_that_exists_is_made_again_without_a_loss),
        (UpdatesTheBodyAlone, queue_rules.an_update_changes_body_and_lease_and_counts_no_delivery),
        (UpdatesTheBodyAlone, queue_rules.an_update_to_no_lease_releases_the_message),
    ],
    ids=lambda value: value.__name__,
)
def test_a_broken_queue_breaks_the_rule(double: type[SqliteQueue], rule: queue_rules.Rule, tmp_path: Path) -> None:
    with closing(sqlite_place(tmp_path, double)) as broken, pytest.raises(AssertionError):
        rule(broken)


def test_no_rule_is_left_out() -> None:
    written = {
        name
        for name, value in vars(queue_rules).items()
        if callable(value) and getattr(value, "__annotations__", {}) == {"place": "QueuePlace", "return": "None"}
    }

    assert written == {rule.__name__ for rule in queue_rules.RULES}
