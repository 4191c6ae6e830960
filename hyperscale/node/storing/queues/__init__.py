"""The queue of a run: messages that are leased, renewed, deleted, and come back when a lease runs out.

The semantics are those of Azure Storage queues. Every adapter passes tests/contract/test_queue.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hyperscale.errors import HyperscaleError

if TYPE_CHECKING:
    from hyperscale.node.storing.patience import Patience


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


def open_queue(url: str, run_id: str, patience: Patience | None = None) -> Queue:
    """Return the queue of the run `run_id` at `url`, made or not.

    Args:
        url: a folder of this machine (an absolute path or file: URL), where it lies in `<url>/<run_id>/`; or a
            storage account (`https://ACCOUNT.queue.core.windows.net`, `http://127.0.0.1:PORT/ACCOUNT`), where it
            is named `<run_id>`, or `NAME-<run_id>` if `/NAME` follows.
        run_id: names the queue.
        patience: with which a storage account is asked; None: without end.

    Raises:
        HyperscaleError: when `url` is no such place.
        AzureError: when nobody is known who may ask it.
    """
    from hyperscale.node.storing.places import account_place, is_remote, local_folder

    if is_remote(url):
        # The SDK takes half a second to import, and 50 MB: a run on one machine needs none of it.
        from hyperscale.node.storing.credentials import access_to
        from hyperscale.node.storing.patience import Patience, PatientQueue
        from hyperscale.node.storing.queues.azure import AzureQueue

        place = account_place(url, "queue")
        return PatientQueue(AzureQueue(place, run_id, access_to(place, os.environ)), patience or Patience())
    from hyperscale.node.storing.queues.sqlite import SqliteQueue

    return SqliteQueue(local_folder(url, "queue") / run_id / "queue.sqlite")
