"""Reads whole numbers that people have typed, of as many digits as they like."""

from __future__ import annotations

#: All numbers of so many digits have 64 bits. From 4,300 digits on, `int` itself refuses a text, by a ValueError.
MAX_DIGITS = 18


def whole_number(text: str) -> int | None:
    """Return the number from 0 on that `text` is, in plain digits; None when it is none, or has too many digits."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else None
