"""Which rows of an input a run has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.row_set import RowSet

ROWS = st.sets(st.integers(0, 60))


def rows_in(found: RowSet) -> set[int]:
    return {index for index in range(-3, 70) if index in found}


@given(ROWS)
def test_a_set_has_the_rows_that_it_was_made_of(rows: set[int]) -> None:
    found = RowSet.of(rows)

    assert (rows_in(found), found.count) == (rows, len(rows))


@given(ROWS)
def test_a_set_is_the_same_after_its_way_through_the_store(rows: set[int]) -> None:
    assert rows_in(RowSet.decode(RowSet.of(rows).encode())) == rows


@given(ROWS, ROWS)
def test_sets_are_taken_apart_and_together(rows: set[int], others: set[int]) -> None:
    assert rows_in(RowSet.of(rows).without(RowSet.of(others))) == rows - others
    assert rows_in(RowSet.of(rows).among(RowSet.of(others))) == rows & others


@given(ROWS, st.integers(0, 60), st.integers(0, 60))
def test_the_rows_of_a_part_of_the_input_are_in_order(rows: set[int], start: int, stop: int) -> None:
    assert RowSet.of(rows).rows_between(start, stop) == sorted(rows & set(range(start, stop)))


def test_the_set_of_all_rows_has_them_all() -> None:
    assert rows_in(RowSet.all(5)) == {0, 1, 2, 3, 4}


def test_a_set_of_many_rows_is_small_in_the_store() -> None:
    assert len(RowSet.of(range(0, 1_000_000, 2)).encode()) < 10_000


@pytest.mark.parametrize("data", [b"", b"nothing", RowSet.all(9).encode()[:-3]])
def test_a_damaged_set_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        RowSet.decode(data)
