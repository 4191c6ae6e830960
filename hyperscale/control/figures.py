"""Says figures as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

from hyperscale.control.progress import duration


def counted(count: int, noun: str) -> str:
    """Return `count` and its noun, such as `1 node` or `2,000 nodes`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    if size < 1024:
        return counted(size, "byte")
    value, units = size / 1024, ["KiB", "MiB", "GiB", "TiB"]
    # By what is shown, not by what is: 1,023.96 KiB would be told as 1,024.0.
    while round(value, 1) >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.1f} {units[0]}"


def length(seconds: float) -> str:
    """Return a length of time for people, down to microseconds."""
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        text = f"{seconds * factor:.3g}"
        if seconds * factor < 1000 and "e" not in text:
            return f"{text}{unit}"
        if seconds < 1e-9:
            return f"0{unit}"
    return duration(seconds)


def float_text(value: float) -> str:
    """Return a value of a table with six digits; a whole number with all of its own."""
    return f"{value:.15g}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def time_text(at: float) -> str:
    """Return Unix seconds for people, anywhere."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
