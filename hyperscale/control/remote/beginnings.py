"""Looks at the beginning of a file of rows, so that a plan knows its columns without fetching all of it."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from hyperscale.control.remote.cache import safe_name
from hyperscale.control.remote.remote_data import Beginning
from hyperscale.control.remote.remote_files import RemoteError, RemoteFiles
from hyperscale.experiment import Input
from hyperscale.node.reading.compressed import open_bytes
from hyperscale.node.reading.readers import Rows, open_rows

#: So much is read of CSV and JSON lines; an archive is expanded to at most this many times as much.
HEAD_BYTES = 1024 * 1024
_EXPANDED = 4
_PIECE_BYTES = 64 * 1024
_BATCH_ROWS = 2_000


def beginning_of(source: Input, name: str, files: RemoteFiles, path: str) -> Beginning:
    """Return what the beginning of the file at `path` tells; of Parquet the footer does, by ranges.

    Args:
        source: what the experiment says of the input.
        name: of the file; its ending says how it is compressed.
        files: where it is.
        path: there.

    Raises:
        ExperimentError: when its columns are not those that `source` names, or it is no such file.
        RemoteError: when it cannot be read.
    """
    if source.form == "parquet":
        from hyperscale.node.reading.parquet_rows import read_footer

        footer = files.used(path, lambda file: read_footer(source, file))
        return Beginning(footer.columns, footer.row_bytes)
    with tempfile.TemporaryDirectory(prefix="hyperscale-head-") as folder:
        head = files.head(path, HEAD_BYTES)
        refuse_page(source, head)
        kept = Path(folder) / safe_name(name)
        kept.write_bytes(head)
        plain = Path(folder) / "beginning"
        is_whole = len(head) < HEAD_BYTES
        text = _expanded(kept)
        plain.write_bytes(text if is_whole else whole_records(text, source.form))
        rows = open_rows(replace(source, limit=None), plain)
        return Beginning(rows.columns, _row_bytes(rows))


def refuse_page(source: Input, head: bytes) -> None:
    """See that what a server sent for rows is no page for people: most often it asks them to log in.

    Raises:
        RemoteError: when it is one.
    """
    if looks_like_page(head):
        raise RemoteError(
            f"what came is a web page (HTML), expected {'JSON lines' if source.form == 'jsonl' else source.form}: "
            "perhaps one that asks to log in",
            hint="open the address in a private window of a browser: it has to give the file at once",
        )


def looks_like_page(head: bytes) -> bool:
    """Return whether a file that begins with `head` is HTML."""
    start = head[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(
        (b"<!doctype html", b"<html", b"<head", b'<?xml version="1.0" encoding="utf-8"?><!doctype html')
    )


def whole_records(text: bytes, form: str) -> bytes:
    """Return `text` without the record that it ends in the middle of; quoted cells may hold line breaks.

    Where the quotation marks before a line break are of an even number, no cell is open there.
    """
    end = len(text)
    while (end := text.rfind(b"\n", 0, end)) >= 0:
        if form != "csv" or text.count(b'"', 0, end) % 2 == 0:
            return text[: end + 1]
    return text


def _expanded(file: Path) -> bytes:
    """Return what is in a file, as far as an archive that was cut off can be expanded."""
    pieces: list[bytes] = []
    with suppress(OSError), open_bytes(file) as stream:
        for piece in islice(iter(lambda: stream.read1(_PIECE_BYTES), b""), HEAD_BYTES * _EXPANDED // _PIECE_BYTES):
            pieces.append(piece)
    return b"".join(pieces)


def _row_bytes(rows: Rows) -> float:
    """Return the mean size of a row as a JSON array; rows that are wrong are not told here: seed tells them."""
    count = size = 0
    for batch in rows.checked_batches(_BATCH_ROWS, lambda _: None):
        count += len(batch.rows)
        size += sum(len(json.dumps(row, separators=(",", ":"))) for row in batch.rows)
    return size / count if count else 0.0
