"""What a worker with several calls in flight was given and answered, put side by side."""

import pytest

from hyperscale.node.consuming.orders_in_flight import OrdersInFlight
from hyperscale.node.working import wire


class Named:
    """Stands for a message: orders only pass it on."""


FIRST, SECOND = Named(), Named()


@pytest.fixture
def orders():
    orders = OrdersInFlight(concurrency=2)
    orders.add(FIRST, wire.Order([10, 11, 12], [[]] * 3, {}, rows_per_call=2))
    orders.add(SECOND, wire.Order([20, 21], [[]] * 2, {}, rows_per_call=2))
    return orders


def said(orders, *lines):
    return [(kind, message, list(indices), list(texts)) for kind, message, indices, texts in orders.answers(lines)]


def test_answers_come_in_any_order_by_the_number_of_the_row(orders):
    assert said(orders, "S3:a", "P{}", "F0:b") == [
        ("S", SECOND, [20], ["a"]),
        ("P", FIRST, [], ["{}"]),
        ("F", FIRST, [10], ["b"]),
    ]
    assert orders.rows == 3


def test_the_first_rows_without_an_answer_are_in_flight_over_all_messages(orders):
    said(orders, "S0:", "S2:")

    assert orders.take_begun() == [(FIRST, [11]), (SECOND, [20])]
    assert list(orders.take_all()) == [(SECOND, [21])]
    assert not orders


def test_a_row_that_is_repeated_alone_has_the_worker_to_itself(orders):
    said(orders, "S0:", "S1:", "S2:", "S3:")
    orders.add(FIRST, wire.Order([11, 12], [[]] * 2, {}, rows_per_call=1))

    assert orders.take_begun() == [(SECOND, [21])]
    assert orders.take_begun() == [(FIRST, [11])]


@pytest.mark.parametrize("line", ["S9:", "S", "S-1:", "x0:", ""])
def test_a_line_that_answers_no_row_ends_the_reading(orders, line):
    assert len(said(orders, "S1:", line, "S2:")) == 1
    assert orders.is_garbled


def test_the_same_row_answered_twice_is_garbled(orders):
    said(orders, "S0:", "S0:")

    assert orders.is_garbled
