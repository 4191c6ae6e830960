"""Rows that are too large for a message: their values lie in the store, and the message knows their check sum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hyperscale import blobs
from hyperscale.body import FILL_BODY_BYTES, Body, BodyError
from hyperscale.errors import ExperimentError
from hyperscale.node.storing.stores import MissingBlobError, Store

#: Seed, consumer and worker each hold the values of such a row several times.
MAX_ROW_BYTES = 64 * 1024 * 1024
_FILES = "keep large values in files, and name the file in the row"


class Stored(NamedTuple):
    """What has to be in the store before a message is put: a name, and what is written there."""

    name: str
    data: bytes


def stored_apart(body: Body) -> tuple[str, Stored]:
    """Return the text of a message whose one row does not fit, and what the store gets of it.

    Raises:
        ExperimentError: when the row is too large for that, too.
    """
    ((row_index, values),) = body.rows.items()
    data = _as_json(values)
    if len(data) > MAX_ROW_BYTES:
        raise ExperimentError(
            f"row {row_index:,} of the input (from 0) takes {len(data):,} bytes, {MAX_ROW_BYTES:,} are allowed",
            hint=_FILES,
        )
    text = replace(body, stored=zlib.crc32(data)).encode()
    if len(text) > FILL_BODY_BYTES:
        raise ExperimentError(
            f"the names of the columns take {len(text):,} bytes in a message, {FILL_BODY_BYTES:,} are allowed",
            hint="give the columns shorter names",
        )
    return text, Stored(blobs.stored_row(body.seed_id, row_index), data)


def with_values(body: Body, store: Store) -> Body:
    """Return `body` with the values of its row, wherever they are.

    Raises:
        BodyError: when they should be in the store, and are missing or damaged there.
    """
    if body.stored is None or not body.rows:
        return body
    (row_index,) = body.rows
    name = blobs.stored_row(body.seed_id, row_index)
    try:
        data = store.read(name)
    except MissingBlobError as error:
        raise BodyError(f"the values of row {row_index:,} are gone: {error}") from error
    if zlib.crc32(data) != body.stored:
        raise BodyError(f"the values of row {row_index:,} are damaged: {name} has {len(data):,} other bytes")
    return replace(body, rows={row_index: _values(data, name, len(body.columns))})


def _values(data: bytes, name: str, columns: int) -> list[Any]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"{name} holds no values: {error}") from error
    if not isinstance(values, list) or len(values) != columns:
        raise BodyError(f"{name} does not hold the values of {columns} columns")
    return values


def _as_json(values: Sequence[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()
