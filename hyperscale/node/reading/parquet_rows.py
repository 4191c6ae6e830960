"""Reads the rows of a Parquet file in a stream, with the types that its columns have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems


class ParquetRows(Rows):
    """The rows of one Parquet file; a row's line is its number in the file, from 1.

    Integers, numbers, truth values, text and nested values keep their kind; dates and times become ISO 8601 text,
    decimals their digits; NaN and infinities, which JSON has not, become None as missing values do.
    """

    def __init__(self, source: Input, path: Path | IO[bytes]) -> None:
        """Read the schema of the file at `path`, or of an open one; `source.parquet` names it in messages.

        Raises:
            ExperimentError: when there is no such file, it is no Parquet file, or has columns of bytes.
        """
        self._path, self._file, self._limit = path, str(source.parquet), source.limit
        schema = self._read_schema()
        self.columns = tuple(schema.names)
        self.types = {field.name: _type_of(field.type) for field in schema}
        self._plain = [_plain_of(field.type) for field in schema]
        problems = [
            Problem(self._file, 0, 0, "", f"the column {field.name!r} holds bytes, which no message can; leave it out")
            for field in schema
            if _holds_bytes(field.type)
        ] + column_problems(source, self.columns, self._file)
        if problems:
            raise ExperimentError(f"the input {self._file} cannot be read", problems=problems)

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield batches of at most `size` rows; a file that cannot be read further is reported, and ends them."""
        number, left = 1, self._limit
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=size):
                    rows = self._rows(batch)[: len(batch) if left is None else left]
                    if rows:
                        yield Batch(rows, range(number, number + len(rows)))
                    number += len(rows)
                    left = None if left is None else left - len(rows)
                    if left == 0:
                        return
        except (OSError, pa.ArrowException) as error:
            report(Problem(self._file, number, 0, "", f"cannot be read further: {error}"))

    def _rows(self, batch: pa.RecordBatch) -> list[list[Any]]:
        columns = [
            values if plain is None else list(map(plain, values))
            for values, plain in zip((column.to_pylist() for column in batch.columns), self._plain, strict=True)
        ]
        return [list(row) for row in zip(*columns, strict=True)]

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


def _type_of(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    return "boolean" if pa.types.is_boolean(kind) else "string"


def _plain_of(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """Return what makes plain values of a column's; None where they are plain."""
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return None
    return _plain


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _holds_bytes(kind: pa.DataType) -> bool:
    inner = [kind.field(number).type for number in range(kind.num_fields)]
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return is_bytes or any(map(_holds_bytes, inner))
