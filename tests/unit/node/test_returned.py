"""Which results of a parallel script are whose."""

import json

import numpy
import pandas
import pytest

from hyperscale.node.working.results import ResultError, encode_result
from hyperscale.node.working.returned import read_returned, result_of_group, results_of_rows

NAN = float("nan")


def results(value, rows, *, error_on_missing=False):
    return results_of_rows(read_returned(value), rows, error_on_missing=error_on_missing)


def frame(values, index=None):
    return pandas.DataFrame({"y": values}, index=index)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (("a", {"x": 1}, None), ["a", {"x": 1}, None]),
        (numpy.array([1, 2, 3]), [1, 2, 3]),
        (numpy.array([[1, 2], [3, 4], [5, 6]]), [[1, 2], [3, 4], [5, 6]]),
        (pandas.Series([1, 2, 3]), [1, 2, 3]),
        (pandas.Series([1, 2, 3], name="y"), [{"y": 1}, {"y": 2}, {"y": 3}]),
        (frame([1, 2, 3]), [{"y": 1}, {"y": 2}, {"y": 3}]),
        (frame([3, 1, 2], [2, 0, 1]), [{"y": 1}, {"y": 2}, {"y": 3}]),
        (frame([1, 2, 3], ["p", "q", "r"]), [{"y": 1}, {"y": 2}, {"y": 3}]),
        (frame([1, 2, 3], [5, 5, 5]), [{"y": 1}, {"y": 2}, {"y": 3}]),
    ],
)
def test_as_many_results_as_rows_are_theirs(value, expected):
    assert results(value, 3) == expected
    assert results(value, 3, error_on_missing=True) == expected


@pytest.mark.parametrize("value", [frame([2, 3], [1, 2]), pandas.Series([2, 3], index=[1, 2], name="y")])
def test_a_frame_whose_index_names_rows_is_theirs(value):
    assert results(value, 3) == [None, {"y": 2}, {"y": 3}]

    missing, *others = results(value, 3, error_on_missing=True)

    assert isinstance(missing, ResultError)
    assert others == [{"y": 2}, {"y": 3}]


@pytest.mark.parametrize("value", [[], frame([]), numpy.array([])])
def test_without_any_result_every_row_is_without_one(value):
    assert results(value, 2) == [None, None]
    assert [type(result) for result in results(value, 2, error_on_missing=True)] == [ResultError, ResultError]


@pytest.mark.parametrize(
    "value",
    [
        [{"y": 1}, {"y": 2}],
        frame([1, 2]),  # the head of the mini batch, or a new frame: it looks the same
        frame([1, 2], [1, 1]),
        frame([1, 2], [1, 7]),
        frame([1, 2], ["p", "q"]),
    ],
)
def test_fewer_results_of_unknown_rows_stand_with_the_first_one(value):
    assert results(value, 3) == [[{"y": 1}, {"y": 2}], None, None]

    with pytest.raises(ResultError, match="run returned 2 results for 3 rows, and nobody can tell whose are missing"):
        results(value, 3, error_on_missing=True)


@pytest.mark.parametrize("error_on_missing", [False, True])
def test_more_results_than_rows_stand_with_the_first_one(error_on_missing):
    found = results(["a", "b", {"y": 1}, None], 2, error_on_missing=error_on_missing)

    assert found == [[{"result": "a"}, {"result": "b"}, {"y": 1}, {}], None]


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (frame([1, 2, 3]), [{"y": 1}, {"y": 2}, {"y": 3}]),
        ([frame([1, 2]), {"z": 3}, "m.pkl"], [{"y": 1}, {"y": 2}, {"z": 3}, {"result": "m.pkl"}]),
        ([], []),
    ],
)
def test_all_that_a_group_returns_are_lines_of_it(value, lines):
    assert result_of_group(read_returned(value), error_on_missing=False) == lines


def test_a_group_without_any_result_may_be_a_failure():
    with pytest.raises(ResultError, match="run returned no result for this group"):
        result_of_group(read_returned([]), error_on_missing=True)


def test_a_frame_or_a_row_of_one_can_be_the_result_of_a_row():
    found = results([frame([1, 2]), frame([3]).iloc[0], "text"], 3)

    assert found == [[{"y": 1}, {"y": 2}], {"y": 3}, "text"]


@pytest.mark.parametrize("value", [None, "text", {"y": 1}, 3, numpy.float64(1)])
def test_what_has_no_results_is_refused(value):
    what = "nothing" if value is None else f"a {type(value).__name__}"

    with pytest.raises(ResultError, match=f"run returned {what}: a list, a tuple or a DataFrame"):
        read_returned(value)


def test_two_columns_of_one_name_are_refused():
    twice = pandas.concat([frame([1]), frame([2])], axis=1)

    with pytest.raises(ResultError, match="two columns named y"):
        read_returned(twice)


@pytest.mark.parametrize("index", [["y", "y"], [1, "1"]])
def test_two_labels_of_one_name_are_refused(index):
    with pytest.raises(ResultError, match=f"Series with two labels named {index[1]}"):
        read_returned([pandas.Series([1, 2], index=index)])


def test_cells_of_pandas_become_what_json_holds():
    table = pandas.DataFrame(
        {
            "when": pandas.to_datetime(["2024-01-02", None]),
            "took": pandas.to_timedelta([1.5, None], unit="s"),
            "number": [1.5, NAN],
            "text": ["a", NAN],
            "whole": pandas.array([1, None], dtype="Int64"),
            "nullable": pandas.array([0.5, None], dtype="Float64"),
            "kind": pandas.Categorical(["p", None]),
            "vector": [numpy.array([1, 2]), None],
            7: numpy.array([1, 2], dtype="int8"),
        }
    )

    first, second = (json.loads(encode_result(result)) for result in results(table, 2))

    assert first == {
        "when": "2024-01-02T00:00:00", "took": 1.5, "number": 1.5, "text": "a", "whole": 1, "nullable": 0.5,
        "kind": "p", "vector": [1, 2], "7": 1,
    }  # fmt: skip
    assert second == {
        "when": None, "took": None, "number": {"$number": "NaN"}, "text": None, "whole": None, "nullable": None,
        "kind": None, "vector": None, "7": 2,
    }  # fmt: skip
