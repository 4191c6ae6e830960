"""How much a worker is given, and when a consumer receives more."""

import pytest

from hyperscale.node.handing import MAX_ROWS_AHEAD, rows_to_give, rows_to_hand_back, wants_message


@pytest.mark.parametrize(
    ("rows_held", "seconds_per_row", "rows_per_call", "rows"),
    [
        (0, None, 1, 1),
        (1, None, 1, 0),
        (0, 10.0, 1, 1),
        (1, 10.0, 1, 0),
        (0, 0.005, 1, 10),
        (5, 0.005, 1, 5),
        (6, 0.005, 1, 0),
        (0, 0.0, 1, MAX_ROWS_AHEAD),
        (0, 10.0, 32, 32),
        (32, 10.0, 32, 0),
    ],
)
def test_a_worker_holds_one_slow_row_or_many_quick_ones(rows_held, seconds_per_row, rows_per_call, rows):
    assert rows_to_give(rows_held, seconds_per_row, rows_per_call) == rows


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
