"""What users' text looks like on a terminal."""

from __future__ import annotations

import pytest

from hyperscale.control.terminal_text import in_one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü and 日本", "plain, ü and 日本"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m\x07", r"\x1b[31mred\x1b[0m\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("10%\r50%\r\nend", "10%\n50%\nend"),
        ("abc\u202edcba\u2028x", r"abc\u202edcba\u2028x"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_is_one_line_and_has_an_end() -> None:
    assert in_one_line("a\n b\x1b\n", 10) == r"a b\x1b"
    assert in_one_line("abcdefghij", 5) == "abcd…"
