from __future__ import annotations

import decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale.node.collecting.result_columns import text_of
from hyperscale.row_key import key_problem, key_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a/b ", "a/b "),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-0, "0"),
        (9007199254740993, "9007199254740993"),
        (2**70, "1180591620717411303424"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e22, "1e+22"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_key_has_one_text(value: Any, text: str):
    assert key_text(value) == text
    assert key_problem(value) is None


@given(SCALARS)
def test_the_text_of_a_key_is_what_its_column_shows_in_a_table_of_text(value: Any):
    assert key_text(value) == text_of(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [([1], "a list"), ([], "a list"), ({"a": 1}, "an object"), (b"a", "bytes"), (decimal.Decimal(1), "Decimal")],
)
def test_what_cannot_name_a_row_has_a_problem_that_says_what_it_is(value: Any, words: str, wording: Wording):
    names(key_problem(value), words, "row")
    wording(key_problem(value))
    assert key_text(value)  # messages show it
