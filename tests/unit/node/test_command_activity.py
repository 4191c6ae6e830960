"""A program as an activity: what reaches it, what it leaves, and what of that may be seen."""

import logging
import shlex
import sys
from dataclasses import replace

import pytest
from wordings import Wording, names

from hyperscale.node.working.activity import Context
from hyperscale.node.working.command_activity import load_command
from hyperscale.node.working.command_failure import CommandFailedError
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.node.working.results import ResultError, encode_result

SECRET = "correct-horse-battery-staple"
#: Prints a secret so that its last 14 characters are the first of the last 16 KiB.
CUT_SECRET = f"printf %s {SECRET}; head -c {16 * 1024 - 14} /dev/zero | tr '\\0' x"


@pytest.fixture
def context(tmp_path):
    return Context("run", 0, {}, {}, tmp_path, logging.getLogger("test"), row_index=4, key="a")


def run(command, context, row=None):
    return load_command(command, HiddenValues({"WORDS": SECRET})).run(row or {}, context)


def test_what_a_program_prints_is_the_result_if_it_is_json(context):
    assert run("echo '{\"sum\": 3}'", context) == {"sum": 3}
    assert run("echo sum: 3", context) is None


def test_brackets_without_end_are_no_json(context):
    assert run("head -c 100000 /dev/zero | tr '\\0' '['", context) is None


@pytest.mark.parametrize(
    ("printed", "what"),
    [
        ("'[' * 3000 + ']' * 3000", "is nested 3,000 levels deep, at most 200"),
        ("'{\"a\":' * 40_000 + '1' + '}' * 40_000", "is nested 40,000 levels deep, at most 200"),
        ("'[1, ' + '9' * 6000 + ']'", "holds an integer of 6,000 digits, at most 4,300"),
    ],
)
def test_json_beyond_the_limits_fails_with_its_measure_whether_python_can_read_it_or_not(context, printed, what):
    with pytest.raises(ResultError, match=what):
        encode_result(run(f"{shlex.quote(sys.executable)} -c {shlex.quote(f'print({printed})')}", context))


@pytest.mark.parametrize("stream", [1, 2])
def test_a_secret_across_the_place_where_prints_are_cut_leaves_nothing_in_the_log(context, capsys, stream):
    run(f"{{{{ {CUT_SECRET}; }}}} >&{stream}", context)

    (printed,) = capsys.readouterr().err.splitlines()
    assert set(printed) == {"x"}


def test_a_secret_across_the_place_where_prints_are_cut_leaves_nothing_in_the_failure(context):
    with pytest.raises(CommandFailedError) as failed:
        run(f"{{{{ {CUT_SECRET}; }}}} >&2; exit 3", context)

    (last,) = failed.value.failure.message.splitlines()[1:]
    assert set(last) == {"x"}


@pytest.mark.parametrize(("command", "row", "key"), [("echo {key}", {}, "a\0b"), ("echo {id}", {"id": "a\0b"}, "a")])
def test_a_nul_character_that_no_command_line_holds_is_named(context, command, row, key, wording: Wording):
    with pytest.raises(ValueError, match="NUL") as refused:
        run(command, replace(context, key=key), row)
    names(refused, "NUL")
    wording(refused)


def test_a_row_without_a_key_is_named_by_its_place(context):
    assert run("echo {key}", replace(context, key=None)) == 4
