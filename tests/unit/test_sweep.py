from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.sweep import columns_of, count_of, sweep_problems


@pytest.mark.parametrize(
    ("given_range", "values"),
    [
        ([1, 4], [1, 2, 3, 4]),
        ([1, 10, 4], [1, 5, 9]),
        ([4, 1, -1], [4, 3, 2, 1]),
        ([-2, 2, 2], [-2, 0, 2]),
        ([5, 5], [5]),
        ([0.1, 0.5, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0, 1, 0.25], [0.0, 0.25, 0.5, 0.75, 1.0]),
        ([1, 0.7, -0.1], [1.0, 0.9, 0.8, 0.7]),
        ([0.5, 3], [0.5, 1.5, 2.5]),
        ([1e-05, 3e-05, 1e-05], [1e-05, 2e-05, 3e-05]),
        ([10**30, 10**30 + 2], [10**30, 10**30 + 1, 10**30 + 2]),
    ],
)
def test_a_range_holds_its_stop_and_the_numbers_as_they_are_written(given_range: list[Any], values: list[Any]):
    (found,) = columns_of({"rate": {"range": given_range}}).values()

    assert list(found) == values
    assert [type(value) for value in found] == [type(value) for value in values]


@given(start=st.integers(-1000, 1000), step=st.integers(1, 500), count=st.integers(1, 40), digits=st.integers(0, 6))
def test_decimals_do_not_drift(start: int, step: int, count: int, digits: int):
    first, by = Decimal(start).scaleb(-digits), Decimal(step).scaleb(-digits)
    bounds = [float(first), float(first + by * (count - 1)), float(by)]

    (found,) = columns_of({"rate": {"range": bounds}}).values()

    assert list(found) == [float(first + by * number) for number in range(count)]


def test_a_range_of_any_length_takes_no_memory():
    columns = columns_of({"a": {"range": [1, 10**9]}, "b": {"range": [0, 1, 1e-07]}})

    assert [len(values) for values in columns.values()] == [10**9, 10**7 + 1]
    assert (columns["a"][-1], columns["b"][3], columns["b"][-1]) == (10**9, 3e-07, 1.0)


@pytest.mark.parametrize(
    ("sweep", "mode", "count"),
    [
        ({"a": [1, 2], "b": ["x", "y", None]}, None, 6),
        ({"a": [1, 2], "b": {"range": [1, 2]}}, "zip", 2),
        ({"a": [True]}, "product", 1),
    ],
)
def test_columns_make_rows(sweep: dict[str, Any], mode: str | None, count: int):
    assert count_of(columns_of(sweep), mode) == count
    assert list(sweep_problems(sweep, mode)) == []


@pytest.mark.parametrize(
    ("sweep", "mode", "places"),
    [
        ({"a": [1, 2, 1]}, None, [("a", 2)]),
        ({"a": [1, 2, 1]}, "zip", []),
        ({"a": [1, 1.0]}, None, [("a", 1)]),
        ({"a": [1, True, 0, False, "1"]}, None, []),
        ({"a": [1, 2], "b": [1]}, "zip", [("b",)]),
        ({"a": [], "b": [1, 1]}, None, [("b", 1)]),
        ({"a": {"range": [3, 1]}, "b": {"range": [1, 3, 0]}}, None, [("a", "range"), ("b", "range")]),
        ({"mode": ["fast", "slow"]}, None, []),
    ],
)
def test_each_problem_of_a_sweep_has_its_place(sweep: dict[str, Any], mode: str | None, places: list[tuple[Any, ...]]):
    assert [path for path, _ in sweep_problems(sweep, mode)] == places
