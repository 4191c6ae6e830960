"""The rows of a call as a DataFrame: exact values, and an index that is like any other."""

import pickle

import numpy
import pandas
import pytest

from hyperscale.node.working.mini_batch import frame_of, places_of
from hyperscale.node.working.results import encode_result

LONG = 9_007_199_254_740_993  # the first integer that no double holds


def column(values):
    series = frame_of([{"v": value} for value in values])["v"]
    return str(series.dtype), [None if value is pandas.NA else value for value in series.tolist()]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([LONG, None], "Int64"),
        ([None, -LONG, 3], "Int64"),
        ([-(2**63), 2**63 - 1, None], "Int64"),
        ([2**64 - 1, None, 2**63], "UInt64"),
        ([2**63 + 1, None, -5], "object"),
        ([2**70 + 1, None], "object"),
        ([10**400, None, 1.5], "object"),
        ([10**400, -3], "object"),
        ([2**70, "text", None], "object"),
        ([LONG, 0.25], "object"),
        ([LONG, 0.25, None], "object"),
        ([2**63 + 1, 0.5, -1], "object"),
        ([LONG, -1], "int64"),
        ([2**64 - 1, 3], "uint64"),
        ([LONG, True, None], "object"),
        ([LONG, "text"], "object"),
        ([True, None, False], "object"),
        ([None, None], "object"),
    ],
)
def test_no_integer_of_a_mini_batch_loses_digits(values, kind):
    assert column(values) == (kind, values)


@pytest.mark.parametrize("values", [[7, None], [2**53, None, -3], [2**60, 0.5], [1, 2.5]])
def test_integers_that_a_double_holds_stay_in_float_columns(values):
    kind, found = column(values)

    assert kind == "float64"
    assert [None if value != value else value for value in found] == values


def test_digits_that_are_text_stay_text():
    assert column(["007", "12345678901234567890", None][:2])[1] == ["007", "12345678901234567890"]


def test_the_index_is_used_like_any_other():
    batch = frame_of([{"a": number} for number in (5, 6, 7, 8)])
    late = batch[batch["a"] > 6]

    assert batch.index.tolist() == [0, 1, 2, 3]
    assert batch.index.equals(pandas.RangeIndex(4))
    assert batch.index.name is None
    assert (batch.loc[2, "a"], batch.at[3, "a"], batch.loc[1:2, "a"].tolist()) == (7, 8, [6, 7])
    assert numpy.array([9, 8, 7, 6])[late.index].tolist() == [7, 6]
    assert late.reset_index().columns.tolist() == ["index", "a"]
    assert batch.to_csv().splitlines()[:2] == [",a", "0,5"]
    assert batch.assign(b=pandas.Series([1, 2, 3, 4]))["b"].tolist() == [1, 2, 3, 4]
    assert frame_of([]).empty


def test_what_was_pickled_is_read_without_this_package():
    data = pickle.dumps(frame_of([{"a": 5}, {"a": 6}])[["a"]])

    assert b"hyperscale.node" not in data
    read = pickle.loads(data)  # noqa: S301 - written two lines above
    assert read["a"].tolist() == [5, 6]
    assert places_of(read, 0) is None


def test_what_is_missing_in_such_a_column_is_null_wherever_a_result_holds_it():
    missing = frame_of([{"v": LONG}, {"v": None}])["v"]

    assert encode_result({"v": missing[1], "all": [*missing]}) == f'{{"v":null,"all":[{LONG},null]}}'
