"""Tells followers which rows have ended: events in the queues NAME-success and NAME-failure of a storage account.

It is done beside the run and as well as it goes: no commit waits for an event, none fails with one, and one that
cannot be sent is dropped.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from hyperscale.errors import HyperscaleError
from hyperscale.events import event_texts
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import FAILED, SUCCEEDED
from hyperscale.names import event_queue
from hyperscale.node.storing.counting import CountingQueue, RequestCounts
from hyperscale.node.storing.patience import Patience, PatientQueue, StorageUnavailableError
from hyperscale.node.storing.places import account_place, is_remote
from hyperscale.node.storing.queues import Queue, QueueGoneError

#: An event is sent so often at most; the waits in between grow by this.
TRIES = 3
WAIT_SECONDS = 1.0
#: What waits in memory for its turn; more is dropped.
MAX_WAITING_BYTES = 32 * 1024 * 1024
#: A consumer that leaves waits so long for its last events.
CLOSING_SECONDS = 10.0
#: Who removes the queues is told after this time that it does not work.
REMOVING_SECONDS = 60.0

logger = logging.getLogger(__name__)


class _Committed(NamedTuple):
    """Ledger lines that are in the part `part`; `size_bytes` counts towards what may wait."""

    part: str
    lines: Sequence[str]
    keys: Mapping[int, str]
    size_bytes: int


class Events:
    """The events of one consumer, sent by a thread of their own.

    Attributes:
        key: the column whose values name rows; None when there is none.
    """

    def __init__(
        self, queues: Mapping[str, Queue], *, run_id: str, key: str | None, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        """Send to the queue of an outcome, "succeeded" or "failed"; it is made when it is not there."""
        self.key = key
        self._queues, self._run_id, self._wait_seconds = queues, run_id, wait_seconds
        self._committed: queue.SimpleQueue[_Committed | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._has_said_so = self._is_given_up = False
        # A daemon: a request that hangs must not keep the process from its end.
        self._thread = threading.Thread(target=self._send_all, name="events", daemon=True)
        self._thread.start()

    def tell(self, part: str, lines: Sequence[str], keys: Mapping[int, str]) -> None:
        """Send in the background that the ledger part `part` holds `lines`; `keys` names rows, as far as known."""
        size_bytes = sum(map(len, lines))
        with self._lock:
            is_too_much = self._waiting_bytes and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES
            if not lines or self._is_given_up:
                return
            if not is_too_much:
                self._waiting_bytes += size_bytes
                self._committed.put(_Committed(part, lines, keys, size_bytes))
        if is_too_much:
            self._say("the storage takes them too slowly")

    def close(self) -> None:
        """Send what waits, as far as that goes at once; call it when nothing is told any more."""
        self._closing.set()
        self._committed.put(None)
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            self._is_given_up = True
            self._say(f"they were not sent within {CLOSING_SECONDS:.0f} seconds")

    def _send_all(self) -> None:
        while (committed := self._committed.get()) is not None:
            try:
                if not self._is_given_up:
                    self._send_events(committed)
            except StorageUnavailableError as error:
                self._say(error)
                self._is_given_up |= self._closing.is_set()
            except Exception as error:  # whatever it is, no row may suffer from it
                self._say(error)
                self._is_given_up = True
            with self._lock:
                self._waiting_bytes -= committed.size_bytes
        for open_queue in self._queues.values():
            open_queue.close()

    def _send_events(self, committed: _Committed) -> None:
        texts = event_texts(committed.lines, run_id=self._run_id, part=committed.part, keys=committed.keys)
        for outcome, text in texts:
            self._send(self._queues[outcome], text)

    def _send(self, to: Queue, text: str) -> None:
        for tries in range(1, TRIES):
            with suppress(StorageUnavailableError):
                _put(to, text)
                return
            if self._closing.wait(self._wait_seconds * tries):
                break
        _put(to, text)

    def _say(self, why: object) -> None:
        """Tell, once, that events are lost."""
        if not self._has_said_so:
            self._has_said_so = True
            logger.warning("some events of this run cannot be sent, and are dropped; no row depends on them: %s", why)


def open_events(url: str, experiment: NodeExperiment, run_id: str, counts: RequestCounts) -> Events | None:
    """Return what sends the events of a consumer whose queue is at `url`; None where there are no event queues."""
    if not _has_event_queues(url, experiment):
        return None
    return Events(_queues(url, experiment.name, counts), run_id=run_id, key=experiment.input.key_column)


def make_event_queues(url: str, experiment: NodeExperiment, counts: RequestCounts) -> None:
    """Make the event queues, if the experiment has any, so that who follows finds them; none is needed for a run."""
    if not _has_event_queues(url, experiment):
        return
    for events in _queues(url, experiment.name, counts).values():
        try:
            events.create()
        except HyperscaleError as error:
            logger.warning("an event queue could not be made; consumers try again: %s", error)
        finally:
            events.close()


def remove_event_queues(url: str, experiment: str) -> None:
    """Remove the event queues of an experiment, with the events of all its runs; nothing happens when there are none.

    Raises:
        AzureError: when the storage account does not let us, or does not answer.
    """
    if not is_remote(url):
        return
    for events in _queues(url, experiment, RequestCounts()).values():
        patient = PatientQueue(events, Patience(limit_seconds=REMOVING_SECONDS))
        try:
            patient.remove()
        finally:
            patient.close()


def _has_event_queues(url: str, experiment: NodeExperiment) -> bool:
    return bool(experiment.output.event_queues) and is_remote(url)


def _queues(url: str, experiment: str, counts: RequestCounts) -> dict[str, Queue]:
    """Return the queue of each outcome; an account's name prefix stands in front, as it does of the run's queue."""
    # The SDK takes half a second to import, and 50 MB: a run on one machine needs none of it.
    from hyperscale.node.storing.credentials import access_to
    from hyperscale.node.storing.queues.azure_events import AzureEventQueue

    place = account_place(url, "queue")
    access = access_to(place, os.environ)
    return {
        outcome: CountingQueue(AzureEventQueue(place, event_queue(experiment, outcome), access), "events", counts)
        for outcome in (SUCCEEDED, FAILED)
    }


def _put(to: Queue, text: str) -> None:
    try:
        to.put(text)
    except QueueGoneError:
        to.create()
        to.put(text)
