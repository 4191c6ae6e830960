"""What an activity returns, as JSON text; what cannot be stored is refused with the place it stands at.

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

from hyperscale.node.plain_json import encode as _encode

#: A result travels in messages and is held in memory by the collector: files are the place for more.
MAX_RESULT_BYTES = 1024 * 1024

#: Half of a character (a broken file name, say) has no UTF-8: it is looked for where JSON shows a surrogate.
_SURROGATE = "\\ud"
#: The shortest element and its comma take two bytes: what has more elements is too long, and may have no end.
_MAX_ELEMENTS = MAX_RESULT_BYTES // 2


class ResultError(Exception):
    """The activity returned something that cannot be stored; the message says what and where."""


def encode_result(value: Any) -> str:
    """Return `value` as JSON text of one line.

    Raises:
        ResultError: when it holds what JSON cannot, or is longer than 1 MiB.
    """
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        text = ""
    if not text or _SURROGATE in text:
        text = _encode(_storable(value, "the result", 0))
    if len(text) > MAX_RESULT_BYTES:
        raise ResultError(
            f"the result takes {len(text):,} bytes as JSON, at most {MAX_RESULT_BYTES:,} are stored: "
            "write it to a file in context.outputs and return its name"
        )
    return text


def _storable(value: Any, place: str, depth: int) -> Any:
    if depth > 100:
        raise ResultError(f"{place} is nested more than 100 levels deep, or contains itself")
    if value is None or isinstance(value, (str, bool)):
        return str(value).encode("utf-8", "replace").decode() if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$number": _name_of(value)}
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
    advice = (
        "return text, or write a file to context.outputs" if kind == "bytes" else "return numbers, text, lists or dicts"
    )
    raise ResultError(f"{place} is of type {kind}, which cannot be stored: {advice}")
