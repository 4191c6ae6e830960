"""What an activity may return."""

import datetime
import decimal
import json
import pathlib

import numpy as np
import pytest

from hyperscale.node.working.results import ResultError, encode_result


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        ({"a": 1, "b": 1.5, "c": "é", "d": True, "e": None}, {"a": 1, "b": 1.5, "c": "é", "d": True, "e": None}),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ({"a": float("nan")}, {"a": {"$number": "NaN"}}),
        ([float("inf"), float("-inf")], [{"$number": "Infinity"}, {"$number": "-Infinity"}]),
        ({"a": np.float32(0.5), "b": np.int64(7), "c": np.bool_(True)}, {"a": 0.5, "b": 7, "c": True}),
        ({"a": np.arange(3)}, {"a": [0, 1, 2]}),
        ({"a": np.float64("nan")}, {"a": {"$number": "NaN"}}),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc), "2026-01-02T03:00:00+00:00"),
        (datetime.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.10"), "1.10"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        ((1, 2), [1, 2]),
        ((n for n in range(2)), [0, 1]),
        ({1: 0.5, 2: float("nan")}, {"1": 0.5, "2": {"$number": "NaN"}}),
        (10**30, 10**30),
        ("half of a character: \udc80", "half of a character: ?"),
        ("whole: 😀", "whole: 😀"),
    ],
)
def test_a_result_is_stored_as_json_of_one_line(value, stored):
    text = encode_result(value)

    assert json.loads(text) == stored
    assert "\n" not in text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"image": b"\x00\x01"},
            "the result['image'] is of type bytes, which cannot be stored: use text, or write it to a file",
        ),
        ({"a": [1, {2, 3}]}, "the result['a'][1] is of type set, which cannot be stored"),
        ({(1, 2): "a"}, "the result has the key (1, 2) (tuple): the names of columns are text"),
        (object(), "the result is of type object, which cannot be stored"),
        ("x" * 2_000_000, "the result takes 2,000,002 bytes as JSON, at most 1,048,576 are stored"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(value, message):
    with pytest.raises(ResultError) as caught:
        encode_result(value)

    assert str(caught.value).startswith(message)


def test_a_result_that_contains_itself_is_refused():
    value = {}
    value["a"] = value

    with pytest.raises(ResultError, match="more than 100 levels deep, or contains itself"):
        encode_result(value)
