"""Says figures as people read them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return `count` and its noun, such as `1 node` or `2,000 nodes`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return counted(size, "byte")
