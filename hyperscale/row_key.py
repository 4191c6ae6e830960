"""The text of a row's key: what the key is in tables, folders, logs and events, and what conditions name it by."""

from __future__ import annotations

import json
from typing import Any


def key_text(value: Any) -> str:
    """Return the text of the key `value`; two rows whose keys have one text have the same key.

    Text is what it is, null is empty text, truth values are `true` and `false`, numbers have all their digits: 1 is
    `1` and 1.0 is `1.0`. What `key_problem` refuses has a text too, its JSON.
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        return repr(value).replace("nan", "NaN").replace("inf", "Infinity")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def key_problem(value: Any) -> str | None:
    """Return why `value` cannot name a row, None if it can."""
    if value is None or isinstance(value, (str, int, float)):
        return None
    if isinstance(value, list):
        kind = "a list"
    else:
        kind = "an object" if isinstance(value, dict) else f"a value of the type {type(value).__name__}"
    return f"{kind} cannot name a row, expected text, a number, true or false; name another column in input.key"
