"""Writes tables to files, some rows at a time: parquet by row groups, CSV as in RFC 4180.

The same rows give the same bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from hyperscale.node.collecting.result_columns import Column, text_of
from hyperscale.node.collecting.spreadsheet_text import cell_text

#: The csv module writes the other types as we do: nan and True are NaN and true in our tables.
_NOT_AS_PYTHON_WRITES = ("number", "boolean")


class TableFile(Protocol):
    """A file that takes a table, some rows at a time."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows whose values have the types of their columns, or are None."""

    def close(self) -> None:
        """End the file: until then it cannot be read."""


class ParquetFile:
    """A parquet file; each `write` is a row group."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        """Open `path`, which is overwritten."""
        types = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add a row group."""
        values = zip(*rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(values, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class CsvFile:
    """A CSV file in UTF-8 with a header; None is empty, and no text is a formula to a spreadsheet."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        """Open `path`, which is overwritten, and write the header."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([cell_text(column.name) for column in columns])
        self._own_texts = [index for index, column in enumerate(columns) if column.type in _NOT_AS_PYTHON_WRITES]
        self._strings = [index for index, column in enumerate(columns) if column.type == "string"]

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        self._writer.writerows(map(self._texts, rows))

    def _texts(self, row: Sequence[Any]) -> Sequence[Any]:
        texts = list(row)
        for index in self._own_texts:
            texts[index] = text_of(row[index])
        for index in self._strings:
            if texts[index]:
                texts[index] = cell_text(texts[index])
        return texts

    def close(self) -> None:
        """Close the file."""
        self._file.close()
