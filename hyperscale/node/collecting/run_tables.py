"""The tables of one run side by side: results, failures and the job log, each row written once, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.experiment import Input, NodeExperiment
from hyperscale.ledger import SUCCEEDED
from hyperscale.node.collecting import failure_table
from hyperscale.node.collecting.failure_groups import FailureGroups
from hyperscale.node.collecting.joblog import JobLog
from hyperscale.node.collecting.result_columns import Column, cell, placed, rows_of
from hyperscale.node.collecting.result_files import CsvFile, ParquetFile, TableFile
from hyperscale.node.control import SeedRecord
from hyperscale.node.reading.grouped_rows import group_key
from hyperscale.row_key import key_text

RESERVED = (
    Column("row_index", "integer"),
    Column("key", "string"),
    Column("outcome", "string"),
    Column("attempts", "integer"),
    Column("seconds", "number"),
    Column("consumer", "string"),
)
_RESERVED_NAMES = [column.name for column in RESERVED]
#: Rows are written so many at a time, or sooner when their ledger lines take this many bytes.
CHUNK_ROWS, CHUNK_BYTES = 16_384, 16 * 1024 * 1024
_FORMATS: dict[str, tuple[str, type[ParquetFile] | type[CsvFile]]] = {
    "parquet": (blobs.RESULTS_PARQUET, ParquetFile),
    "csv": (blobs.RESULTS_CSV, CsvFile),
}


class RunTables:
    """Writes the tables of a run into a folder.

    Attributes:
        names: of the files.
        groups: the failed rows by reason.
    """

    def __init__(self, folder: Path, seed: SeedRecord, experiment: NodeExperiment, results: Sequence[Column]) -> None:
        """Open the files; `results` are the columns that activities returned."""
        formats = [_FORMATS[name] for name in experiment.output.format]
        inputs = tuple(Column(name, seed.types.get(name, "string")) for name in seed.columns)
        self._result_kinds = [(column.name, column.type) for column in results]
        self._inputs = inputs
        self._key_of = key_of(experiment.input, seed.columns)
        self._include_input = experiment.output.include_input
        columns = _result_table(inputs, results, include_input=self._include_input)
        self._tables = [_Chunks(file(folder / name, columns)) for name, file in formats]
        failures = failure_table.COLUMNS + _beside(failure_table.COLUMNS, inputs)
        self._failures = _Chunks(CsvFile(folder / blobs.FAILURES_CSV, failures))
        self._log = JobLog(folder / blobs.JOBLOG, _activity_name(experiment))
        self.names = (*(name for name, _ in formats), blobs.FAILURES_CSV, blobs.JOBLOG)
        self.groups = FailureGroups()

    def add(self, outcome: dict[str, Any], values: Sequence[Any], size_bytes: int) -> None:
        """Write one row.

        Args:
            outcome: its ledger line.
            values: of the input's columns.
            size_bytes: about what the outcome takes.
        """
        key = self._key_of(values)
        self._log.add(outcome, key)
        if outcome["outcome"] != SUCCEEDED:
            failure = outcome.get("failure") or {}
            signature = self.groups.add(outcome["row_index"], failure)
            told = failure_table.failure_row(outcome, key, signature)
            self._failures.add(told + self._input_cells(values), size_bytes)
        head = [key if name == "key" else outcome[name] for name in _RESERVED_NAMES]
        if self._include_input:
            head += self._input_cells(values)
        for row in rows_of(outcome.get("result")):
            found = head + [cell(row.get(name), kind) for name, kind in self._result_kinds]
            for table in self._tables:
                table.add(found, size_bytes)

    def _input_cells(self, values: Sequence[Any]) -> list[Any]:
        return [cell(value, column.type) for value, column in zip(values, self._inputs, strict=True)]

    def close(self) -> None:
        """End the files: until then they cannot be read."""
        for table in (*self._tables, self._failures):
            table.close()
        self._log.close()


class _Chunks:
    """A table file that is written in chunks, which depend on its rows alone."""

    def __init__(self, file: TableFile) -> None:
        self._file = file
        self._rows: list[Sequence[Any]] = []
        self._size_bytes = 0

    def add(self, row: Sequence[Any], size_bytes: int) -> None:
        self._rows.append(row)
        self._size_bytes += size_bytes
        if len(self._rows) >= CHUNK_ROWS or self._size_bytes >= CHUNK_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write(self._rows)
        self._rows, self._size_bytes = [], 0


def _beside(left: Sequence[Column], inputs: Sequence[Column]) -> tuple[Column, ...]:
    """Return the input columns under names that stand beside those of `left`."""
    names = placed([column.name for column in inputs], "input_", [column.name for column in left])
    return tuple(Column(name, column.type) for name, column in zip(names, inputs, strict=True))


def _result_table(inputs: Sequence[Column], results: Sequence[Column], *, include_input: bool) -> tuple[Column, ...]:
    """Return all columns of the table of results; a result's name is the same with and without the input."""
    beside = _beside(RESERVED, inputs)
    taken = {column.name for column in (*RESERVED, *inputs, *beside)}
    names = placed([column.name for column in results], "result_", taken)
    own = tuple(Column(name, column.type) for name, column in zip(names, results, strict=True))
    return RESERVED + (beside if include_input else ()) + own


def key_of(source: Input, columns: Sequence[str]) -> Callable[[Sequence[Any]], str | None]:
    """Return what names a row by its values: those of a group but for its number of records, or its key."""
    if source.group_by:
        return lambda values: group_key(tuple(values[:-1]))
    if source.key is None:
        return lambda _: None
    column = columns.index(source.key)
    return lambda values: key_text(values[column])


def _activity_name(experiment: NodeExperiment) -> str:
    activity = experiment.activity
    return activity.entry or activity.command or activity.parallel_script or ""
