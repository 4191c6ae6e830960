"""How a message that keeps losing its consumers is tried (rule 19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.suspects import MAX_LOSSES, Poison, Trial, after_slice, may_be_tried, on_receive


@pytest.mark.parametrize(
    ("deliveries", "saved_deliveries", "rows", "trial", "verdict"),
    [
        (1, 0, 900, None, None),
        (2, 1, 900, None, None),
        (2, 0, 900, None, Trial(112, 900, 1)),
        (7, 5, 4, None, Trial(1, 4, 1)),
        (2, 0, 0, None, None),
        (3, 0, 900, Trial(112, 900, 1), Trial(14, 112, 1)),
        (3, 0, 900, Trial(112, 900, 0), Trial(112, 900, 1)),
        (4, 0, 900, Trial(1, 14, 1), Trial(1, 14, 2)),
        (6, 0, 900, Trial(1, 14, MAX_LOSSES), Poison(Trial(1, 0, 1))),
    ],
)
def test_a_received_message_is_judged_by_its_deliveries_and_its_last_announcement(
    deliveries, saved_deliveries, rows, trial, verdict
):
    assert on_receive(deliveries=deliveries, saved_deliveries=saved_deliveries, rows=rows, trial=trial) == verdict


@pytest.mark.parametrize(
    ("trial", "then"),
    [
        (Trial(112, 900, 1), Trial(112, 788, 1)),
        (Trial(112, 100, 1), Trial(224, 0, 1)),
        (Trial(1, 0, 2), Trial(2, 0, 1)),
    ],
)
def test_slices_stay_small_until_the_rows_that_were_lost_together_are_through(trial, then):
    assert after_slice(trial) == then


@given(rows=st.integers(1, 900), place=st.floats(0, 1, exclude_max=True))
def test_a_row_that_kills_its_consumers_is_found_within_six_deaths(rows, place):
    poison = int(rows * place)
    deaths, updates, failed = _work_off(list(range(rows)), poison)

    assert failed == [poison]
    assert deaths <= 6
    assert updates <= 60


def _work_off(remaining, poison):
    """Play a message with one row that kills its consumer; return deaths, announcements and failed rows."""
    deaths = updates = deliveries = saved = 0
    failed, trial = [], None
    while remaining:
        deliveries += 1
        verdict = on_receive(deliveries=deliveries, saved_deliveries=saved, rows=len(remaining), trial=trial)
        if isinstance(verdict, Poison):
            failed.append(remaining.pop(0))
            verdict = verdict.then
        trial = verdict
        while remaining:
            count = len(remaining) if trial is None else trial.rows
            updates += 1
            if poison in remaining[:count]:
                deaths += 1
                break
            del remaining[:count]
            saved = deliveries
            trial = after_slice(trial) if trial else None
    return deaths, updates, failed


@pytest.mark.parametrize(
    ("losses", "others", "may"),
    [
        (1, [], True),
        (3, [], True),
        (1, [1, 1], True),
        (2, [1], False),
        (1, [1, 2], False),
        (3, [3], False),
    ],
)
def test_suspects_are_tried_side_by_side_until_they_are_lost_in_a_trial(losses, others, may):
    assert may_be_tried(losses, others) is may
