"""Reads the rows of a CSV file in a stream, and names the line of each that is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.cells import CONVERSIONS, CellError
from hyperscale.node.reading.compressed import open_bytes, why_unreadable
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems, duplicate_problems, listed

#: A longer cell fits no row (MAX_ROW_BYTES); most often a quotation mark is not closed. Python's own bound is 128 KiB.
MAX_CELL_CHARACTERS = 64 * 1024 * 1024
#: How files begin that are something else, whatever their names say.
_OTHER_FILES: Mapping[bytes, str] = MappingProxyType(
    {
        b"PK\x03\x04": "is a ZIP archive, as Excel workbooks (.xlsx) are, and no CSV; save the sheet as CSV UTF-8",
        b"\xd0\xcf\x11\xe0": "is an Excel workbook (.xls), and no CSV; save the sheet as CSV UTF-8",
        b"PAR1": "is a Parquet file, and no CSV; name it in input.parquet",
        b"\x1f\x8b": "is compressed with gzip; let its name end with .gz",
        b"\x28\xb5\x2f\xfd": "is compressed with zstd; let its name end with .zst",
    }
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: What ends the reading of a file early.
_ReadingError = csv.Error | UnicodeDecodeError | OSError
_LOOKS_LIKE_UTF_16 = "is not UTF-8 text (it looks like UTF-16); save the file as UTF-8"


class CsvRows(Rows):
    """The rows of one CSV file: UTF-8, commas, one header line; blank lines are no rows."""

    def __init__(self, source: Input, path: Path) -> None:
        """Read the header of the file at `path`; `source.csv` names it in messages.

        Raises:
            ExperimentError: when there is no such file, or its header cannot be used.
        """
        self._path = path
        self._file = str(source.csv)
        self._limit = source.limit
        self.columns = self._read_header()
        problems = _header_problems(self.columns, self._file) or column_problems(source, self.columns, self._file)
        if problems:
            raise _cannot_read(self._file, problems)
        self.types = {column: source.columns.get(column, "string") for column in self.columns}
        self._conversions = [
            (index, CONVERSIONS[kind]) for index, kind in enumerate(self.types.values()) if kind in CONVERSIONS
        ]

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield batches of at most `size` rows; a file that cannot be read further is reported, and ends them."""
        with self._open() as stream:
            reader = csv_reader(stream, strict=True)
            next(reader)
            left = self._limit
            while left is None or left > 0:
                wanted = size if left is None else min(size, left)
                first_line = reader.line_num + 1
                records: list[list[Any]] = []
                error = _extend(records, islice(reader, wanted))
                batch = _without_blanks(records, _lines(records, first_line, reader.line_num))
                left = None if left is None else left - len(batch.rows)
                if records:
                    yield self._good_rows(batch, report)
                if error is not None:
                    report(self._unreadable(error, first_line + _line_count(records), reader.line_num))
                if error is not None or len(records) < wanted:
                    return

    def _good_rows(self, batch: Batch, report: Report) -> Batch:
        """Convert the cells of `batch`; return it without the rows that are wrong."""
        problems: dict[int, list[Problem]] = {}
        for number, column, message in (*self._ragged(batch.rows), *self._converted(batch.rows)):
            problem = Problem(self._file, batch.lines[number], 0, column, message)
            problems.setdefault(number, []).append(problem)
        if not problems:
            return batch
        for number in sorted(problems):
            for problem in problems[number]:
                report(problem)
        good = [number for number in range(len(batch.rows)) if number not in problems]
        return Batch([batch.rows[number] for number in good], [batch.lines[number] for number in good])

    def _ragged(self, rows: list[list[Any]]) -> Iterator[tuple[int, str, str]]:
        """Yield number, "" and message of each row that is too short or too long."""
        width = len(self.columns)
        if set(map(len, rows)) <= {width}:
            return
        expected = f"expected {width} ({listed(self.columns)})"
        for number, row in enumerate(rows):
            if len(row) != width:
                yield number, "", f"has {'1 cell' if len(row) == 1 else f'{len(row)} cells'}, {expected}"

    def _converted(self, rows: list[list[Any]]) -> Iterator[tuple[int, str, str]]:
        """Convert the cells of `rows` in place; yield number, column and message of each that cannot be."""
        width = len(self.columns)
        for index, convert in self._conversions:
            for number, row in enumerate(rows):
                if len(row) == width:
                    try:
                        row[index] = convert(row[index])
                    except CellError as error:
                        yield number, self.columns[index], str(error)

    def _read_header(self) -> tuple[str, ...]:
        with self._open() as stream:
            reader = csv_reader(stream, strict=True)
            records: list[list[str]] = []
            error = _extend(records, islice(reader, 1))
            if error is not None:
                raise _cannot_read(self._file, [self._unreadable(error, 1, reader.line_num)])
        if not records:
            problem = Problem(self._file, 0, 0, "", "the file is empty, expected a header line with column names")
            raise _cannot_read(self._file, [problem])
        return tuple(records[0])

    def _open(self) -> io.TextIOWrapper:
        try:
            stream = open_bytes(self._path)
            begin = stream.peek(max(map(len, _OTHER_FILES)))
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            message = "the file does not exist" if missing else f"cannot be read: {error.strerror or error}"
            raise _cannot_read(self._file, [Problem(self._file, 0, 0, "", message)]) from error
        for mark, message in _OTHER_FILES.items():
            if begin.startswith(mark):
                stream.close()
                raise _cannot_read(self._file, [Problem(self._file, 0, 0, "", message)])
        # Python's utf-8-sig decodes in Python; skipping the mark here leaves decoding to C.
        if stream.peek(len(_BYTE_ORDER_MARK)).startswith(_BYTE_ORDER_MARK):
            stream.read(len(_BYTE_ORDER_MARK))
        return io.TextIOWrapper(stream, encoding="utf-8", newline="")

    def _unreadable(self, error: _ReadingError, record_line: int, line: int) -> Problem:
        """Return why reading stopped in the record that begins in `record_line`, having come to `line`."""
        if isinstance(error, UnicodeDecodeError):
            return self._undecodable()
        if isinstance(error, OSError):
            return Problem(self._file, line + 1, 0, "", why_unreadable(error))
        said = str(error)
        if "unexpected end of data" in said or "field limit" in said:
            message = 'a quotation mark (") is opened here and not closed'
            return Problem(self._file, record_line, 0, "", message)
        if "expected after" in said:
            message = 'a comma is missing after a closing quotation mark (write "" for one inside a cell)'
            return Problem(self._file, line, 0, "", message)
        if "NUL" in said:  # Python 3.10; later ones read it as a character
            return Problem(self._file, line, 0, "", _LOOKS_LIKE_UTF_16)
        return Problem(self._file, line, 0, "", f"is not CSV: {said}")

    def _undecodable(self) -> Problem:
        """Return the problem of the first line that is not UTF-8; the decoder itself reads ahead of the lines."""
        with open_bytes(self._path) as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as error:
                    wrong = f"byte 0x{line[error.start]:02x} is not UTF-8 text"
                    guess = "UTF-16" if line.startswith((b"\xff\xfe", b"\xfe\xff")) else "Latin-1"
                    message = f"{wrong} (it may be {guess}); save the file as UTF-8"
                    return Problem(self._file, number, 0, "", message)
        return Problem(self._file, 0, 0, "", "is not UTF-8 text")


def csv_reader(stream: io.TextIOBase, *, strict: bool = False) -> Any:
    """Return a csv.reader of `stream` whose cells may have MAX_CELL_CHARACTERS.

    All that reads CSV here asks for it: Python has one bound for the whole process, and what two places set differently
    would hold for whoever came last. A higher one, of a notebook say, stays.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    return csv.reader(stream, strict=strict)


def _extend(records: list[list[Any]], more: Iterator[list[Any]]) -> _ReadingError | None:
    """Append `more`; return the error that ended it early, with what came before it appended."""
    try:
        records.extend(more)
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        return error
    return None


def _lines(records: list[list[str]], first: int, last: int) -> Sequence[int]:
    """Return the line in which each of `records` begins: they fill the lines from `first` to `last`."""
    if last - first + 1 == len(records):
        return range(first, last + 1)
    heights = [_height(record) for record in records]
    return list(accumulate(heights, initial=first))[:-1]


def _line_count(records: list[list[Any]]) -> int:
    return sum(_height(record) for record in records)


def _height(record: list[Any]) -> int:
    """Return how many lines `record` fills: one, and one for each line break in its cells."""
    breaks = 0
    for cell in record:
        if isinstance(cell, str):
            breaks += cell.count("\n") + cell.count("\r") - cell.count("\r\n")
    return 1 + breaks


def _without_blanks(records: list[list[Any]], lines: Sequence[int]) -> Batch:
    if [] not in records:
        return Batch(records, lines)
    kept = [(record, line) for record, line in zip(records, lines, strict=True) if record]
    return Batch([record for record, _ in kept], [line for _, line in kept])


def _header_problems(columns: Sequence[str], file: str) -> list[Problem]:
    if not any(name.strip() for name in columns):
        return [Problem(file, 1, 0, "", "the first line is blank, expected column names")]
    if any("\0" in name for name in columns):
        return [Problem(file, 1, 0, "", _LOOKS_LIKE_UTF_16)]
    unnamed = [index for index, name in enumerate(columns, start=1) if not name.strip()]
    problems = [Problem(file, 1, 0, "", f"column {index} has no name") for index in unnamed]
    return problems + duplicate_problems(columns, file, 1)


def _cannot_read(file: str, problems: list[Problem]) -> ExperimentError:
    return ExperimentError(f"the input {file} cannot be read", problems=problems)
