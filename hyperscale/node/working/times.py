"""Moments as ISO 8601 text and durations as seconds: each with all of its digits, whatever unit it was counted in."""

from __future__ import annotations

import datetime
import decimal
import sys
from types import MappingProxyType
from typing import Any

#: Units of numpy's timedelta64: seconds, and the power of ten behind them. Years and months have no fixed length.
_SECONDS = MappingProxyType(
    {
        "W": (604_800, 0), "D": (86_400, 0), "h": (3_600, 0), "m": (60, 0), "s": (1, 0), "ms": (1, -3), "us": (1, -6),
        "ns": (1, -9), "ps": (1, -12), "fs": (1, -15), "as": (1, -18),
    }
)  # fmt: skip
_MICROSECOND = datetime.timedelta(microseconds=1)
#: A fraction of a second has the digits of Python's own types, or as many more threes of them as it needs.
_FEWEST_DIGITS = 6


def moment(value: Any) -> str | None:
    """Return a datetime64 of numpy as Python's dates and times give their text; None for NaT.

    Years and months are their first day. Digits below the microsecond follow in threes: 12:30:00.000000001.
    """
    text = str(value)
    if text == "NaT":
        return None
    date, _, time = text.partition("T")
    date += "-01" * (2 - date.lstrip("-").count("-"))
    if not time:
        return date
    clock, _, fraction = time.partition(".")
    clock += ":00" * (2 - clock.count(":"))
    fraction = fraction.rstrip("0")
    if not fraction:
        return f"{date}T{clock}"
    return f"{date}T{clock}.{fraction.ljust(max(_FEWEST_DIGITS, -(-len(fraction) // 3) * 3), '0')}"


def seconds(value: Any) -> float | str | None:
    """Return a timedelta of Python or numpy as seconds; None for NaT.

    A float, unless that loses digits (17 are too many for most): then the text of them all.

    Raises:
        ValueError: when it has no fixed length; the message says why.
    """
    if isinstance(value, datetime.timedelta):
        return _number(value // _MICROSECOND, -6)
    if str(value) == "NaT":
        return None
    unit, step = sys.modules["numpy"].datetime_data(value.dtype)
    if unit not in _SECONDS:
        what = {"Y": "a number of years", "M": "a number of months"}.get(unit, "a timedelta64 without a unit")
        raise ValueError(f"{what}, which has no fixed length: use days or smaller units, or a number")
    factor, power = _SECONDS[unit]
    return _number(int(value.astype("int64")) * step * factor, power)


def _number(count: int, power: int) -> float | str:
    """Return count * 10**power; the context of `decimal`, which activities may change, has no part in it."""
    exact = decimal.Decimal(f"{count}E{power}")
    number = float(exact)
    return number if decimal.Decimal(repr(number)) == exact else f"{exact:f}"
