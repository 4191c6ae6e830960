"""The bookkeeping of one message."""

import pytest

from hyperscale.body import Body
from hyperscale.node.held import HeldMessage
from hyperscale.node.queues import Message

LINE = '{"row_index":%d}'


@pytest.fixture
def held():
    body = Body("run", "seed", 0, ("x",), {index: [index * 10] for index in range(5)}, attempts={3: 1})
    return HeldMessage(Message("m", "r", "", deliveries=2), body, renew_at=10.0)


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

    body = Body.decode(held.body())

    assert list(body.rows) == [0, 2, 4]
    assert body.attempts == {0: 1}
    assert body.outcomes == ['{"row_index":1}', '{"row_index":3}']
    assert body.deliveries == 2


def test_what_a_renewal_saved_is_not_work_again(held):
    held.finish([0], [LINE % 0])

    again = HeldMessage(Message("m", "r2", held.body(), 3), Body.decode(held.body()), renew_at=0.0)

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
