"""What `logs --row` says of a row, from the records that its consumers left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperscale.control.failed.log_lines import log_document, log_lines
from hyperscale.control.failed.logs_of import LogsOfRows
from hyperscale.control.failed.row_attempts import RowLog, row_log
from hyperscale.ledger import failed_line
from hyperscale.suspects import poison_failure


def logs_of_one(row: RowLog) -> LogsOfRows:
    return LogsOfRows((row,), "failed", {"c-2": "node-7"}, {"c-2": "step_9"}, True)


def poisoned(attempts: int) -> dict[str, Any]:
    line = failed_line(
        4, attempts=attempts, seconds=0.0, started_at=1_800_000_060.0, consumer="c-2", worker=-1,
        failure=poison_failure().to_document(),
    )  # fmt: skip
    document: dict[str, Any] = json.loads(line)
    return document


def raised(consumer: str) -> tuple[str, dict[str, Any]]:
    failure = {"kind": "raised", "type": "ValueError", "message": "no", "frames": []}
    times = {"started_at": 1_800_000_000.0, "seconds": 0.5}
    return consumer, {"row_index": 4, "attempt": 1, "worker": 0, "failure": failure, **times}


def test_a_poison_row_without_an_attempt_says_why_and_which_consumer_gave_it_up() -> None:
    logs = logs_of_one(row_log(4, "k", [], [("c-2", poisoned(0))]))

    text = "\n".join(log_lines(logs))

    assert text.startswith("row 4 (k): failed, 0 attempts\n  given up, 2027-01-15 08:01:00 UTC\n")
    for word in ("consumer c-2", "node-7", "step_9", "Poison: ", "its consumer was lost"):
        assert word in text
    (told,) = log_document(logs, "run")["rows"][0]["attempts"]
    assert (told["failure"]["kind"], told["consumer"], told["node"]) == ("poison", "c-2", "node-7")


@pytest.mark.parametrize("consumer", ["c-1", "c-2"])
def test_a_poison_row_keeps_the_attempts_that_failed_before(consumer: str) -> None:
    logs = logs_of_one(row_log(4, None, [raised(consumer)], [("c-2", poisoned(1))]))

    lines = log_lines(logs)

    assert lines[0] == "row 4: failed, 1 attempt"
    assert [
        line.strip().partition(" after")[0].partition(",")[0]
        for line in lines
        if line.startswith("  ") and line[2] != " "
    ] == [
        "attempt 1: failed",
        "given up",
    ]
    assert any("ValueError: no" in line for line in lines)
    assert any("Poison: " in line for line in lines)
