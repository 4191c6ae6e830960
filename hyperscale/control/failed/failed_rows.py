"""The rows of a run that failed, one by one: from failures.csv once it is collected, from the ledger before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.ledger import DamagedPartError
from hyperscale.node.collecting.failure_table import COLUMNS
from hyperscale.node.collecting.ledger_reader import part_lines
from hyperscale.node.collecting.outcome_lines import read_outcome
from hyperscale.node.collecting.spreadsheet_text import raw_text
from hyperscale.node.reading.cells import CONVERSIONS, CellError
from hyperscale.node.reading.csv_rows import csv_reader
from hyperscale.node.storing.stores import MissingBlobError, Store
from hyperscale.row_set import RowSet

_OURS = len(COLUMNS)


@dataclass(frozen=True)
class FailedRow:
    """One row that failed for good.

    Attributes:
        row_index: of the row.
        attempts: that it had.
        consumer: which had the last one.
        failure: of that attempt, as the ledger holds it.
        key: of the row; None when it has none, or nobody knows it here.
        values: of the input, by column; None when nobody knows them here.
    """

    row_index: int
    attempts: int
    consumer: str
    failure: Mapping[str, Any]
    key: str | None = None
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FailureTable:
    """The failed rows in a failures.csv; they can be read more than once.

    Attributes:
        file: the table.
        types: of the input's columns.
        has_keys: whether rows have keys.
    """

    file: Path
    types: Mapping[str, str]
    has_keys: bool

    def __iter__(self) -> Iterator[FailedRow]:
        """Yield them, in order of rows."""
        with self.file.open(encoding="utf-8", newline="") as text:
            lines = csv_reader(text)
            columns = [raw_text(name) for name in next(lines, [])][_OURS:]
            for line in lines:
                yield self._row(list(map(raw_text, line)), columns)

    def _row(self, cells: Sequence[str], columns: Sequence[str]) -> FailedRow:
        told = dict(zip((column.name for column in COLUMNS), cells[:_OURS], strict=True))
        failure = {
            **{name: told[name] for name in ("kind", "type", "message")},
            "frames": told["frames"].split("\n") if told["frames"] else [],
            "exit_code": _number(told["exit_code"]),
            "signal": _number(told["signal"]),
            "last_output": told["last_output"] or None,
        }
        values = {name: _typed(text, self.types.get(name)) for name, text in zip(columns, cells[_OURS:], strict=True)}
        key = told["key"] if self.has_keys else None
        return FailedRow(int(told["row_index"]), int(told["attempts"]), told["consumer"], failure, key, values)


@dataclass(frozen=True)
class FailuresInLedger:
    """The failed rows in some parts of a ledger; each is named once; they can be read more than once.

    Attributes:
        store: of the run.
        parts: names of them.
        rows: of the run, where they are known: a line of another row counts for nothing.
    """

    store: Store
    parts: Sequence[str]
    rows: range | RowSet | None = None

    def __iter__(self) -> Iterator[FailedRow]:
        """Yield them, in the order of parts.

        Raises:
            AzureError, HyperscaleError: when the store cannot be asked: an outage is not a part without failures.
        """
        seen: set[int] = set()
        for name in self.parts:
            for row_index, line in _failed_lines(self.store, name):
                if row_index not in seen and (self.rows is None or row_index in self.rows):
                    seen.add(row_index)
                    told = read_outcome(line)
                    yield FailedRow(row_index, told["attempts"], told["consumer"], told.get("failure") or {})


def _failed_lines(store: Store, name: str) -> Iterable[tuple[int, bytes]]:
    try:
        return [(row_index, line) for row_index, succeeded, line in part_lines(store, name) if not succeeded]
    except (DamagedPartError, MissingBlobError):
        return ()  # teardown will say what is wrong with it: a look must not end because of one part


def _number(text: str) -> int | None:
    return int(text) if text else None


def _typed(text: str, kind: str | None) -> Any:
    """Return the value of a cell; the text itself where it is not of the column's type."""
    if kind is not None and kind.startswith("decimal"):  # integers beside floats, each written as it was
        return (int(text) if text.lstrip("-").isdecimal() else float(text)) if text else None
    convert = CONVERSIONS.get(kind or "")
    try:
        return convert(text) if convert else text
    except CellError:
        return text or None
