"""Opens the rows of an input, whatever its form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hyperscale.errors import ExperimentError
from hyperscale.experiment import Input
from hyperscale.node.reading.csv_rows import CsvRows
from hyperscale.node.reading.file_rows import FileRows, split_glob
from hyperscale.node.reading.grouped_rows import GroupedRows
from hyperscale.node.reading.json_rows import JsonRows
from hyperscale.node.reading.rows import Rows
from hyperscale.node.reading.sweep_rows import SweepRows

__all__ = ["Rows", "content_hash", "input_hash", "open_rows", "split_glob"]

_READ_BYTES = 1024 * 1024

#: Of `files`: path below the fixed folder, and size in bytes.
Listing = Sequence[tuple[str, int]]


def open_rows(source: Input, path: Path, listed: Listing | None = None) -> Rows:
    """Return the rows of `source`.

    Args:
        source: what experiment.yaml says of the input.
        path: of the file, or of the fixed folder of the pattern of `files` (`split_glob`); a sweep has none.
        listed: of `files`, what was found by somebody who has looked already; the folder need not be there then.

    Raises:
        ExperimentError: when there is nothing to read, or its columns are not those that `source` names.
    """
    if source.group_by:
        return GroupedRows(_open_records(replace(source, limit=None), path, listed), source.group_by, source.limit)
    return _open_records(source, path, listed)


def _open_records(source: Input, path: Path, listed: Listing | None) -> Rows:
    if source.form == "csv":
        return CsvRows(source, path)
    if source.form == "files":
        return FileRows(source, path, listed)
    if source.form == "jsonl":
        return JsonRows(source, path)
    if source.form == "parquet":
        from hyperscale.node.reading.parquet_rows import ParquetRows  # pyarrow takes a while: only who needs it

        return ParquetRows(source, path)
    return SweepRows(source)


def input_hash(source: Input, path: Path, listed: Listing | None = None) -> str:
    """Return the SHA-256 of what `open_rows` reads, hexadecimal; the arguments are the same.

    Of a file it is that of its bytes; of `files`, that of the lines `path<tab>size`, sorted by path; of a
    sweep that of its JSON. Which rows these are depends on `group_by` too: its own hash stands behind that of the
    content, and a hyphen.

    Raises:
        ExperimentError: when there is nothing to read.
    """
    if source.sweep is not None:
        # The order of the columns is that of the rows: keys are not sorted.
        content = hashlib.sha256(json.dumps([source.mode, list(source.sweep.items())]).encode()).hexdigest()
    else:
        content = _listing_hash(source, path, listed) if source.form == "files" else _file_hash(source, path)
    if not source.group_by:
        return content
    return f"{content}-{hashlib.sha256(json.dumps(source.group_by).encode()).hexdigest()}"


def content_hash(digest: str) -> str:
    """Return the part of an `input_hash` that is of the content of the input alone."""
    return digest.partition("-")[0]


def _listing_hash(source: Input, path: Path, listed: Listing | None) -> str:
    digest = hashlib.sha256()
    for name, size in FileRows(source, path, listed).found:
        digest.update(f"{name}\t{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _file_hash(source: Input, path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while content := stream.read(_READ_BYTES):
                digest.update(content)
    except OSError as error:
        raise ExperimentError(f"the input {source.place} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
