"""Names and types of the columns of results."""

import math
from typing import Any

import pytest

from hyperscale.node.collecting.result_columns import Column, ResultColumns, cell, placed, rows_of, text_of

NAN = math.nan


def columns_of(*results: Any) -> tuple[Column, ...]:
    columns = ResultColumns()
    for result in results:
        columns.see(result)
    if columns.needs_digits:
        for result in results:
            columns.see_digits(result)
    return columns.columns()


def type_of(*values: Any) -> str:
    (column,) = columns_of(*({"x": value} for value in values))
    return column.type


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "integer"),
        ([None, 1, None], "integer"),
        ([1, 2.5], "number"),
        ([2.5, 1], "number"),
        ([1, NAN], "number"),
        ([NAN], "number"),
        ([1, "a"], "string"),
        ([2.5, "a"], "string"),
        ([True, False], "boolean"),
        ([True, None], "boolean"),
        ([True, 1], "string"),
        ([True, 1.5], "string"),
        ([[1, 2]], "string"),
        ([{"deep": 1}], "string"),
        ([1, {"deep": 1}], "string"),
        ([None], "string"),
        ([2**63 - 1, -(2**63)], "integer"),
        ([2**63], "string"),
        ([-(2**63) - 1, 1], "string"),
        ([2**62 + 1, 1, None], "integer"),
        ([2**53, 0.5], "number"),
        ([2**60, 0.5], "number"),
        ([2**70, 0.5, NAN], "number"),
        ([2**60 + 1, 0.25, None, 7], "decimal(38,2)"),
        ([1e-7, -(2**60) - 1], "decimal(38,7)"),
        ([2**63 - 1, 1e15], "decimal(38,1)"),
        ([10**35 + 1, 0.25], "decimal(38,2)"),
        ([10**36 + 1, 0.25], "string"),
        ([10**400, 0.25], "string"),
        ([2**60 + 1, 1e-40], "string"),
        ([2**60 + 1, 1e30, 1e-10], "string"),
        ([2**60 + 1, 0.5, NAN], "string"),
        ([2**60 + 1, 0.5, True], "string"),
        ([2**60 + 1, 0.5, "a"], "string"),
    ],
)
def test_a_type_widens_as_far_as_its_values_need(values: list[Any], expected: str) -> None:
    assert type_of(*values) == expected


def test_columns_stand_in_order_of_first_appearance() -> None:
    found = columns_of({"b": 1, "a": 2}, None, {"c": 3, "a": 4}, [{"d": 1}, {"b": 2, "e": 1}])

    assert [column.name for column in found] == ["b", "a", "c", "d", "e"]


@pytest.mark.parametrize(
    ("result", "rows"),
    [
        ({"a": 1}, [{"a": 1}]),
        ([{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        (None, [{}]),
        ({}, [{}]),
        ([], [{}]),
        (7, [{"result": 7}]),
        (False, [{"result": False}]),
        ("", [{"result": ""}]),
        ([1, 2], [{"result": [1, 2]}]),
        ([{"a": 1}, 2], [{"result": [{"a": 1}, 2]}]),
        (NAN, [{"result": NAN}]),
        ([NAN], [{"result": [NAN]}]),
        ({"$number": "NaN"}, [{"$number": "NaN"}]),
    ],
)
def test_a_result_becomes_rows(result: Any, rows: list[dict[str, Any]]) -> None:
    assert rows_of(result) == rows


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "integer", None),
        (None, "string", None),
        (3, "integer", 3),
        (3, "number", 3.0),
        ({"$number": "NaN"}, "string", '{"$number":"NaN"}'),
        ([1.0, NAN, {"mean": -math.inf}], "string", '[1.0,NaN,{"mean":-Infinity}]'),
        (2**60 + 1, "decimal(38,2)", 2**60 + 1),
        (0.25, "decimal(38,2)", 0.25),
        (True, "boolean", True),
        (True, "string", "true"),
        (3, "string", "3"),
        (0.1, "string", "0.1"),
        (NAN, "string", "NaN"),
        (2**80, "string", "1208925819614629174706176"),
        ({"a": [1, "é"]}, "string", '{"a":[1,"é"]}'),
        ("true", "string", "true"),
    ],
)
def test_a_value_fits_its_column(value: Any, kind: str, expected: Any) -> None:
    found = cell(value, kind)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1e-7, "1e-07"),
        (0.1 + 0.2, "0.30000000000000004"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (False, "false"),
        (-5, "-5"),
    ],
)
def test_csv_text_keeps_every_digit(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_name_that_collides_gets_its_prefix_until_it_is_alone() -> None:
    names = placed(["id", "x", "result_id", "y"], "result_", ["id", "result_x", "x"])

    assert names == ["result_id", "result_result_x", "result_result_id", "y"]
