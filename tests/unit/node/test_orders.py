"""What a worker was given and what it answered, put side by side."""

import pytest

from hyperscale.node.consuming.orders import Orders
from hyperscale.node.working import wire


class Named:
    """Stands for a message: orders only pass it on."""

    def __init__(self, name):
        self.name = name


FIRST, SECOND = Named("first"), Named("second")


@pytest.fixture
def orders():
    orders = Orders()
    orders.add(FIRST, wire.Order([10, 11, 12], [[]] * 3, {}, rows_per_call=1))
    orders.add(SECOND, wire.Order([20, 21, 22, 23], [[]] * 4, {}, rows_per_call=3))
    return orders


def done(row_index):
    return f'S{{"row_index":{row_index},}}'


def said(orders, *lines):
    return [(kind, message, list(indices), len(texts)) for kind, message, indices, texts in orders.answers(lines)]


def test_neighbouring_successes_of_one_order_make_one_answer(orders):
    assert said(orders, done(10), done(11), "Fc", done(20)) == [
        ("S", FIRST, [10, 11], 2),
        ("F", FIRST, [12], 1),
        ("S", SECOND, [20], 1),
    ]
    assert orders.rows == 3


def test_an_answer_carries_the_texts_of_its_lines(orders):
    (answer,) = orders.answers([done(10), done(11)])

    assert answer.texts == ['{"row_index":10,}', '{"row_index":11,}']


def test_successes_do_not_run_on_into_the_next_order(orders):
    assert said(orders, *map(done, (10, 11, 12, 20))) == [("S", FIRST, [10, 11, 12], 3), ("S", SECOND, [20], 1)]


def test_a_call_that_failed_takes_its_rows_and_not_those_of_the_next_call(orders):
    said(orders, *map(done, (10, 11, 12)))

    assert said(orders, "C") == [("C", SECOND, [20, 21, 22], 1)]
    assert orders.rows == 1


def test_a_short_last_call_that_failed_takes_the_rows_that_are_left(orders):
    said(orders, *map(done, (10, 11, 12, 20, 21, 22)))
    orders.add(FIRST, wire.Order([30, 31], [[]] * 2, {}, rows_per_call=4))

    assert said(orders, "C", "C") == [("C", SECOND, [23], 1), ("C", FIRST, [30, 31], 1)]
    assert orders.rows == 0
    assert not orders


def test_what_was_printed_stands_before_an_answer_and_takes_no_row(orders):
    assert said(orders, done(10), "Px", done(11)) == [("S", FIRST, [10], 1), ("P", FIRST, [], 1), ("S", FIRST, [11], 1)]


def test_the_guilty_call_is_the_one_without_all_answers(orders):
    said(orders, *map(done, (10, 11, 12, 20)))

    assert orders.take_begun() == [(SECOND, [21, 22])]
    assert list(orders.take_all()) == [(SECOND, [23])]
    assert not orders


def test_what_was_not_begun_comes_back_last_order_first(orders):
    orders.take_begun()

    assert list(orders.take_all()) == [(SECOND, [20, 21, 22, 23]), (FIRST, [11, 12])]


def test_lines_beyond_what_was_given_are_dropped(orders):
    lines = map(done, (10, 11, 12, 20, 21, 22, 23, 24, 25))

    assert sum(len(indices) for _, _, indices, _ in said(orders, *lines)) == 7
    assert not orders


@pytest.mark.parametrize("line", [done(12), "S", "", "hello", '{"row_index":11}'])
def test_a_line_that_is_no_answer_of_the_next_row_ends_the_reading(orders, line):
    assert said(orders, done(10), line, done(11)) == [("S", FIRST, [10], 1)]
    assert orders.is_garbled
