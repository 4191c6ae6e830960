"""Tables fit the screen, say what they leave out, and cut no name that somebody has to copy."""

from __future__ import annotations

import pytest

from hyperscale.control.text_table import LONGEST_NAME, text_table


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, ["run  state  rows", "a    done      1"]),
        (12, ["run  state", "a    done", "and 1 more c"]),
        (20, ["run  state  rows", "a    done      1"]),
        (1, ["run", "a", "a"]),
    ],
)
def test_columns_that_do_not_fit_are_left_out(width: int, lines: list[str]):
    assert text_table(("run", "state", "rows"), [("a", "done", 1)], width) == lines


def test_the_columns_that_are_left_out_are_counted_and_named():
    assert text_table(("first column", "second column"), [("a", "b")], 26)[-1] == "and 1 more column: second "


def test_long_cells_are_cut_and_names_are_not():
    name = "a" * LONGEST_NAME

    assert text_table(("value",), [(name,)], 200)[1] == "a" * 39 + "…"
    assert text_table(("run",), [(name,)], 200, LONGEST_NAME)[1] == name
