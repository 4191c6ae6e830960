"""What `--where` means."""

from __future__ import annotations

from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.errors import ExperimentError
from hyperscale.where import read_where


@pytest.mark.parametrize(
    ("conditions", "meant"),
    [
        ([], [0, 5, 100, 300]),
        (["rows=5"], [5]),
        (["rows=0-5"], [0, 5]),
        (["rows=100-200,300"], [100, 300]),
        (["rows=0", "rows = 300"], [0, 300]),
    ],
)
def test_ranges_hold_both_of_their_ends(conditions: list[str], meant: list[int]) -> None:
    rows = read_where(conditions).rows_in_ranges(301)

    assert [index for index in (0, 5, 100, 300) if index in rows] == meant


@pytest.mark.parametrize(
    ("conditions", "meant"),
    [
        ([], [(0, "a"), (1, "b"), (2, None)]),
        (["rows=1-2"], [(1, "b"), (2, None)]),
        (["key=a"], [(0, "a")]),
        (["key=a", "key=b", "rows=1"], [(1, "b")]),
    ],
)
def test_a_row_is_known_by_its_index_and_its_key(conditions: list[str], meant: list[tuple[int, str | None]]) -> None:
    where = read_where(conditions)

    assert [row for row in [(0, "a"), (1, "b"), (2, None)] if where.takes_row(*row)] == meant


def test_a_range_beyond_the_last_row_ends_there() -> None:
    assert read_where(["rows=2-1000000000000"]).rows_in_ranges(5).rows_between(0, 9) == [2, 3, 4]


@pytest.mark.parametrize(
    ("conditions", "failure", "is_meant"),
    [
        ([], {"type": "KeyError", "kind": "raised"}, True),
        (["type=ValueError"], {"type": "ValueError", "kind": "raised"}, True),
        (["type=ValueError"], {"type": "KeyError", "kind": "raised"}, False),
        (["type=ValueError,KeyError"], {"type": "KeyError", "kind": "raised"}, True),
        (["type=ValueError", "type=KeyError"], {"type": "KeyError", "kind": "raised"}, True),
        (["kind=timeout"], {"type": "TimeoutError", "kind": "timeout"}, True),
        (["kind=timeout"], {"type": "TimeoutError", "kind": "raised"}, False),
        (["kind=raised", "type=KeyError"], {"type": "ValueError", "kind": "raised"}, False),
        (["type=KeyError"], {}, False),
        (["signature=ab12cd34"], {"type": "KeyError"}, True),
        (["signature=ab1,ff"], {"type": "KeyError"}, True),
        (["signature=ab12cd35"], {"type": "KeyError"}, False),
        (["signature=ab12", "type=ValueError"], {"type": "KeyError"}, False),
    ],
)
def test_failures_meet_any_of_one_name_and_all_of_different_names(
    conditions: list[str], failure: dict[str, Any], is_meant: bool
) -> None:
    assert read_where(conditions).takes_failure(failure, "ab12cd34") is is_meant


def test_a_key_may_hold_a_comma_an_equals_sign_and_spaces() -> None:
    assert read_where(["key=a,b=c", " key = x "]).keys == {"a,b=c", " x "}


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("typ=ValueError", ("'typ'", "'type'")),
        ("ValueError", ("'ValueError'", "signature, type, kind, rows or key")),
        ("type", "type=VALUE"),
        ("type=", "type=VALUE"),
        ("kind=timeot", "'timeout'"),
        ("kind=ValueError", "raised, exited, killed, timeout, result, poison"),
        ("signature=xy", (8, "0-9", "a-f")),
        ("signature=ab12cd34e", "signature"),
        ("rows=a", "'a'"),
        ("rows=9-3", "'9-3'"),
        ("rows=-3", "'-3'"),
        ("rows=1,,2", "''"),
        ("rows=1-2-3", "'1-2-3'"),
        ("rows=1-", "'1-'"),
        ("rows=\u0661", "'\u0661'"),
        pytest.param("rows=1-" + "7" * 5_000, "row_index", id="long end"),
        pytest.param("rows=" + "0" * 6_000, "row_index", id="long row"),
    ],
)
def test_a_condition_that_cannot_be_read_says_what_was_expected(
    condition: str, parts: object, wording: Wording
) -> None:
    with pytest.raises(ExperimentError) as caught:
        read_where([condition])

    names(caught, "--where", parts)
    wording(caught)
