"""The queue of one machine: a SQLite file that several processes share."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from hyperscale.body import MAX_BODY_BYTES
from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.queues import LeaseLostError, Message, Queue, QueueGoneError

#: As in Azure Storage queues (Get Messages, numofmessages).
MAX_RECEIVE = 32
#: How long a request waits while other processes write; a write takes well under a millisecond.
_BUSY_SECONDS = 60.0

_SCHEMA = (
    # id is random: a receipt of a queue that was removed fits no message of the one that took its place.
    "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " visible_at REAL NOT NULL, deliveries INTEGER NOT NULL, receipt INTEGER NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS messages_visible_at ON messages (visible_at)",
)
#: What SQLite says, and what a user can do about it.
_HINTS = {
    "full": "free some space on that disk, then go on with --resume",
    "I/O error": "see whether that disk is full, over quota or damaged, then go on with --resume",
    "readonly": "make the folder and the file writable",
    "unable to open": "make the folder readable and writable",
    "locked": "another process has held the file for a minute: look for one that hangs",
    "not a database": "it is another program's file, or the disk has damaged it: remove it, then resume",
    "malformed": "the disk has damaged the file: remove it, then resume; finished rows are kept",
}


class SqliteQueue(Queue):
    """A queue in one SQLite file, with the semantics of an Azure Storage queue.

    One connection serves all threads of a process, one after the other: the file has one writer at a time
    anyway. Times are those of the machine's clock, which all its processes share.
    """

    poll_seconds = 0.05

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Use the queue in the file `path`, which need not exist; `clock` gives Unix seconds."""
        self._path = path
        self._clock = clock
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def create(self) -> None:
        with self._lock, self._translated(creating=True):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(self._path, "rwc")) as connection:
                _patiently(connection, "PRAGMA journal_mode = WAL")
                with _transaction(connection):
                    for statement in _SCHEMA:
                        connection.execute(statement)

    def put(self, body: str) -> None:
        self.put_all([body])

    def put_all(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            _check_body(body)
        with self._writing() as connection:
            now = self._clock()
            connection.executemany(
                "INSERT INTO messages (id, visible_at, deliveries, receipt, body) VALUES (?, ?, 0, 0, ?)",
                [(secrets.token_hex(8), now, body) for body in bodies],
            )

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        if not 1 <= count <= MAX_RECEIVE or lease_seconds <= 0:
            raise ValueError(f"cannot receive {count} messages for {lease_seconds} seconds")
        with self._writing() as connection:
            now = self._clock()
            found = connection.execute(
                "SELECT id, receipt + 1, body, deliveries + 1 FROM messages WHERE visible_at <= ?"
                " ORDER BY visible_at, number LIMIT ?",
                (now, count),
            ).fetchall()
            connection.executemany(
                "UPDATE messages SET visible_at = ?, receipt = ?, deliveries = ? WHERE id = ?",
                [(now + lease_seconds, receipt, deliveries, id_) for id_, receipt, _, deliveries in found],
            )
        return [Message(id_, str(receipt), body, deliveries) for id_, receipt, body, deliveries in found]

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        _check_body(body)
        if lease_seconds < 0:
            raise ValueError(f"a lease cannot last {lease_seconds} seconds")
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE messages SET body = ?, visible_at = ?, receipt = receipt + 1 WHERE id = ? AND receipt = ?",
                (body, self._clock() + lease_seconds, message_id, receipt),
            ).rowcount
        _check_owner(changed, message_id)
        return str(int(receipt) + 1)

    def delete(self, message_id: str, receipt: str) -> None:
        with self._writing() as connection:
            changed = connection.execute(
                "DELETE FROM messages WHERE id = ? AND receipt = ?", (message_id, receipt)
            ).rowcount
        _check_owner(changed, message_id)

    def depth(self) -> int:
        with self._connected() as connection:
            (depth,) = connection.execute("SELECT count(*) FROM messages").fetchone()
        return int(depth)

    def expire_leases(self) -> int:
        """Make all messages visible, as if every lease had run out; return how many were leased.

        For a resume on one machine that knows the consumers to be dead. Receipts stay valid until somebody
        else receives, as after any lease that ran out.

        Raises:
            QueueGoneError: when there is no queue.
        """
        with self._writing() as connection:
            now = self._clock()
            return connection.execute("UPDATE messages SET visible_at = ? WHERE visible_at > ?", (now, now)).rowcount

    def remove(self) -> None:
        self.close()
        # The file goes first: from then on every request of every process finds that the queue is gone. What is
        # left of its log is thrown away by SQLite itself when a new file takes its place.
        with self._translated():
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a transaction that is committed, and on disk, when the block ends."""
        with self._connected() as connection, _transaction(connection):
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to the file that lies at the path now: another may have taken its place."""
        with self._lock, self._translated():
            status = self._path.stat()
            if self._connection is None or self._identity != (status.st_dev, status.st_ino):
                self._disconnect()
                self._connection = _connect(self._path, "rw")
                self._identity = (status.st_dev, status.st_ino)
            yield self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._identity = None

    @contextmanager
    def _translated(self, *, creating: bool = False) -> Iterator[None]:
        """Raise our errors in place of SQLite's and the file system's: the one place that does."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            said = str(error)
            if not creating and ("no such table" in said or not os.path.lexists(self._path)):
                raise QueueGoneError(
                    f"there is no queue at {self._path}: it was never made, or its run is over",
                    hint="if the run has rows left, go on with --resume: they are seeded again",
                ) from error
            hint = next((hint for words, hint in _HINTS.items() if words in said), None)
            raise HyperscaleError(f"the queue {self._path} cannot be used: {said}", hint=hint) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file; the mode "rw" does not make one, "rwc" does."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # FULL: a put that was answered must be there after a power cut, and so must whatever a ledger part
        # says before its message is deleted. It costs an fsync a request; a request carries hundreds of rows.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE: a transaction that read first and wrote then could be refused in the middle.
    _patiently(connection, "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Carry out `statement`; SQLite itself waits for a busy file, but not in each case (a change to WAL)."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _check_body(body: str) -> None:
    size = len(body.encode())
    if size > MAX_BODY_BYTES:
        raise ValueError(f"a message's body has {size:,} bytes, {MAX_BODY_BYTES:,} are allowed")


def _check_owner(changed: int, message_id: str) -> None:
    if not changed:
        raise LeaseLostError(f"message {message_id} is gone, or somebody else has received it since")
