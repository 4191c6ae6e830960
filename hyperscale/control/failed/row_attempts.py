"""What is known of each attempt of a row: from the ledger, which knows the last one, and from what logs/ kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hyperscale.ledger import SUCCEEDED

#: A line of `logs/`, or of the ledger, with the consumer that wrote it.
Record = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Attempt:
    """One attempt of a row; or, of poison, that a consumer gave the row up without one.

    Attributes:
        number: from 1; of a row that was given up, how many attempts of it had failed before.
        consumer, worker: which had it; worker is -1 when no worker had: the row was given up.
        outcome: succeeded or failed; empty when nobody has written one down.
        started_at: Unix seconds; None when nobody knows.
        seconds: that it took; None when nobody knows.
        failure: why it failed, as the ledger holds it.
        output: what it printed, its middle left out if that was long; None when nothing was kept.
        rows_of_call: with how many rows it shared the call, itself among them: what is printed is of all of them.
        decides: whether its outcome is the row's.
    """

    number: int
    consumer: str
    worker: int
    outcome: str = ""
    started_at: float | None = None
    seconds: float | None = None
    failure: Mapping[str, Any] | None = None
    output: str | None = None
    rows_of_call: int = 1
    decides: bool = False

    @property
    def is_given_up(self) -> bool:
        """Return whether this is no attempt: a consumer gave the row up."""
        return self.worker < 0


@dataclass(frozen=True)
class RowLog:
    """What is known of one row.

    Attributes:
        row_index, key: of the row; key is None when it has none, or nobody knows it here.
        attempts: in order; that the row was given up comes last.
    """

    row_index: int
    key: str | None
    attempts: tuple[Attempt, ...]

    @property
    def outcome(self) -> str:
        """Return succeeded or failed; empty while the row has no outcome."""
        return next((attempt.outcome for attempt in self.attempts if attempt.decides), "")


def row_log(row_index: int, key: str | None, records: Iterable[Record], lines: Iterable[Record]) -> RowLog:
    """Return the attempts of a row.

    Args:
        row_index: of the row.
        key: of the row.
        records: of `logs/` that speak of it; those of a call of several rows speak of all of them.
        lines: of the ledger; of several, the one that succeeded decides, else the first.
    """
    found: dict[tuple[int, str, bool], Attempt] = {}

    def attempt_of(consumer: str, number: int, worker: int) -> Attempt:
        return found.get((number, consumer, worker < 0)) or Attempt(number, consumer, worker)

    for consumer, record in records:
        number, rows = _number(record, row_index)
        attempt = attempt_of(consumer, number, record["worker"])
        if "failure" in record:
            times = {"started_at": record["started_at"], "seconds": record["seconds"]}
            attempt = replace(attempt, outcome="failed", failure=record["failure"], **times)
        else:
            attempt = replace(attempt, output=record["output"], rows_of_call=rows)
        found[number, consumer, attempt.is_given_up] = attempt
    deciding = sorted(lines, key=lambda line: line[1]["outcome"] != SUCCEEDED)
    for consumer, line in deciding:
        attempt = attempt_of(consumer, line["attempts"], line["worker"])
        found[line["attempts"], consumer, attempt.is_given_up] = replace(
            attempt,
            outcome=line["outcome"],
            started_at=line["started_at"],
            seconds=line["seconds"],
            failure=line.get("failure"),
            decides=line is deciding[0][1],
        )
    ordered = sorted(
        found.values(), key=lambda attempt: (attempt.is_given_up, attempt.number, attempt.started_at or 0.0)
    )
    return RowLog(row_index, key, tuple(ordered))


def _number(record: Mapping[str, Any], row_index: int) -> tuple[int, int]:
    """Return which attempt of the row a record is about, and how many rows its call had."""
    together = record.get("row_indices") or [row_index]
    numbers = record.get("attempts") or [record["attempt"]] * len(together)
    return int(numbers[together.index(row_index)]), len(together)
