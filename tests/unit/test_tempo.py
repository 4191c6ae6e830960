"""Waits are as long as they are by default, unless a test is in a hurry."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.errors import HyperscaleError
from hyperscale.tempo import VARIABLE, at_tempo


def test_waits_are_as_long_as_they_are_by_default() -> None:
    assert at_tempo(30.0) == 30.0


def test_a_tempo_of_ten_makes_a_tenth_of_each_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "10")

    assert at_tempo(30.0) == 3.0


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan"])
def test_what_is_no_tempo_is_named(monkeypatch: pytest.MonkeyPatch, text: str, wording: Wording) -> None:
    monkeypatch.setenv(VARIABLE, text)

    with pytest.raises(HyperscaleError) as refused:
        at_tempo(1.0)
    names(refused, VARIABLE, repr(text))
    wording(refused)
