"""The queue of a run in a storage account of Azure, or of Azurite."""

from __future__ import annotations

import base64
import math
import re
from http import HTTPStatus

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from hyperscale.body import MAX_BODY_BYTES
from hyperscale.errors import HyperscaleError
from hyperscale.names import QUEUE
from hyperscale.node.storing.azure_requests import AzureRequests, error_code
from hyperscale.node.storing.credentials import Access
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.places import AccountPlace
from hyperscale.node.storing.queues import LeaseLostError, Message, Queue, QueueGoneError
from hyperscale.tempo import at_tempo

#: Get Messages, numofmessages and visibilitytimeout (7 days; whole seconds).
MAX_RECEIVE = 32
MAX_LEASE_SECONDS = 7 * 24 * 3600
#: How long a queue takes to go away before its name can be used again: at least 30 seconds (Delete Queue).
BEING_DELETED_SECONDS = 30.0
NEVER_EXPIRES = -1
#: The longest wait between two looks of who has nothing to do: each is a request that costs money.
POLL_SECONDS = 30.0

#: What no XML can hold, or what a reader of XML changes (a carriage return). Bodies of ours have none of it.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: In front of a text that travels in base64, because of what is in it.
_ARMOURED = "="


class AzureQueue(Queue):
    """A queue of Azure Storage; each method is one request, made once.

    `visibility` in the SDK is what a lease is here.
    """

    def __init__(self, place: AccountPlace, run_id: str, access: Access) -> None:
        """Use the queue of the run `run_id` at `place`, which need not exist.

        Args:
            place: an account; a name that follows it stands in front of the run's in the queue's name, so that
                two runs never share one.
            run_id: names the queue.
            access: who asks.

        Raises:
            HyperscaleError: when no queue can have that name.
        """
        self.poll_seconds = at_tempo(POLL_SECONDS)
        self.name = QUEUE.check("-".join((*place.names, run_id)))
        where = f"{place.url}/{self.name}"

        def gone() -> HyperscaleError:
            return QueueGoneError(
                f"there is no queue at {where}: it was never made, or its run is over",
                hint="if the run has rows left, go on with --resume: they are seeded again",
            )

        def lost() -> HyperscaleError:
            return LeaseLostError("the message is gone, or somebody else has received it since")

        self._requests = AzureRequests(
            where,
            access,
            {
                "QueueNotFound": gone,
                "QueueBeingDeleted": gone,
                "PopReceiptMismatch": lost,
                "MessageNotFound": lost,
                # A receipt that the service has never given.
                "InvalidQueryParameterValue": lost,
            },
        )
        # No encoding: a body is text that XML can hold.
        self._client = QueueClient(place.url, self.name, **self._requests.options())

    def create(self) -> None:
        def request() -> None:
            try:
                self._client.create_queue()
            except ResourceExistsError as error:
                # The service says 204 of a queue that is there, or 409 where its metadata differ.
                if error.status_code != HTTPStatus.NO_CONTENT and error_code(error) != "QueueAlreadyExists":
                    raise

        try:
            return self._requests.ask("make the queue", request)
        except QueueGoneError:
            what = f"the queue {self.name} is still being deleted"
        raise StorageUnavailableError(what, retry_after_seconds=BEING_DELETED_SECONDS)

    def put(self, body: str) -> None:
        text = _armoured(body)
        self._requests.ask(
            "put a message", lambda: self._client.send_message(text, time_to_live=NEVER_EXPIRES, visibility_timeout=0)
        )

    def receive(self, count: int, lease_seconds: float) -> list[Message]:
        if not 1 <= count <= MAX_RECEIVE or lease_seconds <= 0:
            raise ValueError(f"cannot receive {count} messages for {lease_seconds} seconds")
        seconds = _whole(lease_seconds)

        def request() -> list[Message]:
            # One page alone: the SDK would go on asking until the queue has nothing visible.
            pages = self._client.receive_messages(messages_per_page=count, visibility_timeout=seconds).by_page()
            found = next(pages, ())
            return [Message(m.id, m.pop_receipt, _plain(m.content or ""), m.dequeue_count or 1) for m in found]

        return self._requests.ask("receive a message", request)

    def update(self, message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        text, seconds = _armoured(body), _whole(lease_seconds)
        _check_owner(message_id, receipt)
        # Both always: the SDK takes a missing time for 0, and gives the message away.
        answer = self._requests.ask(
            "renew a message",
            lambda: self._client.update_message(message_id, receipt, content=text, visibility_timeout=seconds),
        )
        return str(answer.pop_receipt)

    def delete(self, message_id: str, receipt: str) -> None:
        _check_owner(message_id, receipt)
        self._requests.ask("delete a message", lambda: self._client.delete_message(message_id, receipt))

    def depth(self) -> int:
        properties = self._requests.ask("look at the queue", self._client.get_queue_properties)
        return int(properties.approximate_message_count or 0)

    def remove(self) -> None:
        try:
            self._requests.ask("remove the queue", self._client.delete_queue)
        except QueueGoneError:
            return

    def close(self) -> None:
        self._client.close()


def _whole(lease_seconds: float) -> int:
    seconds = math.ceil(lease_seconds)
    if not 0 <= seconds <= MAX_LEASE_SECONDS:
        raise ValueError(f"a lease cannot last {lease_seconds} seconds")
    return seconds


def _check_owner(message_id: str, receipt: str) -> None:
    # Without an id the address is that of all messages, and a delete would clear the queue.
    if not message_id or not receipt:
        raise LeaseLostError("a message without an id or a receipt belongs to nobody")


def _armoured(body: str) -> str:
    """Return the text that stands for `body`: itself, unless XML would change it on the way."""
    unsafe = body.startswith(_ARMOURED) or _NOT_XML.search(body) is not None
    text = _ARMOURED + base64.b64encode(body.encode("utf-8", "surrogatepass")).decode() if unsafe else body
    size = len(text.encode())
    if size > MAX_BODY_BYTES:
        raise ValueError(f"a message's body has {size:,} bytes, {MAX_BODY_BYTES:,} are allowed")
    return text


def _plain(text: str) -> str:
    """Return the body that `text` stands for; what others have put is given as it is."""
    if not text.startswith(_ARMOURED):
        return text
    try:
        return base64.b64decode(text[len(_ARMOURED) :], validate=True).decode("utf-8", "surrogatepass")
    except ValueError:
        return text
