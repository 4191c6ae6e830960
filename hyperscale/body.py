"""The body of a message: the rows that remain, their failed attempts, and the outcomes that ride along.

A body is JSON, plain when it fits, else zlib in base64 behind the letter z:

    {"version": 1, "run_id": ..., "seed_id": ..., "batch": 7, "columns": ["id", "depth"],
     "indices": [[3500, 2]], "rows": [["a", 3], ["b", 4]],     remaining rows: index ranges, values by column
     "attempts": {"1": [[3501, 1]]},                           failed attempts: the index ranges that have so many
     "outcomes": [{"row_index": 3499, ...}],                   ledger lines that are in no ledger part yet
     "deliveries": 0, "trial": null,                           see protocol rules 6, 8, 9, 11, 19
     "checkpoints": {"3501": "checkpoints/c-...-000000.json"}} where rows' newest states are; absent when none has one

A row that fits no message travels alone, as `"rows": [[]], "stored": 305419896`: its values are in the store
(`stored_rows`), and the number is the CRC-32 of what lies there.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperscale.errors import HyperscaleError

VERSION = 1
#: The service takes 64 KiB of encoded text a message (Azure Storage scalability targets).
MAX_BODY_BYTES = 64 * 1024
#: Seed fills a body to here, so that the bookkeeping of renewals fits into the rest.
FILL_BODY_BYTES = 56 * 1024
#: A compressed body may not grow beyond this when it is read: no decompression bombs.
MAX_PLAIN_BYTES = 16 * 1024 * 1024
_COMPRESSED = "z"


class BodyError(HyperscaleError):
    """A message's text is not a body of this version; the message says what is wrong with it."""


@dataclass
class Body:
    """What one message carries.

    Attributes:
        run_id: the run it belongs to.
        seed_id: the seeding it comes from.
        batch: its number in that seeding, from 0.
        columns: names of the values of each row.
        rows: remaining rows, row_index to values, in order.
        attempts: failed attempts so far, row_index to count, of the rows that have any.
        outcomes: ledger lines (JSON objects) of finished rows that are in no ledger part yet.
        deliveries: how often the message had been delivered at the last progress.
        trial: rows tried, rows lost together, losses; None when the message is no suspect.
        stored: check sum of the values of the one row, which are in the store and never in the text; or None.
        checkpoints: row_index to the blob of its newest state, of the rows that have one.
    """

    run_id: str
    seed_id: str
    batch: int
    columns: tuple[str, ...]
    rows: Mapping[int, Sequence[Any]]
    attempts: dict[int, int] = field(default_factory=dict)
    outcomes: list[str] = field(default_factory=list)
    deliveries: int = 0
    trial: tuple[int, int, int] | None = None
    stored: int | None = None
    checkpoints: dict[int, str] = field(default_factory=dict)

    def encode(self) -> str:
        """Return the text of the body, compressed only when it would not fit otherwise."""
        head: dict[str, Any] = {
            "version": VERSION,
            "run_id": self.run_id,
            "seed_id": self.seed_id,
            "batch": self.batch,
            "columns": self.columns,
            "deliveries": self.deliveries,
            "trial": self.trial,
            "attempts": _by_count(self.attempts),
            "indices": index_ranges(self.rows),
            "rows": list(self.rows.values()) if self.stored is None else [[] for _ in self.rows],
            **({} if self.stored is None else {"stored": self.stored}),
            **({"checkpoints": self.checkpoints} if self.checkpoints else {}),
        }
        text = f'{json.dumps(head, separators=(",", ":"))[:-1]},"outcomes":[{",".join(self.outcomes)}]}}'
        return squeezed(text)

    @classmethod
    def decode(cls, text: str) -> Body:
        """Return the body that `encode` wrote.

        Raises:
            BodyError: when the text is not a body, is damaged, or was written by a newer version.
        """
        document = _document(text)
        if document.get("version") != VERSION:
            raise BodyError(f"the message's body has version {document.get('version')!r}, this program reads {VERSION}")
        try:
            return _body(document)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise BodyError(f"the message's body is damaged: {error!r}") from error


def _body(document: Mapping[str, Any]) -> Body:
    """Return the body in `document`, which anybody may have written; raise ValueError and its like if it is none."""
    rows, outcomes, columns = document["rows"], document["outcomes"], document["columns"]
    indices = _indices(document["indices"], len(rows))
    body = Body(
        run_id=document["run_id"],
        seed_id=document["seed_id"],
        batch=document["batch"],
        columns=tuple(columns),
        rows=dict(zip(indices, rows, strict=True)),
        attempts=_attempts(document["attempts"], len(rows)),
        outcomes=[json.dumps(line, separators=(",", ":")) for line in outcomes],
        deliveries=int(document["deliveries"]),
        trial=_trial(document["trial"]),
        stored=document.get("stored"),
        checkpoints={int(index): name for index, name in document.get("checkpoints", {}).items()},
    )
    shapes = (
        *((text, str) for text in (body.run_id, body.seed_id, *body.columns)),
        *((name, str) for name in body.checkpoints.values()),
        *((row, list) for row in rows),
        *((line, dict) for line in outcomes),
        *((value, list) for value in (columns, rows, outcomes)),
        (body.batch, int),
        (body.stored, int | None),
    )
    if not all(isinstance(value, shape) for value, shape in shapes):
        raise ValueError("a value has another type than bodies have")
    width = len(columns) if body.stored is None else 0
    if len(body.rows) != len(rows) or any(len(row) != width for row in rows):
        raise ValueError("a row is there twice, or has more or fewer values than there are columns")
    if body.stored is not None and len(rows) > 1:
        raise ValueError("a row whose values are in the store is not alone")
    return body


def _indices(ranges: Sequence[tuple[int, int]], rows: int) -> list[int]:
    """Return the row indices of `ranges`; counted first, so that a foreign text cannot ask for all memory."""
    if sum(count for _, count in ranges) != rows or any(start < 0 or count < 1 for start, count in ranges):
        raise ValueError(f"the row indices do not fit {rows} rows")
    return [index for start, count in ranges for index in range(start, start + count)]


def _by_count(attempts: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
    """Return the index ranges of each count: after an outage all rows of a message have failed once."""
    indices: dict[int, list[int]] = {}
    for index in sorted(attempts):
        indices.setdefault(attempts[index], []).append(index)
    return {count: index_ranges(found) for count, found in indices.items()}


def _attempts(ranges_by_count: Mapping[str, Sequence[tuple[int, int]]], rows: int) -> dict[int, int]:
    if sum(size for ranges in ranges_by_count.values() for _, size in ranges) > rows:
        raise ValueError(f"there are attempts of more than {rows} rows")
    return {
        index: int(count)
        for count, ranges in ranges_by_count.items()
        for start, size in ranges
        for index in range(start, start + size)
    }


def _trial(value: Sequence[int] | None) -> tuple[int, int, int] | None:
    if value is None:
        return None
    tried, lost_together, losses = value
    return int(tried), int(lost_together), int(losses)


def squeezed(text: str) -> str:
    """Return `text` as it is when it fits into a message, else compressed if that makes it shorter."""
    plain = text.encode()
    if len(plain) <= FILL_BODY_BYTES or len(plain) > MAX_PLAIN_BYTES:
        return text  # what no reader would inflate is not compressed: it is too large for a message
    packed = _COMPRESSED + base64.b64encode(zlib.compress(plain, 1)).decode()
    return packed if len(packed) < len(plain) else text


def _document(text: str) -> Mapping[str, Any]:
    try:
        plain = _inflate(text) if text.startswith(_COMPRESSED) else text
        document = json.loads(plain)
    except (ValueError, RecursionError, zlib.error) as error:  # binascii.Error is a ValueError
        raise BodyError(f"the message's text is not a body: {error}") from error
    if not isinstance(document, dict):
        raise BodyError(f"the message's text is not a body: it is a {type(document).__name__}")
    return document


def _inflate(text: str) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(base64.b64decode(text[len(_COMPRESSED) :], validate=True), MAX_PLAIN_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise BodyError(f"the message's body is not whole, or larger than {MAX_PLAIN_BYTES:,} bytes")
    return plain


def index_ranges(indices: Iterable[int]) -> list[tuple[int, int]]:
    """Return (start, count) of each run of consecutive row indices."""
    every = list(indices)
    if every and every == list(range(every[0], every[0] + len(every))):
        return [(every[0], len(every))]  # as seed packs them; ten times as fast as what follows
    ranges: list[tuple[int, int]] = []
    for index in every:
        start, count = ranges[-1] if ranges else (index, 0)
        if index == start + count:
            ranges[-1:] = [(start, count + 1)]
        else:
            ranges.append((index, 1))
    return ranges
