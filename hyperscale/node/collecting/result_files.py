"""Writes tables to files, some rows at a time: parquet by row groups, CSV as in RFC 4180; and reads the CSV again.

The same rows give the same bytes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from hyperscale.node.collecting.result_columns import DECIMAL_DIGITS, Column, Numbers, decimal_scale, text_of
from hyperscale.node.collecting.spreadsheet_text import cell_text, raw_text

#: The csv module writes the other types as we do: nan and True are NaN and true in our tables.
_NOT_AS_PYTHON_WRITES = ("number", "boolean")
#: An integer as text, and one that a float may not hold.
_INTEGER, _LONG_INTEGER = re.compile("-?[0-9]+", re.ASCII), "^-?[0-9]{16,}$"


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
        self._schema = pa.schema([(column.name, _arrow_type(column.type)) for column in columns])
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add a row group."""
        values = zip(*rows, strict=True)
        arrays = [_array(column, field.type) for column, field in zip(values, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def _arrow_type(kind: str) -> pa.DataType:
    scale = decimal_scale(kind)
    if scale is not None:
        return pa.decimal128(DECIMAL_DIGITS, scale)
    return {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}[kind]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        values = [None if value is None else Decimal(repr(value)) for value in values]
    return pa.array(values, kind)


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


def read_csv(file: Path) -> pa.Table:
    """Return the table of a CSV file, its types guessed; what kept text from being a formula is taken off."""
    import pyarrow.csv as pa_csv

    # Without this, a text with line breaks that stands across two blocks of the file cannot be read.
    options = pa_csv.ParseOptions(newlines_in_values=True)
    table = pa_csv.read_csv(file, parse_options=options)
    floats = [name for name, kind in zip(table.column_names, table.schema.types, strict=True) if kind == "double"]
    if floats:
        as_text = dict.fromkeys(floats, pa.string())
        conversion = pa_csv.ConvertOptions(include_columns=floats, column_types=as_text)
        texts = pa_csv.read_csv(file, parse_options=options, convert_options=conversion)
        for name in floats:
            place = table.column_names.index(name)
            table = table.set_column(place, name, _all_digits(texts[name], table[name]))
    columns = [
        column if not pa.types.is_string(column.type) else [text and raw_text(text) for text in column.to_pylist()]
        for column in table.columns
    ]
    return pa.table(columns, names=list(map(raw_text, table.column_names)))


def _all_digits(texts: pa.ChunkedArray, floats: pa.ChunkedArray) -> Any:
    """Return the numbers of a column of a CSV file, whose `texts` were taken for `floats`, with all of their digits."""
    import pyarrow.compute as pa_compute

    if not pa_compute.any(pa_compute.match_substring_regex(texts, _LONG_INTEGER)).as_py():
        return floats
    found = [None if value is None else text for text, value in zip(texts.to_pylist(), floats.to_pylist(), strict=True)]
    numbers = Numbers()
    for text in found:
        numbers.see(None if text is None else int(text) if _INTEGER.fullmatch(text) else float(text))
    if numbers.type == "number":
        return floats
    scale = decimal_scale(numbers.type)
    if scale is None:
        return pa.array(found, pa.string())
    decimals = [None if text is None else Decimal(text) for text in found]
    return pa.array(decimals, pa.decimal128(DECIMAL_DIGITS, scale))
