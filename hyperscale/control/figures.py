"""Says figures as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

from hyperscale.control.progress import duration


def counted(count: int, noun: str) -> str:
    """Return `count` and its noun, such as `1 node` or `2,000 nodes`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return counted(size, "byte")


def length(seconds: float) -> str:
    """Return a length of time for people, down to microseconds."""
    if seconds >= 1:
        return duration(seconds)
    if seconds >= 0.001:
        return f"{seconds * 1000:.3g}ms"
    return f"{seconds * 1e6:.3g}µs"


def time_text(at: float) -> str:
    """Return Unix seconds for people, anywhere."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
