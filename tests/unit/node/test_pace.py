"""How long a row takes of late."""

from __future__ import annotations

import pytest

from hyperscale.node.consuming.pace import Pace


def pace_of(*looks: tuple[int, float]) -> Pace:
    pace = Pace()
    for rows, seconds in looks:
        pace.note(rows, seconds)
    return pace


def test_an_unknown_pace_is_none():
    assert Pace().seconds_per_row is None


def test_the_first_look_is_believed():
    assert pace_of((4, 2.0)).seconds_per_row == pytest.approx(0.5)


def test_one_row_after_a_pause_of_the_machine_does_not_make_quick_rows_slow():
    assert pace_of((1_000, 0.01), (1, 0.01)).seconds_per_row < 30e-6


def test_a_change_of_pace_shows_within_a_few_looks():
    slower = pace_of(*[(100, 0.001)] * 10, *[(1, 1.0)] * 20)
    quicker = pace_of(*[(1, 1.0)] * 10, *[(100, 0.001)] * 4)

    assert slower.seconds_per_row > 0.5
    assert quicker.seconds_per_row < 0.01
