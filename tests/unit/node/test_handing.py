"""How much a worker is given, and when a consumer receives more."""

import pytest

from hyperscale.node.consuming.handing import (
    LEAST_TURN_SECONDS,
    LONGEST_TURN_SECONDS,
    MAX_ROWS_AHEAD,
    most_rows_ahead,
    rows_to_give,
    rows_to_hand_back,
    turn_seconds,
    wants_message,
)


@pytest.mark.parametrize(
    ("rows_held", "seconds_per_row", "rows_per_call", "rows"),
    [
        (0, None, 1, 1),
        (1, None, 1, 0),
        (0, 10.0, 1, 1),
        (1, 10.0, 1, 0),
        (0, 0.01, 1, 10),
        (5, 0.01, 1, 5),
        (6, 0.01, 1, 0),
        (0, 0.0, 1, MAX_ROWS_AHEAD),
        (0, 10.0, 32, 32),
        (32, 10.0, 32, 0),
    ],
)
def test_a_worker_holds_one_slow_row_or_many_quick_ones(rows_held, seconds_per_row, rows_per_call, rows):
    assert rows_to_give(rows_held, seconds_per_row, rows_per_call, MAX_ROWS_AHEAD) == rows


@pytest.mark.parametrize(
    ("waiting_rows", "workers", "queue_is_empty", "rows"),
    [
        (12, 2, False, MAX_ROWS_AHEAD),
        (12, 2, True, 3),
        (3, 2, True, 0),
        (1_000_000, 2, True, MAX_ROWS_AHEAD),
        (12, 0, True, MAX_ROWS_AHEAD),
    ],
)
def test_the_last_rows_go_out_by_ever_smaller_shares(waiting_rows, workers, queue_is_empty, rows):
    assert most_rows_ahead(waiting_rows, workers, queue_is_empty=queue_is_empty) == rows


def test_a_worker_gets_a_full_call_or_a_hundredth_of_a_second_however_few_rows_are_left():
    assert rows_to_give(0, 0.1, 1, 0) == 1
    assert rows_to_give(0, 0.1, 32, 0) == 32
    assert rows_to_give(0, 0.001, 1, 0) == 10
    assert rows_to_give(0, 0.001, 1, 50) == 50


@pytest.mark.parametrize(
    ("rows_held", "seconds_per_row", "seconds"),
    [
        (0, 0.005, LEAST_TURN_SECONDS),
        (1, 60.0, LEAST_TURN_SECONDS),
        (5, None, LEAST_TURN_SECONDS),
        (1_000, 0.00001, 0.0025),
        (9, 0.005, 0.01),
        (20, 0.01, LONGEST_TURN_SECONDS),
    ],
)
def test_a_worker_is_looked_at_when_a_quarter_of_what_waits_in_it_is_done(rows_held, seconds_per_row, seconds):
    assert turn_seconds(rows_held, seconds_per_row) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    ("waiting_rows", "idle_workers", "workers", "seconds_per_row", "receive_seconds", "wanted"),
    [
        (0, 0, 0, None, 0.03, False),
        (0, 2, 2, None, 0.03, True),
        (1, 2, 2, None, 0.03, True),
        (2, 2, 2, None, 0.03, False),
        (0, 0, 2, 60.0, 0.03, False),
        (0, 0, 8, 0.05, 0.03, True),
        (18, 0, 8, 0.05, 0.03, True),
        (20, 0, 8, 0.05, 0.03, False),
        (1_000, 0, 2, 0.00001, 0.002, True),
        (2_000, 0, 2, 0.00001, 0.002, False),
    ],
)
def test_a_consumer_receives_what_its_workers_need_next(
    waiting_rows, idle_workers, workers, seconds_per_row, receive_seconds, wanted
):
    assert wants_message(waiting_rows, idle_workers, workers, seconds_per_row, receive_seconds) is wanted


@pytest.mark.parametrize(
    ("spare_rows", "workers", "idle_elsewhere", "seconds_per_row", "rows"),
    [
        (10, 2, 0, 5.0, 0),
        (0, 2, 2, 5.0, 0),
        (10, 2, 2, 5.0, 5),
        (1, 2, 1, 5.0, 1),
        (10, 2, 6, 5.0, 8),
        (10, 2, 2, 0.001, 0),
        (3, 0, 2, 5.0, 3),
    ],
)
def test_waiting_rows_are_shared_with_idle_workers_elsewhere_if_they_would_wait_for_long(
    spare_rows, workers, idle_elsewhere, seconds_per_row, rows
):
    assert rows_to_hand_back(spare_rows, workers, idle_elsewhere, seconds_per_row, 0.002) == rows
