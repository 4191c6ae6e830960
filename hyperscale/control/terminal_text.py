"""Text of users on its way to a terminal: what would move its cursor, colour it or hide something is shown instead."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """Return `text` with its lines and tabs, and every other control character spelled out behind a backslash.

    A row may print anything, and a terminal obeys some of it: windows are renamed, or it answers as if somebody typed.
    Letters that change the direction of writing can make a line look like another one.
    """
    if text.isprintable():
        return text
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter if _is_harmless(letter) else _spelled(letter) for letter in whole)


def in_one_line(text: str, limit: int) -> str:
    """Return `text` as one visible line, its end cut off if it is longer than `limit` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _is_harmless(letter: str) -> bool:
    return letter in "\n\t" or letter.isprintable() or unicodedata.category(letter) == "Zs"


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
