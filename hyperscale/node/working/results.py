"""What an activity returns or checkpoints, as JSON text; what cannot be stored is refused with the place it stands at.

numpy scalars and arrays, dates, paths, decimals, tuples and generators are taken; floats that JSON does not know
(NaN, Infinity) are tagged, and the collector makes numbers of them again.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import math
import os
import types
from typing import Any

from hyperscale.node.working.plain_json import decode as _decode
from hyperscale.node.working.plain_json import encode as _encode

#: A result travels in messages and is held in memory by the collector: files are the place for more.
MAX_RESULT_BYTES = 1024 * 1024

#: Half of a character (a broken file name, say) has no UTF-8: it is looked for where JSON shows a surrogate.
_SURROGATE = "\\ud"
#: The shortest element and its comma take two bytes: what has more elements is too long, and may have no end.
_MAX_ELEMENTS = MAX_RESULT_BYTES // 2
_RESULT, _STATE = "the result", "the state"
#: Where what is too long, or made of bytes, can go; files in context.outputs are dropped when an attempt fails.
_ELSEWHERE = {
    _RESULT: "write it to a file in context.outputs and return its name",
    _STATE: "write it to a file in a storage of your own, and keep its name in the state",
}
#: How floats that JSON does not know are tagged.
_NUMBER = "$number"
_NAMES = ("NaN", "Infinity", "-Infinity")


class ResultError(Exception):
    """The activity returned something that cannot be stored; the message says what and where."""


def encode_result(value: Any, what: str = _RESULT) -> str:
    """Return `value` as JSON text of one line; `what` it is, for messages.

    Raises:
        ResultError: when it holds what JSON cannot, or is longer than 1 MiB.
        BaseException: the result itself, when it is one: returned is as good as raised.
    """
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        text = ""
    if not text and isinstance(value, BaseException) and what == _RESULT:
        raise value
    if not text or _SURROGATE in text:
        text = _encode(_storable(value, what, 0))
    if len(text) > MAX_RESULT_BYTES:
        raise ResultError(
            f"{what} takes {len(text):,} bytes as JSON, at most {MAX_RESULT_BYTES:,} are stored: {_ELSEWHERE[what]}"
        )
    return text


def encode_state(value: Any) -> str:
    """Return what `context.checkpoint` is given as JSON text of one line, for `decode_stored`.

    Raises:
        ResultError: when it holds what JSON cannot, or is longer than 1 MiB.
    """
    return encode_result(value, _STATE)


def decode_stored(text: str) -> Any:
    """Return the values of JSON that `encode_result` or `encode_state` made text of; NaN and infinities are floats."""
    value = _decode(text)
    return _untagged(value) if _NUMBER in text else value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_NUMBER} and value[_NUMBER] in _NAMES:
        return float(value[_NUMBER])
    return {key: _untagged(item) for key, item in value.items()}


def _storable(value: Any, place: str, depth: int) -> Any:
    if depth > 100:
        raise ResultError(f"{place} is nested more than 100 levels deep, or contains itself")
    if value is None or isinstance(value, (str, bool)):
        return str(value).encode("utf-8", "replace").decode() if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_NUMBER: _name_of(value)}
    if isinstance(value, dict):
        return {_column(key, place): _storable(item, f"{place}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, types.GeneratorType):
        value = list(itertools.islice(value, _MAX_ELEMENTS + 1))
        if len(value) > _MAX_ELEMENTS:
            raise ResultError(f"{place} is a generator of more than {_MAX_ELEMENTS:,} elements: write them to a file")
    if isinstance(value, (list, tuple)):
        return [_storable(item, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)]
    return _storable(_plain(value, place), place, depth + 1)


def _name_of(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _column(key: Any, place: str) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if not isinstance(key, str):
        raise ResultError(f"{place} has the key {key!r} ({type(key).__name__}): the names of columns are text")
    return key


def _plain(value: Any, place: str) -> Any:
    """Return a plain value for one of a well-known other kind."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__.partition(".")[0] in ("numpy", "torch", "pandas"):
        for method in ("item", "tolist") if getattr(value, "shape", None) == () else ("tolist", "item"):
            if hasattr(value, method):
                return getattr(value, method)()
    kind = type(value).__name__
    advice = "use numbers, text, lists or dicts"
    if kind == "bytes":
        what = _STATE if place.startswith(_STATE) else _RESULT
        advice = f"use text, or {_ELSEWHERE[what]}"
    raise ResultError(f"{place} is of type {kind}, which cannot be stored: {advice}")
