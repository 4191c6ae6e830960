"""How many rows a worker is given at once, and when a consumer receives more: pure decisions.

A worker should never wait for its consumer, and a row should never wait in a worker while another is idle: so a
worker holds about 100 ms of work, which is one row where rows are slow, and hundreds where they are quick, and less
when the queue is empty.
"""

from __future__ import annotations

#: The work that a worker holds beyond the row it is on.
AHEAD_SECONDS = 0.1
#: However few rows are left: a worker is not looked at more often.
LEAST_AHEAD_SECONDS = 0.01
MAX_ROWS_AHEAD = 1_000
#: A consumer looks at its workers at most, and at least, so often, and else when a quarter of their work is done.
LEAST_TURN_SECONDS, LONGEST_TURN_SECONDS = 0.002, 0.025
TURN_SHARE = 0.25
#: Waiting for a message may cost this part of a row's time: then nothing is received ahead of need.
IDLE_SHARE = 0.02
#: Else so many receives' worth of work waits in the consumer.
RECEIVES_AHEAD = 4
#: Rows are handed back to idle consumers if they would wait for more than this, and for so many receives.
HAND_BACK_SECONDS = 0.05
HAND_BACK_RECEIVES = 4


def rows_to_give(rows_held: int, seconds_per_row: float | None, rows_per_call: int, rows_ahead: int) -> int:
    """Return how many rows to hand to a worker now.

    Args:
        rows_held: what it has been given and has not answered.
        seconds_per_row: of late; None while unknown: then one call.
        rows_per_call: the least that makes a full call.
        rows_ahead: what a worker holds at most, but for a full call.
    """
    ahead = rows_per_call
    if seconds_per_row is not None:
        longest, shortest = (
            int(seconds / max(seconds_per_row, 1e-9)) for seconds in (AHEAD_SECONDS, LEAST_AHEAD_SECONDS)
        )
        ahead = max(rows_per_call, min(max(rows_ahead, shortest), longest, MAX_ROWS_AHEAD))
    return ahead - rows_held if rows_held <= ahead // 2 else 0


def most_rows_ahead(waiting_rows: int, workers: int, *, queue_is_empty: bool) -> int:
    """Return what any worker holds at most; the last rows go out by ever smaller shares, so that all end together.

    Args:
        waiting_rows: held and not handed out.
        workers: all ready workers.
        queue_is_empty: no more rows come.
    """
    return min(MAX_ROWS_AHEAD, waiting_rows // (2 * workers)) if queue_is_empty and workers else MAX_ROWS_AHEAD


def turn_seconds(rows_held: int, seconds_per_row: float | None) -> float:
    """Return for how long a consumer need not look at a worker: rows that are done meanwhile are noted together.

    Args:
        rows_held: what the worker has been given and has not answered; it is on the first of them.
        seconds_per_row: of late; None while unknown.
    """
    left_seconds = (rows_held - 1) * (seconds_per_row or 0.0)
    return min(max(TURN_SHARE * left_seconds, LEAST_TURN_SECONDS), LONGEST_TURN_SECONDS)


def wants_message(
    waiting_rows: int, idle_workers: int, workers: int, seconds_per_row: float | None, receive_seconds: float
) -> bool:
    """Return whether a consumer should receive another message: what its workers need next, no more.

    Where rows are slow, a message received ahead would only keep its rows from idle workers elsewhere.

    Args:
        waiting_rows: held and not handed out.
        idle_workers: ready workers that hold nothing.
        workers: all ready workers.
        seconds_per_row: of late; None while unknown.
        receive_seconds: what a receive takes, of late.
    """
    if not workers:
        return False
    if waiting_rows < idle_workers:
        return True
    if seconds_per_row is None or receive_seconds < IDLE_SHARE * seconds_per_row:
        return False
    return waiting_rows * seconds_per_row < RECEIVES_AHEAD * receive_seconds * workers


def rows_to_hand_back(
    spare_rows: int, workers: int, idle_elsewhere: int, seconds_per_row: float, receive_seconds: float
) -> int:
    """Return how many waiting rows a consumer puts back as new messages, for idle workers elsewhere (rule 17).

    Args:
        spare_rows: waiting rows that could be given away.
        workers: its own.
        idle_elsewhere: workers of other consumers that find nothing to do.
        seconds_per_row: of late, or how long the present rows have taken already.
        receive_seconds: what a request takes, of late.
    """
    wait_seconds = spare_rows * seconds_per_row / max(workers, 1)
    if not idle_elsewhere or wait_seconds < max(HAND_BACK_SECONDS, HAND_BACK_RECEIVES * receive_seconds):
        return 0
    return -(-spare_rows * idle_elsewhere // (idle_elsewhere + workers))
