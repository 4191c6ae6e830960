"""Which results of a parallel script are whose."""

import json

import numpy
import pandas
import pytest
from wordings import Wording, names

from hyperscale.node.working.mini_batch import frame_of
from hyperscale.node.working.results import ResultError, encode_result
from hyperscale.node.working.returned import read_returned, result_of_group, results_of_rows

NAN = float("nan")
ROWS = [
    {"item": "ink", "shop": 4, "sold": 9.5, "tags": ["new", "blue"]},
    {"item": "pen", "shop": 1, "sold": 7.0, "tags": []},
    {"item": "pad", "shop": 4, "sold": 8.0, "tags": ["thin"]},
    {"item": "cap", "shop": 0, "sold": 1.0, "tags": ["red", "wide"]},
    {"item": "mug", "shop": 1, "sold": 3.0, "tags": ["new"]},
    {"item": "bag", "shop": 3, "sold": 2.5, "tags": []},
]


def results(value, rows, *, error_on_missing=False, **how):
    """What becomes of `value`, which was returned for so many rows of `ROWS`, or for these."""
    given = ROWS[:rows] if isinstance(rows, int) else rows
    return results_of_rows(read_returned(value), given, error_on_missing=error_on_missing, **how)


def frame(values, index=None):
    return pandas.DataFrame({"y": values}, index=index)


def lines_of_first_row(found):
    first, *others = found
    assert others == [None] * len(others)
    return first


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
        (pandas.concat([frame([1, 2]), frame([3])], ignore_index=True), [{"y": 1}, {"y": 2}, {"y": 3}]),
    ],
)
def test_as_many_results_as_rows_are_theirs(value, expected):
    assert results(value, 3) == expected
    assert results(value, 3, error_on_missing=True) == expected


@pytest.mark.parametrize(
    ("change", "items"),
    [
        (lambda batch: batch, {0: "ink", 1: "pen", 2: "pad", 3: "cap", 4: "mug", 5: "bag"}),
        (lambda batch: batch[batch["sold"] > 7.5], {0: "ink", 2: "pad"}),
        (lambda batch: batch.loc[batch["shop"] == 1, ["item"]], {1: "pen", 4: "mug"}),
        (lambda batch: batch.sort_values("sold"), {0: "ink", 1: "pen", 2: "pad", 3: "cap", 4: "mug", 5: "bag"}),
        (lambda batch: batch.sort_values("item").head(2), {5: "bag", 3: "cap"}),
        (lambda batch: batch.head(2), {0: "ink", 1: "pen"}),
        (lambda batch: batch.tail(1), {5: "bag"}),
        (lambda batch: batch.iloc[[4, 1]], {4: "mug", 1: "pen"}),
        (lambda batch: batch.drop([0, 1, 2]).assign(item=["x", "y", "z"]), {3: "x", 4: "y", 5: "z"}),
        (lambda batch: batch.drop_duplicates("shop"), {0: "ink", 1: "pen", 3: "cap", 5: "bag"}),
        (lambda batch: batch.groupby("shop").head(1), {0: "ink", 1: "pen", 3: "cap", 5: "bag"}),
        (lambda batch: batch.loc[batch.groupby("shop")["sold"].idxmax()], {0: "ink", 1: "pen", 3: "cap", 5: "bag"}),
        (lambda batch: batch["item"].sample(frac=1, random_state=3), {n: row["item"] for n, row in enumerate(ROWS)}),
        (lambda batch: pandas.DataFrame({"item": list("zyxwvu")}, index=batch.index)[4:], {4: "v", 5: "u"}),
        (lambda batch: batch.join(pandas.DataFrame({"z": [3, 4]}))[1:3], {1: "pen", 2: "pad"}),
        (lambda batch: batch.apply(lambda row: row[["item"]], axis=1)[:1], {0: "ink"}),
    ],
)
def test_lines_that_keep_the_index_of_the_mini_batch_are_of_the_rows_that_it_names(change, items):
    found = results(change(frame_of(ROWS)), ROWS)

    assert {place: result["item"] for place, result in enumerate(found) if result is not None} == items


@pytest.mark.parametrize("value", [frame_of(ROWS)[["item"]][1:3], frame_of(ROWS)["item"][1:3]])
def test_rows_that_the_index_leaves_out_may_be_failures(value):
    first, *named, last = results(value, 4, error_on_missing=True)

    assert [type(first), type(last)] == [ResultError, ResultError]
    assert named == [{"item": "pen"}, {"item": "pad"}]


def test_several_lines_of_a_row_are_its_result_together():
    found = results(frame_of(ROWS)[["item", "tags"]].explode("tags"), ROWS)

    assert found[0] == [{"item": "ink", "tags": "new"}, {"item": "ink", "tags": "blue"}]
    assert found[2] == {"item": "pad", "tags": "thin"}
    assert [type(result) for result in found] == [list, dict, dict, list, dict, dict]


@pytest.mark.parametrize("rows", [3, 4, 6])
@pytest.mark.parametrize(
    "change",
    [
        lambda batch: batch.groupby("shop")[["sold"]].sum(),
        lambda batch: batch.groupby("shop", as_index=False)[["sold"]].max(),
        lambda batch: batch.groupby(batch.index // 2)[["sold"]].sum(),
        lambda batch: batch.groupby(batch.index % 2)["sold"].sum(),
        lambda batch: batch.groupby(numpy.array([2, 1, 0, 1, 2, 0])[: len(batch)])[["sold"]].sum(),
        lambda batch: batch.groupby(lambda place: 1 - place % 2)[["sold"]].sum(),
        lambda batch: batch.set_index("shop")[["sold"]].iloc[::-1],
        lambda batch: batch.set_index("item"),
        lambda batch: batch["shop"].value_counts(),
        lambda batch: batch.pivot_table(index="shop", values="sold"),
        lambda batch: pandas.crosstab(batch["shop"], batch["item"]),
        lambda batch: pandas.DataFrame.from_dict({2: [1.5], 0: [2.5], 1: [3.5]}, orient="index", columns=["sold"]),
        lambda batch: pandas.Series({2: 0.5, 0: 1.5, 1: 2.5}, name="sold"),
        lambda batch: batch.sort_values("sold").reset_index(drop=True),
        lambda batch: batch.sort_values("sold", ignore_index=True)[["sold"]],
        lambda batch: batch.sort_values("sold").assign(rank=range(len(batch)))[["rank"]].reset_index(drop=True),
        lambda batch: batch.sample(frac=1, random_state=1)[::-1].reset_index(drop=True),
        lambda batch: batch[batch["sold"] > 7].reset_index(),
        lambda batch: pandas.concat([batch[batch["sold"] > 7], batch[batch["sold"] < 8]], ignore_index=True),
        lambda batch: pandas.concat([batch[batch["sold"] < 8], batch[batch["sold"] >= 8]])[["sold"]],
        lambda batch: batch.merge(pandas.DataFrame({"shop": [1, 4, 4], "city": ["Bonn", "Jena", "Ulm"]})),
        lambda batch: batch.merge(pandas.DataFrame({"item": ["pen", "ink", "pad"], "kg": [1, 2, 3]}), how="right"),
        lambda batch: batch.rename_axis("place")[1:],
        lambda batch: batch.rename(index=lambda place: 5 - place),
        lambda batch: batch.set_axis(batch.index[::-1] + 0).iloc[1:],
        lambda batch: batch[["sold"]].describe(),
        lambda batch: batch[["sold", "shop"]].T,
    ],
)
def test_what_has_another_index_is_lines_of_the_call(change, rows):
    value = change(frame_of(ROWS[:rows]))

    assert len(lines_of_first_row(results(value, rows))) == len(value)


def test_a_frame_of_another_call_names_no_rows_of_this_one():
    earlier = frame_of(ROWS[:4], 7)[["item"]][2:]

    assert results(earlier, 4, call=7) == [None, None, {"item": "pad"}, {"item": "cap"}]
    assert lines_of_first_row(results(earlier, 4, call=8)) == [{"item": "pad"}, {"item": "cap"}]


@pytest.mark.parametrize(
    "change",
    [
        lambda batch: batch.reset_index(drop=True),
        lambda batch: batch.reset_index(),
        lambda batch: batch.reset_index(drop=True)[["item"]],
        lambda batch: batch.reset_index(drop=True).assign(shop=7, sold=batch["sold"].astype(str)),
        lambda batch: batch.merge(pandas.DataFrame({"shop": [1, 4], "city": ["Bonn", "Ulm"]}), how="left"),
        lambda batch: pandas.concat([batch[:2], batch[2:]]),
        lambda batch: pandas.DataFrame(batch.to_dict("records")),
        lambda batch: pandas.DataFrame({"item": ["dark " + item for item in batch["item"]]}),
        lambda batch: pandas.DataFrame({"shop": [1, 4, 1, 4, 1, 4], "item": batch["item"].tolist()}),
    ],
)
def test_a_frame_with_a_new_index_that_is_in_order_is_of_the_rows(change):
    value = change(frame_of(ROWS))

    found = results(value, ROWS)

    assert [result["item"] for result in found] == value["item"].tolist()


def test_a_repeated_row_alone_needs_no_order_to_be_told_from_others():
    assert results(frame_of(ROWS[1:2]).groupby("shop")[["sold"]].sum(), ROWS[1:2]) == [{"sold": 7.0}]


@pytest.mark.parametrize("index", [None, [0, 2], [1, 2]])
def test_no_index_is_a_place_where_paths_were_given(index):
    paths = [{"path": f"/in/{name}.csv"} for name in "abc"]

    assert lines_of_first_row(results(frame([1, 2], index), paths, gets_files=True)) == [{"y": 1}, {"y": 2}]
    assert len(lines_of_first_row(results(frame([1, 2, 3]), paths, gets_files=True))) == 3
    assert results([1, 2, 3], paths, gets_files=True) == [1, 2, 3]
    assert results(frame([4], [7]), paths[:1], gets_files=True) == [{"y": 4}]


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
        frame([1, 2], [1, 2]),
        frame([1, 2], ["p", "q"]),
    ],
)
def test_fewer_results_of_unknown_rows_stand_with_the_first_one(value, wording: Wording):
    assert results(value, 3) == [[{"y": 1}, {"y": 2}], None, None]

    with pytest.raises(ResultError) as refused:
        results(value, 3, error_on_missing=True)
    names(refused, "2 results", "3 rows")
    wording(refused)


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


def test_a_group_without_any_result_may_be_a_failure(wording: Wording):
    with pytest.raises(ResultError) as refused:
        result_of_group(read_returned([]), error_on_missing=True)
    names(refused, "run", "group")
    wording(refused)


def test_a_frame_or_a_row_of_one_can_be_the_result_of_a_row():
    found = results([frame([1, 2]), frame([3]).iloc[0], "text"], 3)

    assert found == [[{"y": 1}, {"y": 2}], {"y": 3}, "text"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (None, "nothing"),
        ("text", "a str"),
        ({"y": 1}, "a dict"),
        (3, "a int"),
        (numpy.float64(1), "a numpy float64"),
        (type("DataFrame", (), {"__module__": "polars.dataframe.frame"})(), "a polars DataFrame"),
    ],
)
def test_what_has_no_results_is_refused(value, what, wording: Wording):
    with pytest.raises(ResultError) as refused:
        read_returned(value)
    names(refused, what, "list", "tuple", "DataFrame")
    wording(refused)


def test_two_columns_of_one_name_are_refused(wording: Wording):
    twice = pandas.concat([frame([1]), frame([2])], axis=1)

    with pytest.raises(ResultError) as refused:
        read_returned(twice)
    names(refused, "y")
    wording(refused)


@pytest.mark.parametrize("index", [["y", "y"], [1, "1"]])
def test_two_labels_of_one_name_are_refused(index, wording: Wording):
    with pytest.raises(ResultError) as refused:
        read_returned([pandas.Series([1, 2], index=index)])
    names(refused, "Series", index[1])
    wording(refused)


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
