"""Reads the rows of a file with one JSON object a line, and names the line of each that is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.collecting.result_columns import kind_of, types_of
from hyperscale.node.reading.cells import CellError
from hyperscale.node.reading.compressed import open_bytes, why_unreadable
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems, with_good_keys

#: Longer lines are refused: most often the file is one large document, and has no lines.
MAX_LINE_BYTES = 64 * 1024 * 1024
#: JSON writes a character beyond the first 65,536 as two of these; cut apart, neither is one, and no file takes it.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class JsonRows(Rows):
    """The rows of one file: UTF-8, an object a line; blank lines are no rows.

    Columns are the names of all objects in the order in which they come up; a row that lacks one has None there.
    The file is read twice: first for them, then for the rows.
    """

    def __init__(self, source: Input, path: Path) -> None:
        """Find the columns of the file at `path`; `source.jsonl` names it in messages.

        Raises:
            ExperimentError: when there is no such file.
        """
        self._path, self._file, self._limit, self._key = path, str(source.jsonl), source.limit, source.key
        self.columns, self.types = self._read_columns()
        problems = column_problems(source, self.columns, self._file) if self.columns else []
        if problems:
            raise ExperimentError(f"the input {self._file} cannot be read", problems=problems)

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield batches of at most `size` rows; a file that cannot be read further is reported, and ends them."""
        rows: list[list[Any]] = []
        lines: list[int] = []
        for number, found in self._objects(report):
            rows.append([found.get(column) for column in self.columns])
            lines.append(number)
            if len(rows) == size:
                yield with_good_keys(Batch(rows, lines), self.columns, self._key, self._file, report)
                rows, lines = [], []
        if rows:
            yield with_good_keys(Batch(rows, lines), self.columns, self._key, self._file, report)

    def _read_columns(self) -> tuple[tuple[str, ...], dict[str, str]]:
        kinds: dict[str, set[str]] = {}
        for _, found in self._objects(_nothing):
            for name, value in found.items():
                seen = kinds.setdefault(name, set())
                kind = kind_of(value)
                if kind is not None:
                    seen.add(kind)
        return tuple(kinds), types_of(kinds, (found for _, found in self._objects(_nothing)))

    def _objects(self, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield line and object of each row, at most `input.limit` rows, bad ones included in that count."""
        left = self._limit
        for number, line in self._lines(report):
            if left == 0:
                return
            if not line.strip():
                continue
            left = None if left is None else left - 1
            found = self._object(number, line, report)
            if found is not None:
                yield number, found

    def _lines(self, report: Report) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with open_bytes(self._path) as stream:
                while line := stream.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    if len(line) > MAX_LINE_BYTES:
                        what = (
                            f"the line is longer than {MAX_LINE_BYTES // 1024**2} MiB, expected one JSON object a line"
                        )
                        report(Problem(self._file, number, 0, "", what))
                        return
                    yield number, line.rstrip(b"\r\n")
        except FileNotFoundError as error:
            raise ExperimentError(f"the input {self._file} cannot be read: the file does not exist") from error
        except OSError as error:
            report(Problem(self._file, number + 1, 0, "", why_unreadable(error)))

    def _object(self, number: int, line: bytes, report: Report) -> dict[str, Any] | None:
        try:
            found = _parsed(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 0
            report(Problem(self._file, number, column, "", _why_wrong(error)))
            return None
        if not isinstance(found, dict):
            what = f'is {_named(found)}, expected an object such as {{"id": 1}}'
            report(Problem(self._file, number, 0, "", what))
            return None
        return found


def _parsed(line: bytes) -> Any:
    found = json.loads(line.decode(), parse_constant=_refuse, parse_float=_finite)
    if _HALF.search(line):
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _why_wrong(error: ValueError | RecursionError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{error.object[error.start]:02x} is not UTF-8 text"
    if isinstance(error, UnicodeEncodeError):
        return f"\\u{ord(error.object[error.start]):04x} is half of a character, the other half is missing"
    if isinstance(error, CellError):
        return str(error)
    if "int_max_str_digits" in str(error):  # Python's own words are about a setting of it
        return "holds an integer of more than 4,300 digits; write it as text"
    return f"is not JSON: {error.msg if isinstance(error, json.JSONDecodeError) else error}"


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON; write null")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise CellError(f"{text} is not a number of 64 bits")
    return value


def _named(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "a list", str: "text", bool: "a truth value"}.get(type(value), "a number")


def _nothing(_: Problem) -> None:
    """Pass over a problem: the second reading tells it."""
