"""The bookkeeping of one message."""

import pytest

from hyperscale.body import Body
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.storing.queues import Message

LINE = '{"row_index":%d}'


@pytest.fixture
def held():
    body = Body("run", "seed", 0, ("x",), {index: [index * 10] for index in range(5)}, attempts={3: 1})
    return HeldMessage(Message("m", "r", "", deliveries=1), body, renew_at=10.0)


def taken(order):
    return None if order is None else (order.row_indices, order.rows_per_call)


def test_rows_are_handed_out_in_order_with_their_attempt_and_values(held):
    order = held.take_order(4, rows_per_call=1)

    assert taken(order) == ([0, 1, 2, 3], 1)
    assert order.attempts == {3: 1}
    assert order.rows[3] == [30]
    assert held.waiting_rows == 1


def test_an_order_is_made_of_whole_calls_as_long_as_there_are_rows(held):
    assert taken(held.take_order(2, rows_per_call=3)) == ([0, 1, 2], 3)
    assert taken(held.take_order(2, rows_per_call=3)) == ([3, 4], 3)
    assert taken(held.take_order(2, rows_per_call=3)) is None


def test_rows_that_were_not_begun_are_handed_out_first_and_uncharged(held):
    held.take_order(3, rows_per_call=1)
    held.give_back([1, 2])

    order = held.take_order(3, rows_per_call=1)

    assert taken(order) == ([1, 2, 3], 1)
    assert order.attempts == {3: 1}


def test_rows_of_a_call_that_failed_are_repeated_one_by_one(held):
    held.take_order(3, rows_per_call=3)
    held.repeat_alone([0, 1, 2])

    assert taken(held.take_order(5, rows_per_call=3)) == ([0, 1, 2], 1)
    assert taken(held.take_order(5, rows_per_call=3)) == ([3, 4], 3)


def test_a_delayed_row_waits_until_its_time_has_come(held):
    held.take_order(5, rows_per_call=1)
    held.charge(2)
    held.delay(2, until=7.0)

    held.wake(6.9)
    assert held.waiting_rows == 0
    held.wake(7.0)
    assert taken(held.take_order(5, rows_per_call=3)) == ([2], 1)


def test_a_renewal_names_remaining_rows_attempts_and_outcomes(held):
    held.take_order(5, rows_per_call=1)
    held.finish([1], [LINE % 1])
    held.finish([3], [LINE % 3])
    held.charge(0)

    body = Body.decode(held.write().text)

    assert list(body.rows) == [0, 2, 4]
    assert body.attempts == {0: 1}
    assert body.outcomes == ['{"row_index":1}', '{"row_index":3}']
    assert body.deliveries == 1


def test_what_a_renewal_saved_is_not_work_again(held):
    held.finish([0], [LINE % 0])

    text = held.write().text
    again = HeldMessage(Message("m", "r2", text, 2), Body.decode(text), renew_at=0.0)

    assert taken(again.take_order(9, rows_per_call=9)) == ([1, 2, 3, 4], 9)
    assert again.outcomes == ['{"row_index":0}']


def test_outcomes_that_are_in_a_part_ride_no_longer(held):
    held.finish([0], [LINE % 0])
    held.finish([1], [LINE % 1])

    held.forget_outcomes(1)

    assert held.outcomes == ['{"row_index":1}']


def test_a_message_is_finished_when_each_row_has_an_outcome(held):
    for index in range(4):
        held.finish([index], [LINE % index])
    assert not held.is_finished

    held.finish([4], [LINE % 4])

    assert held.is_finished


def test_a_tail_is_handed_back_in_pieces_with_its_attempts(held):
    held.take_order(1, rows_per_call=1)

    pieces = [Body.decode(text) for text in held.take_tail(3, pieces=2)]

    assert [list(piece.rows) for piece in pieces] == [[2, 3], [4]]
    assert [piece.attempts for piece in pieces] == [{3: 1}, {}]
    assert [piece.outcomes for piece in pieces] == [[], []]
    assert pieces[0].run_id == "run"
    assert list(Body.decode(held.write().text).rows) == [0, 1]
    assert taken(held.take_order(9, rows_per_call=1)) == ([1], 1)


def test_one_row_at_least_stays(held):
    assert held.spare_rows == 4

    held.take_order(2, rows_per_call=1)

    assert held.spare_rows == 3


def received(rows, *, deliveries, saved=0, trial=None, outcomes=()):
    body = Body("run", "seed", 0, ("x",), {index: [0] for index in range(rows)}, {}, list(outcomes), saved, trial)
    return HeldMessage(Message("m", "r", "", deliveries), body, renew_at=0.0)


def announced(held):
    written = held.write(announces=True)
    held.wrote(written)
    held.open_slice()
    return Body.decode(written.text)


def test_a_suspect_runs_nothing_before_it_is_announced():
    held = received(16, deliveries=2)

    assert held.take_order(9, rows_per_call=1) is None
    assert held.wants_slice
    assert held.waiting_rows == 16
    assert announced(held).trial == (2, 16, 1)
    assert taken(held.take_order(9, rows_per_call=1)) == ([0, 1], 1)
    assert not held.wants_slice


def test_a_suspect_that_was_never_begun_announces_nothing_by_its_renewals():
    held = received(16, deliveries=2)

    assert Body.decode(held.write().text).trial is None
    assert Body.decode(held.write().text).deliveries == 0


def test_a_renewal_without_progress_keeps_the_count_of_losses_and_progress_clears_it():
    held = received(16, deliveries=3, trial=(1, 16, 1))
    held.take_order(1, rows_per_call=1)
    assert announced(held).trial == (1, 16, 2)
    held.take_order(1, rows_per_call=1)

    assert Body.decode(held.write().text).trial == (1, 16, 2)
    held.finish([0], [LINE % 0])
    assert Body.decode(held.write().text).trial == (1, 15, 0)


def test_after_a_slice_the_next_one_is_announced():
    held = received(16, deliveries=2)
    held.take_order(9, rows_per_call=1)
    announced(held)
    held.take_order(9, rows_per_call=1)
    held.finish([0, 1], [LINE % 0, LINE % 1])

    assert held.take_order(9, rows_per_call=1) is None
    assert announced(held).trial == (2, 14, 1)
    assert taken(held.take_order(9, rows_per_call=1)) == ([2, 3], 1)


def test_a_row_that_was_lost_too_often_alone_is_poison_and_the_next_one_is_not():
    held = received(4, deliveries=5, trial=(1, 4, 3))
    assert held.poisoned == 0
    held.finish([0], [LINE % 0])

    after = Body.decode(held.write().text)

    assert after.trial == (1, 4, 0)
    assert received(3, deliveries=6, saved=after.deliveries, trial=after.trial).poisoned is None


def test_a_release_in_good_order_is_no_loss():
    held = received(4, deliveries=4, trial=(1, 4, 2))
    held.take_order(1, rows_per_call=1)
    announced(held)

    assert Body.decode(held.write(releases=True).text).trial == (1, 4, 0)
    assert Body.decode(held.write(releases=True).text).deliveries == 4


def test_a_row_whose_values_are_in_the_store_is_never_written_back_into_its_message():
    body = Body("run", "seed", 0, ("x",), {7: ["x" * 100_000]}, stored=305419896)
    held = HeldMessage(Message("m", "r", "", 1), body, renew_at=0.0)

    order = held.take_order(1, rows_per_call=1)
    held.charge(7)
    renewed = Body.decode(held.write().text)

    assert order.rows == [["x" * 100_000]]
    assert held.spare_rows == 0
    assert (renewed.rows, renewed.stored, renewed.attempts) == ({7: []}, 305419896, {7: 1})
    assert Body.decode(held.write(releases=True).text).stored == 305419896
    held.finish([7], [LINE % 7])
    assert Body.decode(held.write().text).rows == {}
