"""How a consumer that found no message goes on looking: often at first, then as seldom as the queue's costs ask for."""

from __future__ import annotations

#: After the first look that found none.
FIRST_SECONDS = 0.5


def seconds_to_next_look(empty_looks: int, poll_seconds: float) -> float:
    """Return how long to wait before the queue is asked for a message again.

    Soon at first: most often others are just finishing theirs. Then twice as long each time.

    Args:
        empty_looks: how often in a row it had none, from 1.
        poll_seconds: of the queue: the longest wait.
    """
    return min(poll_seconds, FIRST_SECONDS * 2.0 ** min(empty_looks - 1, 30))


def asks_for_depth(empty_looks: int, poll_seconds: float) -> bool:
    """Return whether the depth is asked for, too: not once a consumer is idle for long.

    Each look then is one request, 2 a minute in Azure. The end of the run is told by the queue, which goes, or by
    the marker that cancels. Where a look is free, it is asked for always.
    """
    return poll_seconds <= FIRST_SECONDS or seconds_to_next_look(empty_looks, poll_seconds) < poll_seconds
