"""What an activity may return."""

import collections
import datetime
import decimal
import enum
import json
import math
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from wordings import Wording, names

from hyperscale.node.working.results import ResultError, decode_stored, encode_result, encode_state

NAN = math.nan
Point = collections.namedtuple("Point", "x y")
Colour = enum.Enum("Colour", {"RED": "r"}, type=str)


def timedelta_without_unit(count: int) -> np.timedelta64:
    """Return what numpy still makes, and from 2.5 on warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.timedelta64(count)


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
    ("value", "parts"),
    [
        (
            {"image": b"\x00\x01"},
            ("result['image']", "bytes"),
        ),
        ({"a": [1, {2, 3}]}, ("result['a'][1]", "set")),
        ({"q": {(1, 2): "a"}}, ("result['q']", "(1, 2)", "tuple")),
        (object(), ("object",)),
        ("x" * 2_000_000, ("2,000,002 bytes", "1,048,576")),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(value, parts, wording: Wording):
    with pytest.raises(ResultError) as caught:
        encode_result(value)

    names(caught, *parts)
    wording(caught)


def test_a_result_that_contains_itself_is_refused(wording: Wording):
    value = {}
    value["a"] = value

    with pytest.raises(ResultError) as refused:
        encode_result(value)
    names(refused, 200)
    wording(refused)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.datetime64("2021-05-06T07:08:09", "ns"), "2021-05-06T07:08:09"),
        (np.datetime64("2021-05-06T07:08:09.000000010", "ns"), "2021-05-06T07:08:09.000000010"),
        (np.datetime64("2021-05-06T07:08:09.25", "ms"), "2021-05-06T07:08:09.250000"),
        (np.datetime64("1970-01-01T00:00:00.0000000005", "ps"), "1970-01-01T00:00:00.000000000500"),
        (np.datetime64("2021-05-06T07:08"), "2021-05-06T07:08:00"),
        (np.datetime64("2021-05-06T07", "h"), "2021-05-06T07:00:00"),
        (np.datetime64("2021-05-06"), "2021-05-06"),
        (np.datetime64("2021-05"), "2021-05-01"),
        (np.datetime64("2021"), "2021-01-01"),
        (np.datetime64("1492-10-12T00:00:00"), "1492-10-12T00:00:00"),
        (np.datetime64("30000-01-01", "D"), "30000-01-01"),
        (np.array("2021-05-06", "datetime64[ns]"), "2021-05-06T00:00:00"),
        (np.array([["2021-05-06"], ["NaT"]], "datetime64[ns]"), [["2021-05-06T00:00:00"], [None]]),
        (pd.Series(pd.to_datetime(["2021-05-06 07:08:09.5"])).values, ["2021-05-06T07:08:09.500000"]),
        (np.array([pd.Timestamp("2021-05-06"), pd.NaT], object), ["2021-05-06T00:00:00", None]),
        (pd.Timestamp("2021-05-06 07:08:09.000000010", tz="UTC"), "2021-05-06T07:08:09.000000010+00:00"),
        (pd.DatetimeIndex(["2021-05-06", None]), ["2021-05-06T00:00:00", None]),
        (np.timedelta64(2_500_000_000, "ns"), 2.5),
        (np.timedelta64(3, "ps"), 3e-12),
        (np.timedelta64(2, "W"), 1_209_600.0),
        (np.array([250, "NaT"], "timedelta64[ms]"), [0.25, None]),
        (pd.Timedelta(20, "ns"), 2e-08),
        (np.timedelta64(90_000_000_123_456_789, "ns"), "90000000.123456789"),
        (datetime.timedelta.max, "86399999999999.999999"),
        ([pd.NaT, pd.NA, np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")], [None] * 4),
        ({"when": pd.NaT, "x": NAN}, {"when": None, "x": NAN}),
    ],
)
def test_times_keep_all_of_their_digits_whatever_they_are_made_with(value, stored):
    assert repr(decode_stored(encode_result(value))) == repr(stored)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.longdouble(2.5), 2.5),
        (np.array([2.5, NAN], np.longdouble), [2.5, NAN]),
        (np.float16(0.5), 0.5),
        (np.array([(1, 2.5)], [("a", "i8"), ("b", "f4")]), [{"a": 1, "b": 2.5}]),
        (np.array([("2021-05-06",)], [("on", "datetime64[ns]")])[0], {"on": "2021-05-06T00:00:00"}),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.ma.masked, None),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Categorical(["a", None]), ["a", None]),
        ([Colour.RED, NAN], ["r", NAN]),
    ],
)
def test_values_of_numpy_and_pandas_are_those_of_python(value, stored):
    assert repr(decode_stored(encode_result({"v": value}))) == repr({"v": stored})


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (np.longdouble(1) / 3, ["longdouble", "digits", "str()"]),
        (np.longdouble("1e4000"), ["longdouble", "1e+4000"]),
        (np.clongdouble(1j), ["clongdouble"]),
        (np.complex64(1j), ["complex"]),
        (np.timedelta64(3, "M"), ["months", "days"]),
        (timedelta_without_unit(3), ["without a unit"]),
        (np.void(b"abc"), ["bytes"]),
        (pd.Period("2021-05"), ["Period"]),
        (Colour, ["type"]),
    ],
)
def test_what_would_lose_digits_or_has_no_plain_value_is_refused(value, parts, wording: Wording):
    with pytest.raises(ResultError) as caught:
        encode_result({"v": value})

    names(caught, "result['v']", *parts)
    # How many digits a longdouble has is the machine's, what the type of an enum is called Python's.
    wording(caught, hidden={str(value): "<value>", type(Colour).__name__: "<type>"})


@pytest.mark.parametrize("beside", [1, NAN, np.float32(1.5), None])
@pytest.mark.parametrize(
    ("key", "text"),
    [
        (7, "7"),
        (0.75, "0.75"),
        (True, "true"),
        (None, "null"),
        (NAN, "NaN"),
        (-math.inf, "-Infinity"),
        (np.int64(7), "7"),
        (np.float32(0.5), "0.5"),
        (np.bool_(False), "false"),
        (np.str_("a"), "a"),
        (Colour.RED, "r"),
        (datetime.date(2021, 5, 6), "2021-05-06"),
        (np.datetime64("2021-05-06", "ns"), "2021-05-06T00:00:00"),
        (pd.Timestamp("2021-05-06"), "2021-05-06T00:00:00"),
        (decimal.Decimal("1.50"), "1.50"),
    ],
)
def test_the_text_of_a_key_is_the_same_whatever_the_value_beside_it_is(key, text, beside):
    (stored,) = json.loads(encode_result({key: beside}))
    (nested,) = json.loads(encode_result([{"in": {key: beside}}]))[0]["in"]

    assert (stored, nested) == (text, text)


@pytest.mark.parametrize("key", [("a", 1), frozenset([1]), b"x", Point(1, 2), object(), Ellipsis])
@pytest.mark.parametrize("beside", [1, NAN])
def test_a_key_without_a_text_of_its_own_is_refused(key, beside):
    with pytest.raises(ResultError) as refused:
        encode_result({key: beside})
    names(refused, "result", "key", type(key).__name__)


@pytest.mark.parametrize(
    "keys", [(1, "1"), (0.5, "0.5"), (True, "true"), (None, "null"), (np.int8(3), "3"), ("a\udc80", "a\udc81")]
)
@pytest.mark.parametrize("beside", [1, NAN])
def test_two_keys_of_one_text_are_refused_and_named(keys, beside, wording: Wording):
    with pytest.raises(ResultError) as caught:
        encode_result({"q": dict.fromkeys(keys, beside)})

    names(caught, "result['q']", *map(repr, keys))
    wording(caught, hidden={repr(key): "<key>" for key in keys if isinstance(key, np.generic)})


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (pd.Series({"low": 1, "high": 2.5}), {"low": 1.0, "high": 2.5}),
        (pd.Series([4, 5], index=[2020, 2021]), {"2020": 4, "2021": 5}),
        (pd.Series([4], index=pd.to_datetime(["2021-05-06"])), {"2021-05-06T00:00:00": 4}),
        (pd.Series([7, 7, 9]).value_counts(), {"7": 2, "9": 1}),
        (pd.DataFrame({"a": [1], "on": pd.to_datetime(["2021-05-06"])}).iloc[0], {"a": 1, "on": "2021-05-06T00:00:00"}),
        (pd.Series({"a": "x", "b": None}), {"a": "x", "b": None}),
        (pd.Series([1.5, NAN]), [1.5, NAN]),
        (pd.Series([], dtype=float), []),
        (Point(1, 2), {"x": 1, "y": 2}),
        ((1, (2,)), [1, [2]]),
        ({"at": [Point(1, Point(NAN, np.int8(3)))]}, {"at": [{"x": 1, "y": {"x": NAN, "y": 3}}]}),
        ({"[": "{", "p": Point(1, [])}, {"[": "{", "p": {"x": 1, "y": []}}),
        ([{"of": pd.Series({"a": 1})}, pd.Series({1: 2})], [{"of": {"a": 1}}, {"1": 2}]),
    ],
)
def test_what_has_names_keeps_them(value, stored):
    assert repr(decode_stored(encode_result(value))) == repr(stored)


@pytest.mark.parametrize("index", [["a", "a"], [1, "1"], pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])])
def test_a_series_whose_labels_are_no_names_is_refused(index, wording: Wording):
    with pytest.raises(ResultError) as refused:
        encode_result(pd.Series([1, 2], index=index))
    wording(refused)


@pytest.mark.parametrize(
    "value",
    [
        {"$number": "NaN"},
        {"$number": 1},
        {"$$number": "NaN"},
        {"$number": {"$number": "NaN"}},
        {"$number": "NaN", "more": 1},
        {"a": [{"$number": "-Infinity"}, NAN]},
        {"$ref": "#", "$number": NAN},
        {"$number": NAN},
        "$number",
        ["$number", {"": 1}],
        NAN,
        [math.inf, {"m": -math.inf}],
    ],
)
def test_what_looks_like_the_tag_of_a_float_comes_back_as_it_was(value):
    assert repr(decode_stored(encode_result(value))) == repr(value)


def test_a_text_full_of_brackets_and_a_deep_list_are_stored_as_they_are():
    deep = [[[[["[{"]]]], {"a": {"b": [{"$": "[[[{{"}]}}]

    assert json.loads(encode_result(deep)) == deep
    assert json.loads(encode_result("[" * 1000)) == "[" * 1000


def chain(levels, inner=None, link=lambda value: [value]):
    value = inner
    for _ in range(levels):
        value = link(value)
    return value


LINKS = {
    "lists": lambda value: [value],
    "tuples": lambda value: (7, value),
    "dicts": lambda value: {"next": value, "text": "[[{"},
    "twice the same": lambda value: [value, value] if not isinstance(value, list) else [value],
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("encode", [encode_result, encode_state])
def test_so_many_levels_are_stored_and_no_more(link, encode):
    assert decode_stored(encode(chain(200, link=link))) is not None

    for levels in (201, 640, 985, 3_000):
        with pytest.raises(ResultError, match=rf"^the (result|state) is nested {levels:,} levels deep, at most 200 "):
            encode(chain(levels, link=link))


def test_a_number_that_json_does_not_know_is_a_level_of_its_own():
    assert encode_result(chain(199, inner=float("nan"))).count("[") == 199

    with pytest.raises(ResultError, match="is nested 201 levels deep, at most 200"):
        encode_result(chain(200, inner=float("inf")))


def test_levels_of_arrays_and_generators_count():
    for value in (chain(150, inner=np.zeros((1,) * 60)), chain(400, link=lambda value: (item for item in [value]))):
        with pytest.raises(ResultError, match=r"the result is nested .* levels deep"):
            encode_result(value)


def test_brackets_in_texts_and_in_neighbours_are_no_levels():
    for value in ("[" * 5_000, ['"[\\' * 900, {"{" * 900: "}"}], [[] for _ in range(5_000)], [{"a": [1]}] * 900):
        assert decode_stored(encode_result(value)) == value


def test_a_higher_limit_of_calls_lets_no_deeper_result_through():
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        for levels in (985, 9_000):
            with pytest.raises(ResultError, match=f"is nested {levels:,} levels deep"):
                encode_result(chain(levels))
    finally:
        sys.setrecursionlimit(usual)


@pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="this Python has no limit of digits")
@pytest.mark.parametrize("digits_of_python", [0, 4_300, 9_000])
def test_an_integer_that_no_reader_takes_is_refused_whatever_the_activity_has_set(digits_of_python):
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(digits_of_python)
    try:
        for value in (10**4_300, [-(10**6_000)], {"a": {"b": 10**5_000 + 7}}):
            with pytest.raises(ResultError, match=r"4,300 digits|[56],001 digits|4,301 digits"):
                encode_result(value)
    finally:
        sys.set_int_max_str_digits(usual)
    for value in (10**4_300 - 1, "7" * 9_000, [1.5] * 3_000):
        assert decode_stored(encode_result(value)) == value
