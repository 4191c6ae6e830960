"""What the SQLite queue does beyond the contract of tests/contract/queue_rules.py."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.queues import LeaseLostError, QueueGoneError, open_queue
from hyperscale.node.storing.queues.sqlite import SqliteQueue

DAY_SECONDS = 86_400


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "queue.sqlite"


@pytest.fixture
def queue(path: Path, clock: Clock) -> Iterator[SqliteQueue]:
    queue = SqliteQueue(path, clock=clock)
    queue.create()
    yield queue
    queue.close()


@pytest.fixture
def other(path: Path, clock: Clock) -> Iterator[SqliteQueue]:
    """The same queue, as another process has it."""
    other = SqliteQueue(path, clock=clock)
    yield other
    other.close()


def test_to_look_for_a_queue_makes_no_file(path: Path, wording: Wording) -> None:
    with pytest.raises(QueueGoneError) as refused:
        SqliteQueue(path).depth()
    wording(refused)

    assert not path.parent.exists()


def test_a_file_that_is_empty_is_no_queue(path: Path) -> None:
    path.parent.mkdir()
    path.touch()

    with closing(SqliteQueue(path)) as queue, pytest.raises(QueueGoneError):
        queue.put("m")


def test_the_oldest_visible_message_comes_first(queue: SqliteQueue, clock: Clock) -> None:
    for body in ("first", "second"):
        queue.put(body)
        clock.now += 1
    (message,) = queue.receive(1, 60)
    queue.update(message.id, message.receipt, "first again", lease_seconds=0)

    bodies = [message.body for message in queue.receive(32, 60)]

    assert bodies == ["second", "first again"]


def test_a_message_never_expires(queue: SqliteQueue, clock: Clock) -> None:
    queue.put("m")
    clock.now += 400 * DAY_SECONDS

    assert [message.body for message in queue.receive(1, 60)] == ["m"]


def test_leases_of_the_dead_are_ended_at_once(queue: SqliteQueue, other: SqliteQueue) -> None:
    for body in ("a", "b", "c"):
        queue.put(body)
    held = queue.receive(2, 3600)

    ended = other.expire_leases()

    assert ended == 2
    queue.delete(held[0].id, held[0].receipt)  # nobody has received it since
    assert sorted(message.body for message in queue.receive(32, 60)) == ["b", "c"]
    with pytest.raises(LeaseLostError):
        queue.delete(held[1].id, held[1].receipt)


def test_a_queue_removed_by_hand_is_gone_and_may_be_made_again(
    queue: SqliteQueue, other: SqliteQueue, path: Path
) -> None:
    queue.put("lost")
    shutil.rmtree(path.parent)

    with pytest.raises(QueueGoneError):
        queue.put("m")
    other.create()
    queue.put("m")

    assert other.depth() == 1


def test_a_removal_leaves_no_file(queue: SqliteQueue, other: SqliteQueue, path: Path) -> None:
    other.put("m")

    queue.remove()
    other.close()

    assert list(path.parent.iterdir()) == []


def test_what_was_answered_is_on_disk(queue: SqliteQueue, path: Path) -> None:
    queue.put("m")

    with queue._connected() as connection:
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()

    assert (synchronous, journal) == (2, "wal")  # 2 is FULL


def test_a_failed_request_leaves_no_lock_behind(queue: SqliteQueue, path: Path) -> None:
    with pytest.raises(LeaseLostError):
        queue.delete("made up", "1")

    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")


def test_a_request_that_fails_in_the_middle_changes_nothing_and_leaves_no_lock(
    queue: SqliteQueue, other: SqliteQueue, path: Path
) -> None:
    def broken_clock() -> float:
        raise ArithmeticError

    with closing(SqliteQueue(path, clock=broken_clock)) as broken:
        with pytest.raises(ArithmeticError):
            broken.put("m")

        with closing(sqlite3.connect(path, timeout=0)) as free:
            free.execute("BEGIN IMMEDIATE")
    assert other.depth() == 0


def test_what_is_left_of_a_removed_queue_harms_no_new_one(queue: SqliteQueue, path: Path) -> None:
    queue.put("old")
    path.unlink()
    assert path.with_name("queue.sqlite-wal").stat().st_size > 0

    with closing(SqliteQueue(path)) as new:
        new.create()
        new.put("new")
        bodies = [message.body for message in new.receive(32, 60)]

    assert bodies == ["new"]


def test_another_programs_file_is_named(path: Path, wording: Wording) -> None:
    path.parent.mkdir()
    path.write_text("These are my notes, and they are no database. " * 100)

    with pytest.raises(HyperscaleError) as caught:
        SqliteQueue(path).create()
    names(caught, "queue.sqlite")
    wording(caught.value.hint)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HyperscaleError) as refused:
        SqliteQueue(tmp_path / "file" / "run" / "queue.sqlite").create()
    names(refused, "file/run/queue.sqlite")


def test_a_full_disk_is_named_and_loses_nothing_that_was_answered(path: Path) -> None:
    program = """if True:
        import resource, sys
        from pathlib import Path
        from hyperscale.errors import HyperscaleError
        from hyperscale.node.storing.queues.sqlite import SqliteQueue

        queue, answered = SqliteQueue(Path(sys.argv[1])), 0
        queue.create()
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        try:
            while True:
                queue.put("x" * 50_000)
                answered += 1
        except HyperscaleError as error:
            print(answered, error)
    """

    answer = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)

    answered, _, message = answer.stdout.partition(" ")
    with closing(SqliteQueue(path)) as queue:
        assert queue.depth() == int(answered) > 0
    names(message, "queue.sqlite")


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_queue_of_this_machine_is_opened_by_path_or_url(form: str, tmp_path: Path) -> None:
    queue = open_queue(form.format(tmp_path), "run-1")

    queue.create()

    assert (tmp_path / "run-1" / "queue.sqlite").is_file()
