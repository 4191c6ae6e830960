from __future__ import annotations

import argparse

import pytest
from wordings import Wording, names

from hyperscale.commands.gc import add_arguments as add_gc_arguments
from hyperscale.commands.local_runs import whole_number as option
from hyperscale.commands.logs import add_arguments as add_logs_arguments
from hyperscale.control.local.drill import read_drill
from hyperscale.control.making.wishes import worker_count
from hyperscale.errors import ExperimentError
from hyperscale.whole_numbers import whole_number

LONG = "7" * 5_000


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_number_in_plain_digits_is_read(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1_000", "0x1", "٣", "²", "9" * 19, LONG])
def test_what_is_none_or_has_too_many_digits_is_not_read(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.parametrize("text", [LONG, "0", "-" + LONG], ids=["long", "0", "long below 0"])
def test_an_option_of_too_many_digits_is_refused_in_few_words(text: str, wording: Wording) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        option(text)

    names(caught, "whole number", 1)
    wording(caught)
    assert len(str(caught.value)) < 200


def test_a_drill_with_a_seed_of_too_many_digits_is_refused(wording: Wording) -> None:
    with pytest.raises(ExperimentError) as refused:
        read_drill(f"preempt=5%,seed={LONG}", lambda: 1)
    names(refused, "whole number", 0)
    wording(refused)


def test_an_answer_of_too_many_digits_is_asked_for_again() -> None:
    assert worker_count(LONG) is None


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "1e400", "a", LONG])
def test_hours_that_no_age_can_be_compared_with_are_refused(hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_gc_arguments(parser)

    with pytest.raises(SystemExit):
        parser.parse_args([f"--older-than={hours}"])

    assert "is not a number of hours from 0 on" in capsys.readouterr().err
    assert parser.parse_args(["--older-than", "0.5"]).older_than == 0.5


def test_a_row_index_of_too_many_digits_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_logs_arguments(parser)

    with pytest.raises(SystemExit):
        parser.parse_args(["--row", LONG])

    assert "is no row_index" in capsys.readouterr().err
