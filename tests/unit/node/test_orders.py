"""What a worker was given and what it answered, put side by side."""

import pytest

from hyperscale.node import wire
from hyperscale.node.orders import Orders


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


def said(orders, *lines):
    return [(kind, message, list(indices), list(texts)) for kind, message, indices, texts in orders.answers(lines)]


def test_neighbouring_successes_of_one_order_make_one_answer(orders):
    assert said(orders, "Sa", "Sb", "Fc", "Sd") == [
        ("S", FIRST, [10, 11], ["a", "b"]),
        ("F", FIRST, [12], ["c"]),
        ("S", SECOND, [20], ["d"]),
    ]
    assert orders.rows == 3


def test_successes_do_not_run_on_into_the_next_order(orders):
    assert said(orders, "Sa", "Sb", "Sc", "Sd") == [
        ("S", FIRST, [10, 11, 12], ["a", "b", "c"]),
        ("S", SECOND, [20], ["d"]),
    ]


def test_a_call_that_failed_takes_its_rows_and_not_those_of_the_next_call(orders):
    said(orders, "Sa", "Sb", "Sc")

    assert said(orders, "C") == [("C", SECOND, [20, 21, 22], [""])]
    assert orders.rows == 1


def test_the_guilty_call_is_the_one_without_all_answers(orders):
    said(orders, "Sa", "Sb", "Sc", "Sd")

    assert orders.take_call() == (SECOND, [21, 22])
    assert list(orders.take_all()) == [(SECOND, [23])]
    assert not orders


def test_what_was_not_begun_comes_back_last_order_first(orders):
    orders.take_call()

    assert list(orders.take_all()) == [(SECOND, [20, 21, 22, 23]), (FIRST, [11, 12])]


def test_lines_beyond_what_was_given_are_dropped(orders):
    lines = ["S"] * 9

    assert sum(len(indices) for _, _, indices, _ in said(orders, *lines)) == 7
    assert not orders
