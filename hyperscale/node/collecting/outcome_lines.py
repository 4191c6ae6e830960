"""Reads one ledger line into the values that the tables of results are made of."""

from __future__ import annotations

import json
from typing import Any

import orjson

from hyperscale import float_tags

#: orjson reads an integer beyond 64 bits as a float; where one could be, the slower reader keeps every digit.
_LONG_DIGITS = b"0" * 19
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TAG = float_tags.TAG.encode()


def read_outcome(line: bytes) -> dict[str, Any]:
    """Return the outcome in `line`, its result as it was returned: NaN and infinities are floats.

    Half characters, which no table can hold, become question marks.
    """
    outcome = _parsed(line)
    if _TAG in line and "result" in outcome:
        outcome["result"] = float_tags.without_tags(outcome["result"])
    return outcome


def _parsed(line: bytes) -> dict[str, Any]:
    outcome: dict[str, Any]
    if _LONG_DIGITS not in line.translate(_DIGITS_TO_ZEROS):
        try:
            outcome = orjson.loads(line)
            return outcome
        except orjson.JSONDecodeError:
            pass  # orjson takes no half of a character, nor more than 1,024 levels
    outcome = json.loads(line)
    text = json.dumps(outcome, ensure_ascii=False)
    if not text.isascii():
        outcome = json.loads(text.encode("utf-8", "replace"))
    return outcome
