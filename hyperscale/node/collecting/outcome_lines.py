"""Reads one ledger line into the values that the tables of results are made of."""

from __future__ import annotations

import json
from typing import Any

import orjson

#: orjson reads an integer beyond 64 bits as a float; where one could be, the slower reader keeps every digit.
_LONG_DIGITS = b"0" * 19
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def read_outcome(line: bytes) -> dict[str, Any]:
    """Return the outcome in `line`; half characters, which no table can hold, become question marks."""
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
