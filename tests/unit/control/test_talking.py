"""What people are told is in colour where they want it, and says the same without."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from hyperscale.control.notebook_display import drawn
from hyperscale.control.progress import PlainDisplay, Progress, open_display
from hyperscale.control.talking import talking, wants_colour, write
from hyperscale.talk import say

ESCAPE = "\x1b["
TOLD = "experiment.yaml:14:9: compute.tier: 'spot' is wrong\nerror: one problem\nhint: correct it\nwarning: or else"


@pytest.mark.parametrize(
    ("environ", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
    ],
)
def test_colour_is_for_terminals_unless_the_environment_says_otherwise(
    environ: Mapping[str, str], is_terminal: bool, expected: bool
) -> None:
    assert wants_colour(environ, is_terminal=is_terminal) is expected


def test_colour_adds_codes_and_takes_no_word_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    write(TOLD)
    plain = capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")

    write(TOLD)

    coloured = capsys.readouterr().err
    assert plain == f"{TOLD}\n"
    assert [line.startswith(ESCAPE) for line in coloured.splitlines()] == [True] * 4
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_what_users_control_does_not_steer_the_terminal_nor_show_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    write("row 3: \x1b[2J\x07 of AccountKey=" + "a" * 40)

    assert capsys.readouterr().err == "row 3:  [2J  of AccountKey=***\n"


def test_a_library_and_a_notebook_tell_no_more_than_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "error: \x1b[2J no host in postgresql://u:sesame@host/db"
    progress = Progress("running", details=(sentence,))

    say(sentence)
    said = capsys.readouterr().err
    shown = drawn(progress, [sentence])

    assert said == "error:  [2J no host in postgresql://u:***@host/db\n"
    assert shown.count(f"<div>{said.strip()}</div>") == 2


def test_long_lines_are_left_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")

    write("error: " + "word " * 40)

    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "xterm"}])
def test_a_bar_is_drawn_neither_on_a_dumb_terminal_nor_in_quiet(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", environ["TERM"])

    with talking(quiet=environ["TERM"] != "dumb"):
        display = open_display(is_terminal=True)

    assert isinstance(display, PlainDisplay)
