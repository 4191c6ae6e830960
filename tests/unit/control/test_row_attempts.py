"""What is known of each attempt of a row, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.control.failed.log_lines import log_lines, raw_output
from hyperscale.control.failed.logs_of import LogsOfRows
from hyperscale.control.failed.row_attempts import RowLog, row_log

WHY = {"kind": "raised", "type": "ValueError", "message": "no", "frames": ["a.py:1 f: raise"], "last_output": "hello\n"}


def failed(attempt: int, at: float = 100.0) -> dict[str, Any]:
    return {"row_index": 7, "attempt": attempt, "worker": 1, "started_at": at, "seconds": 0.5, "failure": WHY}


def printed(attempt: int, output: str) -> dict[str, Any]:
    return {"row_index": 7, "attempt": attempt, "worker": 1, "output": output}


def line(attempts: int, outcome: str, at: float = 200.0) -> dict[str, Any]:
    failure = {"failure": WHY} if outcome == "failed" else {"result": 1}
    times = {"started_at": at, "seconds": 0.25}
    return {"row_index": 7, "attempts": attempts, "outcome": outcome, "worker": 0, **times, **failure}


def told(row: RowLog, kept: str = "failed", *, is_over: bool = True) -> str:
    return "\n".join(log_lines(LogsOfRows((row,), kept, {"c-1": "node-5"}, {"c-1": "job-9"}, is_over)))


def test_records_and_the_line_of_the_ledger_are_put_together_by_attempt() -> None:
    records = [("c-1", printed(1, "one")), ("c-1", failed(1)), ("c-2", printed(2, "two")), ("c-2", failed(2, 150.0))]

    row = row_log(7, "k7", records, [("c-2", line(2, "failed"))])

    assert row.outcome == "failed"
    assert [(a.number, a.consumer, a.output, a.outcome, a.decides) for a in row.attempts] == [
        (1, "c-1", "one", "failed", False),
        (2, "c-2", "two", "failed", True),
    ]
    assert row.attempts[1].started_at == 200.0


def test_an_attempt_that_a_lost_consumer_began_stands_beside_the_one_that_counts() -> None:
    row = row_log(7, None, [("c-1", printed(1, "lost"))], [("c-2", line(1, "succeeded"))])

    assert [(a.consumer, a.outcome, a.decides) for a in row.attempts] == [
        ("c-1", "", False),
        ("c-2", "succeeded", True),
    ]


def test_of_two_outcomes_the_one_that_succeeded_decides() -> None:
    row = row_log(7, None, [], [("c-1", line(3, "failed")), ("c-2", line(1, "succeeded"))])

    assert row.outcome == "succeeded"
    assert [a.decides for a in row.attempts] == [True, False]


def test_what_a_call_of_several_rows_printed_is_of_each_of_them_in_its_own_attempt(wording: Wording) -> None:
    together = {"row_index": 6, "row_indices": [6, 7], "attempts": [1, 2], "attempt": 1, "worker": 0, "output": "both"}

    row = row_log(7, None, [("c-1", failed(1)), ("c-1", together)], [])

    assert [(a.number, a.output, a.rows_of_call) for a in row.attempts] == [(1, None, 1), (2, "both", 2)]
    names(told(row), "1 other row", "both")
    wording(told(row))


def test_an_attempt_is_told_with_its_times_its_place_its_reason_and_its_output(wording: Wording) -> None:
    row = row_log(7, "k\x1b7", [("c-1", printed(1, "a\x1b[1mb\r\n")), ("c-1", failed(1))], [])

    wording(told(row, is_over=False))


@pytest.mark.parametrize(
    ("kept", "outcome", "part"),
    [
        ("failed", "succeeded", "output.logs is failed"),
        ("none", "succeeded", "output.logs is none"),
        ("all", "succeeded", "succeeded"),
        ("failed", "failed", "hello"),
    ],
)
def test_where_nothing_is_kept_it_says_why(kept: str, outcome: str, part: str, wording: Wording) -> None:
    text = told(row_log(7, None, [], [("c-1", line(1, outcome))]), kept)

    names(text, part)
    wording(text)


def test_earlier_attempts_of_which_nothing_was_kept_are_counted(wording: Wording) -> None:
    text = told(row_log(7, None, [], [("c-1", line(2, "succeeded"))]), "none")
    names(text, "attempt 1", "output.logs", "attempt 2")
    wording(text)


@pytest.mark.parametrize(("is_over", "words"), [(True, "missing: "), (False, "no outcome yet; ")])
def test_a_row_that_nobody_knows_of_says_so(is_over: bool, words: str) -> None:
    assert told(row_log(7, None, [], []), is_over=is_over).startswith(f"row 7: {words}")


def test_raw_output_is_unchanged() -> None:
    row = row_log(7, None, [("c-1", printed(1, "a\x1b\n")), ("c-1", printed(2, "b"))], [])

    assert raw_output(LogsOfRows((row,), "all", {}, {}, True)) == "a\x1b\nb"
