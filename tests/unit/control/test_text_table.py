"""Tables fit the screen, say what they leave out, and cut no name that somebody has to copy."""

from __future__ import annotations

import pytest
from wordings import names

from hyperscale.control.terminal_text import cut, padded, width_of
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
    names(text_table(("first column", "second column"), [("a", "b")], 26)[-1], 1, "second")


def test_long_cells_are_cut_and_names_are_not():
    name = "a" * LONGEST_NAME

    assert text_table(("value",), [(name,)], 200)[1] == "a" * 39 + "…"
    assert text_table(("run",), [(name,)], 200, LONGEST_NAME)[1] == name


def test_columns_stand_below_each_other_whatever_is_in_them():
    words = ("plain", "日本語", "한국", "e\u0301t\u00e9", "👍🏽 ok", "❤\ufe0f", "ﾊﾝｶｸ", "ｆｕｌｌ", "🇩🇪", "नमस्ते")

    lines = text_table(("word", "count"), [(word, 7) for word in words], 80)

    assert [width_of(line) for line in lines] == [8 + 2 + 5] * len(lines)
    assert [width_of(word) for word in words] == [5, 6, 4, 3, 5, 2, 4, 8, 2, 4]


def test_wide_text_is_cut_by_what_it_takes_on_the_screen():
    assert text_table(("value",), [("日" * 30,)], 200)[1] == "日" * 19 + "…"
    assert text_table(("日本", "b"), [("a", "b")], 4) == ["日本", "a", "and "]
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"
    assert width_of("👨\u200d👩\u200d👧") == 2
    assert padded("日本", 6, to_the_right=True) == "  日本"
