"""Deals rows that wait out to workers, and says for how long they need not be looked at."""

from __future__ import annotations

from collections.abc import Collection

from hyperscale.node.consuming.crew import Crew
from hyperscale.node.consuming.handing import most_rows_ahead, rows_to_give, turn_seconds
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.worker_settings import WorkerSettings


def deal(
    crew: Crew, messages: Collection[HeldMessage], settings: WorkerSettings, now: float, *, queue_is_empty: bool
) -> None:
    """Give each ready worker what it needs next.

    Args:
        crew: whose workers.
        messages: whose rows; those that were received first go first.
        settings: of the workers.
        now: monotonic seconds.
        queue_is_empty: no more rows come: the last ones go out by ever smaller shares.
    """
    waiting_rows, ready = sum(message.waiting_rows for message in messages), crew.ready
    most = most_rows_ahead(waiting_rows, len(ready), queue_is_empty=queue_is_empty)
    for worker in ready:
        wanted = rows_to_give(worker.orders.rows, worker.pace.seconds_per_row, settings.rows_held, most)
        for message in messages:
            if wanted <= 0:
                break
            order = message.take_order(wanted, settings.rows_together)
            if order:
                wanted -= len(order.row_indices)
                worker.give(message, order, now)


def shortest_turn_seconds(crew: Crew) -> float:
    """Return for how long no worker needs to be looked at."""
    return min(turn_seconds(worker.orders.rows, worker.pace.seconds_per_row) for worker in crew.workers)
