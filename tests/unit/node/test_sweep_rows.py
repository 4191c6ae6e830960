from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale.documents import build
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Input
from hyperscale.node.reading.readers import input_hash, open_rows
from hyperscale.node.reading.sweep_rows import SweepRows

VALUES = st.lists(st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=2)), min_size=1, max_size=4)
NOWHERE = Path()


def source(sweep: dict[str, Any], **parts: Any) -> Input:
    return build(Input, {"sweep": sweep, "columns": {}, "group_by": [], **parts})


def rows_of(sweep: dict[str, Any], size: int = 3, **parts: Any) -> list[list[Any]]:
    return [row for batch in open_rows(source(sweep, **parts), NOWHERE).batches(size) for row in batch]


@given(columns=st.lists(VALUES, min_size=1, max_size=3), size=st.integers(1, 5))
def test_a_product_has_every_combination_once_and_its_last_column_changes_first(columns: list[list[Any]], size: int):
    rows = rows_of({f"c{number}": values for number, values in enumerate(columns)}, size)

    assert rows == [list(row) for row in itertools.product(*columns)]


def test_zip_takes_one_value_of_each_for_a_row():
    rows = rows_of({"rate": [0.1, 0.1, 0.3], "depth": {"range": [5, 7]}}, mode="zip")

    assert rows == [[0.1, 5], [0.1, 6], [0.3, 7]]


def test_the_types_of_columns_are_those_of_their_values():
    sweep = {"a": [1, 2.5], "b": {"range": [1, 2]}, "c": {"range": [0, 1, 0.5]}, "d": [None, True], "e": [1, "x"]}

    rows = open_rows(source(sweep), NOWHERE)

    assert rows.types == {"a": "number", "b": "integer", "c": "number", "d": "boolean", "e": "string"}


def test_a_limit_takes_the_first_combinations():
    assert rows_of({"a": [1, 2], "b": [3, 4]}, limit=3) == [[1, 3], [1, 4], [2, 3]]


def test_what_a_row_takes_is_known_without_making_it():
    small = source({"a": [1, 22], "b": ["x", "é", None]})
    rows = SweepRows(small)
    taken = [len(json.dumps(row, separators=(",", ":"))) for batch in rows.batches(9) for row in batch]

    assert rows.row_bytes == pytest.approx(sum(taken) / len(taken))
    large = SweepRows(source({"a": {"range": [1, 10**9]}, "b": {"range": [0, 1, 1e-06]}}))
    assert large.count == 10**9 * (10**6 + 1)
    assert large.row_bytes == pytest.approx(18, abs=1)
    assert next(large.batches(2)) == [[1, 0.0], [1, 1e-06]]


def test_records_of_a_sweep_can_be_grouped():
    rows = open_rows(source({"a": [1, 2], "b": [3, 4]}, group_by=["b"]), NOWHERE)

    assert list(rows.in_tables.batches(9)) == [[[3, 2], [4, 2]]]


@pytest.mark.parametrize(
    ("key", "mode", "parts"),
    [
        ("id", None, None),
        ("one", None, ("input.key", "'one'", "3 rows")),
        ("id", "zip", None),
        ("mixed", "zip", ("input.sweep.mixed.2", 1, "[0]", "'1'")),
        ("two", None, ("input.key", "'two'", "id, one")),
    ],
)
def test_a_key_names_each_row(key: str, mode: str | None, parts: tuple[object, ...] | None, wording: Wording):
    columns = {"id": ["a", "b", "c"], "one": [1]} if mode is None else {"id": [1, 1.0, True], "mixed": ["1", "2", 1]}
    given_source = source(columns, key=key, mode=mode)

    if parts is None:
        assert open_rows(given_source, NOWHERE).columns == tuple(columns)
        return
    with pytest.raises(ExperimentError) as caught:
        open_rows(given_source, NOWHERE)
    names(caught, *parts)
    wording(caught)


@pytest.mark.parametrize(
    ("key", "limit", "named"),
    [
        ("b", 5, None),
        ("b", 10, None),
        ("b", 11, ("10 values", "'b'", "11 rows")),
        ("b", None, ("10 values", "'b'", "20 rows")),
        ("a", 1, None),
        ("a", 5, ("'a'", "5 rows")),
        ("a", 15, ("2 values", "'a'", "15 rows")),
    ],
)
def test_a_key_names_the_rows_that_a_limit_leaves(
    key: str, limit: int | None, named: tuple[str, ...] | None, wording: Wording
):
    given_source = source({"a": [1, 2], "b": {"range": [1, 10]}}, key=key, limit=limit)

    if named is None:
        assert SweepRows(given_source).count == limit
        return
    with pytest.raises(ExperimentError) as caught:
        SweepRows(given_source)
    names(caught, *named)
    wording(caught)


def test_the_hash_of_a_sweep_knows_its_rows_and_their_order():
    sweeps = [
        source({"a": [1, 2], "b": [3, 4]}),
        source({"b": [3, 4], "a": [1, 2]}),
        source({"a": [1, 2], "b": [3, 5]}),
        source({"a": [1, 2], "b": [3, 4]}, mode="zip"),
        source({"a": [1, 2], "b": [3, 4]}, group_by=["a"]),
    ]

    hashes = [input_hash(each, NOWHERE) for each in sweeps]

    assert len(set(hashes)) == len(sweeps)
    assert input_hash(sweeps[0], NOWHERE) == hashes[0]
