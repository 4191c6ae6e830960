"""Opens the rows of an input, whatever its form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hyperscale.errors import ExperimentError
from hyperscale.experiment import Input
from hyperscale.node.csv_rows import CsvRows
from hyperscale.node.file_rows import FileRows, split_glob
from hyperscale.node.json_rows import JsonRows
from hyperscale.node.rows import Rows

__all__ = ["FileRows", "Rows", "input_hash", "listing_hash", "open_rows", "split_glob"]

_READ_BYTES = 1024 * 1024


def open_rows(source: Input, path: Path) -> Rows:
    """Return the rows of `source`.

    Args:
        source: what experiment.yaml says of the input.
        path: of the file, or of the fixed folder of the pattern of `files` (`split_glob`).

    Raises:
        ExperimentError: when there is nothing to read, or its columns are not those that `source` names.
    """
    if source.form == "csv":
        return CsvRows(source, path)
    if source.form == "files":
        return FileRows(source, path)
    if source.form == "jsonl":
        return JsonRows(source, path)
    if source.form == "parquet":
        from hyperscale.node.parquet_rows import ParquetRows  # pyarrow takes a while: only who needs it

        return ParquetRows(source, path)
    raise ExperimentError(f"input.{source.form} is not available yet in this version")


def input_hash(source: Input, path: Path) -> str:
    """Return the SHA-256 of what `open_rows` reads, hexadecimal.

    Of a file it is that of its bytes; of `files`, that of the lines `path<tab>size`, sorted by path.

    Raises:
        ExperimentError: when there is nothing to read.
    """
    if source.form == "files":
        return listing_hash(FileRows(source, path).found)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while content := stream.read(_READ_BYTES):
                digest.update(content)
    except OSError as error:
        raise ExperimentError(f"the input {source.place} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def listing_hash(found: Iterable[tuple[str, int]]) -> str:
    """Return the hash of an input of files: path and size of each, sorted by path."""
    digest = hashlib.sha256()
    for name, size in found:
        digest.update(f"{name}\t{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
