"""Whether a consumer that has just arrived has anything to do: it may be too early, or too late."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hyperscale.node.control import read_cancel, read_seed
from hyperscale.node.storing.queues import Queue, QueueGoneError
from hyperscale.node.storing.stores import Store

#: A consumer that waits for the seed looks this often: idle, and cheap.
LOOK_SECONDS = 10.0

logger = logging.getLogger(__name__)


def await_rows(
    queue: Queue,
    store: Store,
    life: int,
    *,
    look_seconds: float,
    stop_requested: Callable[[], bool],
    wait: Callable[[float], None],
    tell: Callable[[], None],
) -> bool:
    """Wait until all rows are in the queue (rule 3).

    Args:
        queue: of the run.
        store: of the run.
        life: of the run.
        look_seconds: between two looks.
        stop_requested: whether this process was asked to leave.
        wait: waits so many seconds, or less.
        tell: is called at each look that finds nothing: others want to know that somebody waits.

    Returns:
        Whether there may be something to do; False when the run is over before this consumer has begun.
    """
    while True:
        cancel = read_cancel(store, life)  # first: a cancelled run may have been seeded all the same
        if cancel is not None:
            logger.info("the run is over: %s", cancel.message)
            return False
        if read_seed(store) is not None:
            return _is_there(queue)
        if stop_requested():
            return False
        tell()
        wait(look_seconds)


def _is_there(queue: Queue) -> bool:
    """Return whether the queue is there: it is removed when every row has its outcome (rule 29)."""
    try:
        queue.depth()
    except QueueGoneError:
        logger.info("the run is over: its queue is gone")
        return False
    return True
