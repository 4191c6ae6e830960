"""The queue of a run: messages that are leased, renewed, deleted, and come back when a lease runs out.

The semantics are those of Azure Storage queues. Every adapter passes tests/contract/test_queue.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hyperscale.errors import HyperscaleError


class LeaseLostError(HyperscaleError):
    """The receipt is not the newest one, or the message is gone: it belongs to somebody else now."""


class QueueGoneError(HyperscaleError):
    """The queue does not exist: it was never made, or its run is over."""


@dataclass(frozen=True)
class Message:
    """A message under a lease.

    Attributes:
        id: the same for the whole life of the message.
        receipt: proves the lease; each receive and each update gives a new one and ends the older ones.
        body: its text.
        deliveries: how often it was received, this time included.
    """

    id: str
    receipt: str
    body: str
    deliveries: int


class Queue(Protocol):
    """A queue; safe for use by several processes, and by several threads of one process."""

    #: How long an idle caller waits between two looks, in seconds: short where a look is free.
    poll_seconds: float

    def create(self) -> None:
        """Make the queue if it does not exist; what is in it stays."""

    def put(self, body: str) -> None:
        """Add a message that is visible at once and never expires.

        Raises:
            QueueGoneError: when there is no queue.
            ValueError: when `body` is larger than 64 KiB encoded.
        """

    def put_all(self, bodies: Sequence[str]) -> None:
        """Add several messages as `put` does, the quickest way there is; after an error any of them may be there."""
        for body in bodies:
            self.put(body)

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        """Lease up to `count` (at most 32) visible messages; an empty list when none is visible.

        Raises:
            QueueGoneError: when there is no queue.
        """

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        """Rewrite the body and the lease (0 releases the message) in one step; return the new receipt.

        Raises:
            LeaseLostError: when `receipt` is not the newest one, or the message is gone.
            QueueGoneError: when there is no queue.
            ValueError: when `body` is larger than 64 KiB encoded.
        """

    def delete(self, message_id: str, receipt: str) -> None:
        """Delete the message.

        Raises:
            LeaseLostError: when `receipt` is not the newest one, or the message is gone.
            QueueGoneError: when there is no queue.
        """

    def depth(self) -> int:
        """Return how many messages there are, leased ones included; never lower than the truth.

        Raises:
            QueueGoneError: when there is no queue.
        """

    def remove(self) -> None:
        """Delete the queue and all that is in it; nothing happens when there is none."""

    def close(self) -> None:
        """Give back what the adapter holds (connections, files)."""


def open_queue(url: str, run_id: str) -> Queue:
    """Return the queue of the run `run_id` at `url`, made or not.

    Args:
        url: a folder of this machine (an absolute path or file: URL); it then lies in `<url>/<run_id>/`.
        run_id: names the queue.

    Raises:
        HyperscaleError: when `url` has a form that is not available.
    """
    from hyperscale.node.places import local_folder
    from hyperscale.node.queues.sqlite import SqliteQueue

    return SqliteQueue(local_folder(url, "queue") / run_id / "queue.sqlite")
