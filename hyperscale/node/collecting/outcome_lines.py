"""Reads one ledger line into the values that the tables of results are made of, or says why it cannot be read."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from hyperscale import float_tags
from hyperscale.ledger import FAILED, SUCCEEDED
from hyperscale.value_limits import excess

#: orjson reads an integer beyond 64 bits as a float; where one could be, the slower reader keeps every digit.
_LONG_DIGITS = b"0" * 19
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TAG = float_tags.TAG.encode()
#: How `ledger.succeeded_line` writes: with these types, only its result is left to be read.
_SUCCESS = re.compile(
    rb'\{"row_index":(\d{1,18}),"outcome":"succeeded","attempts":\d{1,9},"seconds":\d{1,12}\.\d{6},'
    rb'"started_at":\d{1,12}\.\d{3},"consumer":"[\w-]+","worker":-?\d{1,9},"result":'
)
#: The fields of every outcome, and of a failure where it has them.
_FIELDS: dict[str, tuple[type, ...]] = {
    "row_index": (int,),
    "attempts": (int,),
    "seconds": (int, float),
    "started_at": (int, float),
    "consumer": (str,),
    "worker": (int,),
}
_TEXTS, _CODES = ("kind", "type", "message", "last_output"), ("exit_code", "signal")
_MOST = 2**63


class UnreadableLineError(ValueError):
    """A ledger line is no outcome that tables can hold; the message says why, as what the line does."""


def read_head(line: bytes) -> tuple[int, bool]:
    """Return the row_index of the outcome in `line`, and whether it succeeded.

    Raises:
        UnreadableLineError: when it is no JSON, beyond `value_limits`, or has other fields than outcomes have.
    """
    beyond = excess(line, around=1)
    if beyond:
        raise UnreadableLineError(beyond)
    found = _SUCCESS.match(line)
    if found:
        try:
            orjson.loads(line[found.end() : -1])
            return int(found[1]), True
        except orjson.JSONDecodeError:
            pass
    try:
        outcome = read_outcome(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableLineError(f"is no JSON: {error}") from error
    _check(outcome)
    return outcome["row_index"], outcome["outcome"] == SUCCEEDED


def read_outcome(line: bytes) -> dict[str, Any]:
    """Return the outcome in `line`, which `read_head` can read: its result as it was returned, NaN being a float.

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
            pass  # orjson takes no half of a character
    outcome = json.loads(line)
    text = json.dumps(outcome, ensure_ascii=False)
    if not text.isascii():
        outcome = json.loads(text.encode("utf-8", "replace"))
    return outcome


def _check(outcome: Any) -> None:
    """Raise UnreadableLineError unless `outcome` has the fields and types of a ledger line."""
    if not isinstance(outcome, dict):
        raise UnreadableLineError(f"is no outcome: it is a {type(outcome).__name__}")
    for name, kinds in _FIELDS.items():
        if not _is(outcome.get(name), kinds):
            raise UnreadableLineError(f"is no outcome: its {name} is {_shown(outcome.get(name))}")
    if outcome["row_index"] < 0 or outcome.get("outcome") not in (SUCCEEDED, FAILED):
        raise UnreadableLineError(
            f"is no outcome: row_index {outcome['row_index']}, outcome {_shown(outcome.get('outcome'))}"
        )
    if outcome["outcome"] == SUCCEEDED and "result" not in outcome:
        raise UnreadableLineError("is no outcome: it has no result")
    _check_failure(outcome.get("failure"))


def _check_failure(failure: Any) -> None:
    if failure is None:
        return
    frames = failure.get("frames") if isinstance(failure, dict) else 0
    if not (
        (frames is None or (isinstance(frames, list) and all(isinstance(frame, str) for frame in frames)))
        and all(_is(failure.get(name), (str, type(None))) for name in _TEXTS)
        and all(_is(failure.get(name), (int, type(None))) for name in _CODES)
    ):
        raise UnreadableLineError(f"is no outcome: its failure is {_shown(failure)}")


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether `value` is of one of `kinds`, and a number that a table can hold."""
    return type(value) in kinds and (type(value) not in (int, float) or (math.isfinite(value) and abs(value) < _MOST))


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:80]
