"""Reads the rows of a Parquet file in a stream, with the types that its columns have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.parquet_values import holds_bytes, reader_of, type_of
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems, duplicate_problems, with_good_keys


class ParquetRows(Rows):
    """The rows of one Parquet file; a row's line is its number in the file, from 1.

    Integers, numbers, truth values, text and nested values keep their kind; the others become text.
    """

    def __init__(self, source: Input, path: Path | IO[bytes]) -> None:
        """Read the schema of the file at `path`, or of an open one; `source.parquet` names it in messages.

        Raises:
            ExperimentError: when there is no such file, it is no Parquet file, or has columns that no row can.
        """
        self._path, self._file, self._limit, self._key = path, str(source.parquet), source.limit, source.key
        schema = self._read_schema()
        self.columns = tuple(schema.names)
        self.types = {field.name: type_of(field.type) for field in schema}
        self._readers = [reader_of(field.type) for field in schema]
        problems = duplicate_problems(self.columns, self._file, 0) + [
            Problem(self._file, 0, 0, "", f"the column {field.name!r} holds bytes, which no message can; leave it out")
            for field in schema
            if holds_bytes(field.type)
        ]
        problems += column_problems(source, self.columns, self._file)
        if problems:
            raise ExperimentError(f"the input {self._file} cannot be read", problems=problems)

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield batches of at most `size` rows; a file that cannot be read further is reported, and ends them."""
        number, left = 1, self._limit
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=size):
                    wanted = batch if left is None else batch[:left]
                    if len(wanted):
                        batch_rows = self._good_rows(wanted, number, report)
                        yield with_good_keys(batch_rows, self.columns, self._key, self._file, report)
                    number += len(wanted)
                    left = None if left is None else left - len(wanted)
                    if left == 0:
                        return
        except (OSError, pa.ArrowException) as error:
            report(Problem(self._file, number, 0, "", f"cannot be read further: {error}"))

    def _good_rows(self, batch: pa.RecordBatch, first: int, report: Report) -> Batch:
        """Return the rows of `batch`, whose lines begin at `first`, without those that are wrong."""
        try:
            columns = [read(column) for read, column in zip(self._readers, batch.columns, strict=True)]
        except ValueError:
            return self._one_by_one(batch, first, report)
        rows = [list(row) for row in zip(*columns, strict=True)]
        return Batch(rows, range(first, first + len(rows)))

    def _one_by_one(self, batch: pa.RecordBatch, first: int, report: Report) -> Batch:
        good: dict[int, list[Any]] = {}
        for number in range(len(batch)):
            row: list[Any] = []
            for name, read, column in zip(self.columns, self._readers, batch.columns, strict=True):
                try:
                    row += read(column[number : number + 1])
                except ValueError as error:
                    report(Problem(self._file, first + number, 0, name, f"cannot be read: {error}"))
            if len(row) == len(self.columns):
                good[first + number] = row
        return Batch(list(good.values()), list(good))

    def _read_schema(self) -> pa.Schema:
        try:
            return pq.read_schema(self._path)
        except FileNotFoundError as error:
            raise ExperimentError(f"the input {self._file} cannot be read: the file does not exist") from error
        except (OSError, pa.ArrowException) as error:
            problem = Problem(self._file, 0, 0, "", "is not a Parquet file")
            raise ExperimentError(f"the input {self._file} cannot be read", problems=[problem]) from error


@dataclass(frozen=True)
class Footer:
    """What the end of a Parquet file says.

    Attributes:
        columns: names, in order.
        rows: how many.
        row_bytes: mean size of a row's values, encoded and not compressed, in bytes.
    """

    columns: tuple[str, ...]
    rows: int
    row_bytes: float


def read_footer(source: Input, file: IO[bytes]) -> Footer:
    """Return what the footer of the open `file` says; no row is read.

    Raises:
        ExperimentError: as ParquetRows does.
    """
    columns = ParquetRows(source, file).columns
    file.seek(0)
    metadata = pq.read_metadata(file)
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return Footer(columns, metadata.num_rows, size / metadata.num_rows if metadata.num_rows else 0.0)
