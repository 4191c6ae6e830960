"""How much a worker is given, and when a consumer receives more."""

import pytest

from hyperscale.node.handing import MAX_ROWS_AHEAD, rows_to_give, wants_message


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
    ("waiting_rows", "idle_workers", "workers", "seconds_per_row", "wanted"),
    [
        (0, 0, 0, None, False),
        (0, 2, 2, None, True),
        (1, 2, 2, None, True),
        (2, 2, 2, None, False),
        (0, 0, 2, 60.0, True),
        (1, 0, 2, 60.0, False),
        (300, 0, 2, 0.001, True),
        (500, 0, 2, 0.001, False),
    ],
)
def test_a_consumer_receives_what_its_workers_need_next(waiting_rows, idle_workers, workers, seconds_per_row, wanted):
    assert wants_message(waiting_rows, idle_workers, workers, seconds_per_row) is wanted
