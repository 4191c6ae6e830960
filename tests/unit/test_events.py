"""What the text of an event says, and how large it gets."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.body import MAX_BODY_BYTES
from hyperscale.events import event_texts
from hyperscale.failures import Failure
from hyperscale.ledger import failed_line, succeeded_line

PART = "ledger/c-0123456789abcdef-000003.jsonl"
FACTS = {"attempts": 1, "started_at": 1_800_000_000.0, "consumer": "c-0123456789abcdef", "worker": 0}


def line(row_index: int, *, fails: bool = False, seconds: float = 0.25, message: str = "not wanted") -> str:
    if not fails:
        return succeeded_line(row_index, **FACTS, seconds=seconds, result='{"square":9}')
    failure = Failure("raised", "ValueError", message, frames=("a.py:1 fit: raise",)).to_document()
    return failed_line(row_index, **FACTS, seconds=seconds, failure=failure)


def unpacked(text: str) -> dict[str, Any]:
    """Read an event as the documentation says."""
    plain = zlib.decompress(base64.b64decode(text[1:])) if text.startswith("z") else text
    return json.loads(plain)


def events_of(lines: list[str], keys: dict[int, str] | None = None) -> list[tuple[str, dict[str, Any]]]:
    found = list(event_texts(lines, run_id="run", part=PART, keys=keys or {}))
    assert all(len(text.encode()) <= MAX_BODY_BYTES for _, text in found)
    return [(outcome, unpacked(text)) for outcome, text in found]


def rows_of(event: dict[str, Any]) -> list[int]:
    return [row for start, count in event["rows"] for row in range(start, start + count)]


def test_an_event_names_the_rows_of_a_batch_with_keys_and_seconds() -> None:
    lines = [line(7), line(3, seconds=0.5), line(4)]

    events = events_of(lines, {3: "c", 4: "d", 7: "70"})

    document = {
        "version": 1, "run_id": "run", "part": PART, "outcome": "succeeded",
        "rows": [[3, 2], [7, 1]], "keys": ["c", "d", "70"], "seconds": [0.5, 0.25, 0.25],
    }  # fmt: skip
    assert events == [("succeeded", document)]


def test_rows_that_failed_are_told_apart_with_their_exceptions() -> None:
    events = dict(events_of([line(0), line(1, fails=True), line(2)]))

    assert rows_of(events["succeeded"]) == [0, 2]
    assert rows_of(events["failed"]) == [1]
    assert events["failed"]["failures"] == [{"kind": "raised", "type": "ValueError", "message": "not wanted"}]
    assert events["failed"]["part"] == PART
    assert "failures" not in events["succeeded"]


def test_keys_that_are_not_known_are_null() -> None:
    ((_, event),) = events_of([line(0), line(1)], {1: "b"})

    assert event["keys"] == [None, "b"]


def test_nothing_is_told_of_no_rows() -> None:
    assert events_of([]) == []


def test_a_line_that_went_through_a_message_is_read_too() -> None:
    again = [json.dumps(json.loads(text)) for text in (line(0, seconds=0.00001), line(1, fails=True))]

    events = dict(events_of(again))

    assert events["succeeded"]["seconds"] == [0.00001]
    assert rows_of(events["failed"]) == [1]


def test_a_large_batch_is_packed_like_a_body_and_splits_only_where_it_must() -> None:
    lines = [line(row_index) for row_index in range(20_000)]

    texts = [text for _, text in event_texts(lines, run_id="run", part=PART, keys={})]

    assert [text[0] for text in texts] == ["z"]
    assert rows_of(unpacked(texts[0])) == list(range(20_000))


@given(
    st.lists(
        st.tuples(st.booleans(), st.text(max_size=20), st.sampled_from([1, 100, 3_000]), st.floats(0, 1e6)),
        max_size=60,
    )
)
def test_whatever_the_rows_each_is_named_once_and_every_text_fits(rows: list[tuple[bool, str, int, float]]) -> None:
    lines, keys = [], {}
    for row_index, (fails, word, times, seconds) in enumerate(rows):
        keys[row_index] = word * times
        lines.append(line(row_index, fails=fails, seconds=seconds, message=(word + "\U0001f600") * times))

    events = events_of(lines, keys)

    told = {row: outcome for outcome, event in events for row in rows_of(event)}
    assert sum(len(rows_of(event)) for _, event in events) == len(rows)
    assert told == {index: "failed" if row[0] else "succeeded" for index, row in enumerate(rows)}
    assert all(len(event["keys"]) == len(event["seconds"]) == len(rows_of(event)) for _, event in events)


@pytest.mark.parametrize("text", ["no line", "{}", '{"row_index":1,"outcome":"failed","seconds":1,"failure":null}'])
def test_what_is_no_line_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        events_of([text])
