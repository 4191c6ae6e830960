"""The text of an event: which rows have ended, and how, for whoever follows an experiment; a notice, never a proof.

A text is JSON, packed like a body when it does not fit otherwise, and always within a message of 64 KiB:

    {"version": 1, "run_id": ..., "outcome": "succeeded",     or "failed"
     "part": "ledger/c-...-000003.jsonl",                     where the full records are, in the run's store
     "rows": [[3500, 2]],                                     index ranges
     "keys": ["a", "b"], "seconds": [0.012, 0.011],           one a row; keys may be null
     "failures": [{"kind": ..., "type": ..., "message": ...}, ...]}    one a row; of failed rows alone
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hyperscale.body import MAX_BODY_BYTES, index_ranges, squeezed
from hyperscale.failures import shorten
from hyperscale.ledger import FAILED, SUCCEEDED

VERSION = 1
#: Of a key, or of a failure's message: so that every row fits into a message.
MAX_TEXT = 1_000
#: How `ledger.succeeded_line` begins: what an event says of a success, without its result.
_SUCCESS = re.compile(r'\{"row_index":(\d{1,18}),"outcome":"succeeded","attempts":\d+,"seconds":([0-9.e+-]+),')


class _Ended(NamedTuple):
    """A row as an event tells of it."""

    row_index: int
    seconds: float
    key: str | None
    failure: Mapping[str, str] | None


def event_texts(lines: Iterable[str], *, run_id: str, part: str, keys: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    """Yield the outcome ("succeeded" or "failed") and the text of each event that tells of `lines`.

    Args:
        lines: of the ledger.
        run_id: of the run.
        part: the name of the ledger part that holds them.
        keys: row_index to the text of its key, as far as they are known.

    Raises:
        ValueError, KeyError, TypeError: when a line is none of a ledger.
    """
    head = {"version": VERSION, "run_id": run_id, "part": part}
    ended = sorted((_ended(line, keys) for line in lines), key=lambda row: row.row_index)
    for outcome in (SUCCEEDED, FAILED):
        rows = [row for row in ended if (row.failure is None) == (outcome == SUCCEEDED)]
        if rows:
            for text in _texts({**head, "outcome": outcome}, rows):
                yield outcome, text


def _texts(head: Mapping[str, Any], rows: Sequence[_Ended]) -> Iterator[str]:
    """Yield as few texts as hold all rows, by halves."""
    document = {
        **head,
        "rows": index_ranges(row.row_index for row in rows),
        "keys": [row.key for row in rows],
        "seconds": [row.seconds for row in rows],
    }
    if rows[0].failure is not None:
        document["failures"] = [row.failure for row in rows]
    text = squeezed(json.dumps(document, separators=(",", ":")))
    if len(text) <= MAX_BODY_BYTES or len(rows) == 1:
        yield text
        return
    middle = len(rows) // 2
    yield from _texts(head, rows[:middle])
    yield from _texts(head, rows[middle:])


def _ended(line: str, keys: Mapping[int, str]) -> _Ended:
    found = _SUCCESS.match(line)
    if found:
        row_index = int(found[1])
        return _Ended(row_index, float(found[2]), _short(keys.get(row_index)), None)
    document = json.loads(line)
    row_index, failure = document["row_index"], document.get("failure")
    if document["outcome"] == FAILED:
        failure = {name: _short(str(failure[name])) for name in ("kind", "type", "message")}
    return _Ended(row_index, document["seconds"], _short(keys.get(row_index)), failure)


def _short(text: str | None) -> str | None:
    return None if text is None else shorten(text, MAX_TEXT)
