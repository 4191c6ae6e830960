"""How many rows a worker is given at once, and when a consumer receives more: pure decisions.

A worker should never wait for its consumer, and a row should never wait in a worker while another is idle: so a
worker holds about 50 ms of work, which is one row where rows are slow, and hundreds where they are quick.
"""

from __future__ import annotations

#: The work that a worker holds beyond the row it is on.
AHEAD_SECONDS = 0.05
MAX_ROWS_AHEAD = 1_000
#: The work that waits in the consumer before it receives another message.
RECEIVE_AHEAD_SECONDS = 0.2


def rows_to_give(rows_held: int, seconds_per_row: float | None, rows_per_call: int) -> int:
    """Return how many rows to hand to a worker now.

    Args:
        rows_held: what it has been given and has not answered.
        seconds_per_row: of late; None while unknown: then one call.
        rows_per_call: the least that makes a full call.
    """
    ahead = rows_ahead(seconds_per_row, rows_per_call)
    return ahead - rows_held if rows_held <= ahead // 2 else 0


def rows_ahead(seconds_per_row: float | None, rows_per_call: int) -> int:
    """Return how many rows a worker holds at most."""
    if seconds_per_row is None:
        return rows_per_call
    return max(rows_per_call, min(MAX_ROWS_AHEAD, int(AHEAD_SECONDS / max(seconds_per_row, 1e-9))))


def wants_message(waiting_rows: int, idle_workers: int, workers: int, seconds_per_row: float | None) -> bool:
    """Return whether a consumer should receive another message: what its workers need next, no more.

    Args:
        waiting_rows: held and not handed out.
        idle_workers: ready workers that hold nothing.
        workers: all ready workers.
        seconds_per_row: of late; None while unknown.
    """
    if not workers:
        return False
    if waiting_rows < idle_workers:
        return True
    return seconds_per_row is not None and waiting_rows * seconds_per_row < RECEIVE_AHEAD_SECONDS * workers
