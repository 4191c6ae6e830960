"""What an activity returns or checkpoints, as JSON text; what cannot be stored is refused with the place it stands at.

numpy scalars and arrays, dates, paths, decimals, tuples and generators are taken; floats that JSON does not know
(NaN, Infinity) are tagged, and the collector makes numbers of them again. Keys are text, or values that have one.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import math
import os
import sys
import types
from collections.abc import Iterable
from typing import Any

from hyperscale import float_tags
from hyperscale.node.working import times
from hyperscale.node.working.library_values import library_of, named_parts, plain_of
from hyperscale.node.working.plain_json import decode as _decode
from hyperscale.node.working.plain_json import encode as _encode
from hyperscale.value_limits import MAX_DEPTH, MAX_DIGITS, depth_of, excess, too_deep

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
#: What JSON makes braces and brackets of.
_NESTED = (dict, list, tuple)
_TOO_LONG = 10**MAX_DIGITS
#: Python's own limit, under which its encoder stops before the stack ends.
_USUAL_RECURSION = 1_000
_recursion_limit = sys.getrecursionlimit


class ResultError(Exception):
    """The activity returned something that cannot be stored; the message says what and where."""


def encode_result(value: Any, what: str = _RESULT) -> str:
    """Return `value` as JSON text of one line; `what` it is, for messages.

    Raises:
        ResultError: when it holds what JSON cannot or two keys of one text, is longer than 1 MiB, or is beyond
            `value_limits`.
        BaseException: the result itself, when it is one: returned is as good as raised.
    """
    if _recursion_limit() > _USUAL_RECURSION:  # as the activity has set it: the encoder may then overflow the stack
        _check_depth(value, what)
    text = _encoded(value)
    if not text:
        if isinstance(value, BaseException) and what == _RESULT:
            raise value
        _check_depth(value, what)
        text = _encode(_storable(value, what, 0))
    if len(text) > MAX_RESULT_BYTES:
        raise ResultError(
            f"{what} takes {len(text):,} bytes as JSON, at most {MAX_RESULT_BYTES:,} are stored: {_ELSEWHERE[what]}"
        )
    beyond = excess(text)
    if beyond:
        raise ResultError(f"{what} {beyond}: {_ELSEWHERE[what]}")
    return text


def _encoded(value: Any) -> str:
    """Return what JSON's encoder makes of `value`; nothing where it makes nothing of it, or not what is stored."""
    try:
        text = _encode(value)
        is_stored = True
        if "[" in text or '":{' in text:
            is_stored = _keeps_names(value, text)
        elif text[0] == "{":  # most results: a loop, as a call takes longer than all of it
            for key in value:
                if type(key) is not str:
                    is_stored = False
    except (TypeError, ValueError, RecursionError):
        return ""
    if not is_stored or ("\\" in text and _SURROGATE in text) or ("$" in text and float_tags.TAG in text):
        return ""
    return text


def _check_depth(value: Any, what: str) -> None:
    levels = depth_of(value)
    if levels is None or levels > MAX_DEPTH:
        raise ResultError(f"{what} {too_deep(levels)}: {_ELSEWHERE[what]}")


def _check_level(depth: int, place: str) -> None:
    """Refuse what arrays and generators make too deep: before they are looked into, they have no levels."""
    if depth > MAX_DEPTH:
        what = _STATE if place.startswith(_STATE) else _RESULT
        raise ResultError(f"{what} is nested more than {MAX_DEPTH} levels deep: {_ELSEWHERE[what]}")


def encode_state(value: Any) -> str:
    """Return what `context.checkpoint` is given as JSON text of one line, for `decode_stored`.

    Raises:
        ResultError: when it holds what JSON cannot or two keys of one text, or is longer than 1 MiB.
    """
    return encode_result(value, _STATE)


def decode_stored(text: str) -> Any:
    """Return the values of JSON that `encode_result` or `encode_state` made text of; NaN and infinities are floats."""
    value = _decode(text)
    return float_tags.without_tags(value) if float_tags.TAG in text else value


def _keeps_names(value: Any, text: str) -> bool:
    """Return whether JSON, which made `text` of `value`, kept all names: all keys are text, no tuple has named fields.

    Of other keys JSON makes text in its own way, and twice the same one; ours is `_key_text`.
    """
    # A look at each value takes as long as encoding it, so this ends with the last list or dict. Where text has
    # brackets in it, there seem to be more of them, and all is looked at.
    left = text.count("{") + text.count("[")
    level: list[Any] = [] if text[0] == '"' else [value]
    while level:
        for found in level:
            if isinstance(found, dict):
                for key in found:
                    if type(key) is not str:
                        return False
            elif type(found) is not list and hasattr(found, "_fields"):
                return False
        left -= len(level)
        if not left:
            break
        values = [found.values() if isinstance(found, dict) else found for found in level]
        level = [item for items in values for item in items if isinstance(item, _NESTED)]
    return True


def _storable(value: Any, place: str, depth: int) -> Any:
    _check_level(depth, place)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # of an Enum, too, whose str() is the name of its member
        return str.__str__(value).encode("utf-8", "replace").decode()
    if isinstance(value, int):
        if abs(value) >= _TOO_LONG:
            raise ResultError(f"{place} is an integer of more than {MAX_DIGITS:,} digits: return it as text")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else float_tags.tag(value)
    parts = _parts(value)
    if parts is not None:
        return _named(parts, place, depth)
    if isinstance(value, types.GeneratorType):
        value = _elements(value, place)
    if isinstance(value, (list, tuple)):
        return [_storable(item, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)]
    library = library_of(value)
    if library is not None:
        return _of_library(value, library, place, depth)
    return _storable(_plain(value, place), place, depth + 1)


def _elements(generator: Iterable[Any], place: str) -> list[Any]:
    found = list(itertools.islice(generator, _MAX_ELEMENTS + 1))
    if len(found) > _MAX_ELEMENTS:
        raise ResultError(f"{place} is a generator of more than {_MAX_ELEMENTS:,} elements: write them to a file")
    return found


def _of_library(value: Any, library: str, place: str, depth: int) -> Any:
    parts = named_parts(value, library)
    if parts is not None:
        return _named(parts, place, depth)
    try:
        plain = plain_of(value, library)
    except ValueError as error:
        raise ResultError(f"{place} is {error}") from error
    return _storable(plain, place, depth + 1)


def _parts(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return the names and values of what has names; None of what has none."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True)
    return None


def _named(parts: Iterable[tuple[Any, Any]], place: str, depth: int) -> dict[str, Any]:
    """Return values under the text of their keys."""
    stored: dict[str, Any] = {}
    others: dict[str, Any] = {}  # keys that are not their text
    for key, item in parts:
        name = key if type(key) is str and key.isascii() else _key_text(key, place)
        if name in stored:
            both = " and ".join(f"{one!r} ({type(one).__name__})" for one in (others.get(name, name), key))
            raise ResultError(f"{place} has two keys that are both stored as {name!r}, {both}: rename one of them")
        if name is not key:
            others[name] = key
        stored[name] = _storable(item, f"{place}[{key!r}]", depth + 1)
    return float_tags.escape(stored)


def _key_text(key: Any, place: str) -> str:
    """Return the text under which a key is stored: what JSON writes of the value that it is, without quotes."""
    try:
        stored = _storable(key, place, 0)
    except ResultError:
        stored = ()
    if isinstance(stored, str):
        return stored
    if stored is None or isinstance(stored, (bool, int, float)):
        return _encode(stored)
    if isinstance(stored, dict) and len(stored) == 1 and not isinstance(key, tuple):  # NaN or an infinity
        return str(stored[float_tags.TAG])
    raise ResultError(
        f"{place} has the key {key!r} ({type(key).__name__}), expected text, a number, a date, True, False or None: "
        "use str() of it"
    )


def _plain(value: Any, place: str) -> Any:
    """Return a plain value for one of a well-known other kind."""
    if isinstance(value, datetime.timedelta):
        return times.seconds(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    kind = type(value).__name__
    advice = "use numbers, text, lists or dicts"
    if kind == "bytes":
        what = _STATE if place.startswith(_STATE) else _RESULT
        advice = f"use text, or {_ELSEWHERE[what]}"
    raise ResultError(f"{place} is of type {kind}, which cannot be stored: {advice}")
