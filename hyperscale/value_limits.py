"""What every Python and every reader takes of JSON that becomes a ledger line: so deep, and integers so long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

#: Lists and dicts in one another. Readers call themselves for each level, and Python stops them after a thousand calls.
MAX_DEPTH = 200
#: Python reads no longer integer unless a program asks it to (`sys.int_info.default_max_str_digits`).
MAX_DIGITS = 4_300
#: A value that contains itself has no deepest level: nobody counts further.
_MOST_LEVELS = 10_000
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))
#: A step takes away the innermost brackets, at most two levels of them.
_QUICK_STEPS = 8
_LONG_DIGITS = b"0" * (MAX_DIGITS + 1)
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NUMBER = re.compile(rb"\d+(?:[.eE][-+.eE\d]*)?")


def excess(text: str | bytes, *, around: int = 0) -> str | None:
    """Return what in a JSON text is beyond the limits, as "is nested 300 levels deep, ..."; None when nothing is.

    Args:
        text: JSON; of other text the answer means nothing.
        around: so many levels around the value in it do not count.
    """
    if len(text) <= MAX_DEPTH:
        return None
    data = text.encode() if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH + around:
        levels = _levels(_without_texts(data).translate(None, _NO_BRACKETS))
        if levels - around > MAX_DEPTH:
            return too_deep(levels - around)
    if len(data) > MAX_DIGITS and _LONG_DIGITS in data.translate(_DIGITS_TO_ZEROS):
        # A number with a fraction or an exponent is read as a float, whatever its length.
        numbers: Iterable[bytes] = _NUMBER.findall(_without_texts(data))
        digits = max((len(number) for number in numbers if number.isdigit()), default=0)
        if digits > MAX_DIGITS:
            return f"holds an integer of {digits:,} digits, at most {MAX_DIGITS:,} are stored"
    return None


def _levels(brackets: bytes) -> int:
    """Return how deep brackets are nested; 0 for all that are surely not deep, as almost all are."""
    rest = brackets
    for _ in range(_QUICK_STEPS):
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        if not rest:
            return 0
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def too_deep(levels: int | None) -> str:
    """Return that a value is nested so many levels deep, which is too deep; None: nobody knows how deep."""
    found = (
        f"more than {_MOST_LEVELS:,} levels deep (or contains itself)" if levels is None else f"{levels:,} levels deep"
    )
    return f"is nested {found}, at most {MAX_DEPTH} levels are stored"


def depth_of(value: Any) -> int | None:
    """Return how many levels of lists, tuples and dicts `value` has, None when they are more than 10,000.

    It calls itself for no level, so that no depth is too much for it.
    """
    level: list[Any] = [value]
    for depth in range(_MOST_LEVELS + 1):
        nested = [item for item in level if isinstance(item, list | tuple | dict)]
        if not nested:
            return depth
        inside = (item.values() if isinstance(item, dict) else item for item in nested)
        # By identity: what stands in many places is looked at once a level.
        level = list({id(item): item for items in inside for item in items}.values())
    return None


def _without_texts(data: bytes) -> bytes:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b'""'.join(data.split(b'"')[::2])
