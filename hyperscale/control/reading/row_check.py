"""Reads every row of an input once and keeps what is wrong with the first bad ones, and how many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.reading.positions import dotted
from hyperscale.control.reading.schema_check import RowSchema
from hyperscale.errors import Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.cells import numeric_type
from hyperscale.node.reading.duplicate_keys import KeyIndex, repeat_problems
from hyperscale.node.reading.grouped_rows import GroupBytes
from hyperscale.node.reading.rows import Batch, Rows

#: So many bad rows are told one by one; of the others only the count.
MAX_SHOWN_ROWS = 20
_BATCH_ROWS = 2000
#: Every row is measured up to here, then one in a hundred: the mean of a large input hardly moves any more.
_MEASURED_ROWS = 20_000
_MEASURED_STEP = 100


@dataclass(frozen=True)
class RowCheck:
    """What one pass over all rows found.

    Attributes:
        rows: how many there are, good or bad.
        bad_rows: how many are wrong.
        problems: of the first `MAX_SHOWN_ROWS` bad rows, in the order of the input.
        row_bytes: mean size of a row as a JSON array, in bytes.
        numeric: text columns that hold nothing but numbers, with the type they could have.
        groups: that the rows make, when they do.
    """

    rows: int
    bad_rows: int
    problems: tuple[Problem, ...]
    row_bytes: float
    numeric: dict[str, str]
    groups: GroupBytes | None = None


def check_rows(rows: Rows, source: Input, row_schema: RowSchema | None) -> RowCheck:
    """Return what is wrong with `rows`, the single records of an input, and what they are like.

    Raises:
        BrokenSchemaError: when `row_schema` turns out not to be applicable.
    """
    file = source.place
    bad = _BadRows()
    sizes = _Sizes()
    numbers = _Numbers(rows, source)
    groups = GroupBytes(rows, source.group_by, source.limit) if source.group_by else None
    key = rows.columns.index(source.key) if source.key is not None else None
    count = 0
    with KeyIndex() as keys:
        for batch in rows.checked_batches(_BATCH_ROWS, bad.add):
            count += len(batch.rows) + bad.waiting_rows
            if row_schema is not None:
                bad.add_all(_schema_problems(batch, rows.columns, row_schema, file))
            bad.close_batch()
            sizes.add(batch.rows)
            numbers.add(batch.rows)
            if groups is not None:
                groups.add(batch.rows)
            if key is not None:
                keys.add([row[key] for row in batch.rows])
        count += bad.waiting_rows
        bad.close_batch()
        if source.key is not None:
            repeats, first = keys.duplicates(MAX_SHOWN_ROWS)
            bad.add_all(repeat_problems(rows, source.key, first, file))
            bad.close_batch(others=repeats - len(first))
    if count == 0 and not bad.count:
        bad.add(Problem(file, 0, 0, "", "has a header but no rows" if source.form == "csv" else "has no rows"))
        bad.close_batch()
    return RowCheck(count, bad.count, tuple(bad.problems), sizes.mean, numbers.columns, groups)


class _BadRows:
    """Counts bad rows, and keeps the problems of the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: list[Problem] = []
        self._shown: list[list[Problem]] = []

    @property
    def problems(self) -> list[Problem]:
        return [problem for row in self._shown for problem in row]

    @property
    def waiting_rows(self) -> int:
        return len(_by_row(self._waiting))

    def add(self, problem: Problem) -> None:
        self._waiting.append(problem)

    def add_all(self, problems: Iterable[Problem]) -> None:
        self._waiting.extend(problems)

    def close_batch(self, others: int = 0) -> None:
        """Count the rows that were added since, and `others` of which nothing is known."""
        rows = _by_row(self._waiting)
        self._waiting = []
        self.count += len(rows) + others
        if rows and (len(self._shown) < MAX_SHOWN_ROWS or rows[0][0] < self._shown[-1][0]):
            self._shown = sorted([*self._shown, *rows])[:MAX_SHOWN_ROWS]


def _by_row(problems: list[Problem]) -> list[list[Problem]]:
    """Return the problems of each row, in the order of the input; those without a line are rows of their own."""
    rows: dict[int, list[Problem]] = {}
    for problem in problems:
        rows.setdefault(problem.line or -len(rows) - 1, []).append(problem)
    return sorted(rows.values(), key=lambda row: row[0].line)


class _Sizes:
    """The mean size of rows in a message."""

    def __init__(self) -> None:
        self._bytes = 0
        self._rows = 0
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    @property
    def mean(self) -> float:
        return self._bytes / self._rows if self._rows else 0.0

    def add(self, rows: list[list[Any]]) -> None:
        measured = rows if self._rows < _MEASURED_ROWS else rows[::_MEASURED_STEP]
        self._bytes += sum(len(self._encode(row)) for row in measured)
        self._rows += len(measured)


class _Numbers:
    """Which text columns have held nothing but numbers so far."""

    def __init__(self, rows: Rows, source: Input) -> None:
        kinds = {*source.columns, source.key, *source.group_by}
        self._indices = {name: index for index, name in enumerate(rows.columns) if name not in kinds}
        self._is_csv = source.form == "csv"
        self._kinds: dict[str, str] = {}

    @property
    def columns(self) -> dict[str, str]:
        return {name: self._kinds[name] for name in self._indices if name in self._kinds}

    def add(self, rows: list[list[Any]]) -> None:
        for name, index in list(self._indices.items()) if rows and self._is_csv else ():
            kind = numeric_type([row[index] for row in rows])
            if kind is None:
                del self._indices[name]
            elif self._kinds.get(name) != "number":
                self._kinds[name] = kind


def _schema_problems(batch: Batch, columns: Sequence[str], row_schema: RowSchema, file: str) -> Iterator[Problem]:
    for row, line in zip(batch.rows, batch.lines, strict=True):
        for complaint in row_schema.complaints(dict(zip(columns, row, strict=True))):
            yield Problem(file, line, 0, dotted(complaint.path), complaint.message)
