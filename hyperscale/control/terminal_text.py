"""Text of users on its way to a terminal: what would move its cursor, colour it or hide something is shown instead."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

#: A letter behind the joiner is one with the letter before, as the members of a family are.
_JOINER = "\u200d"
#: Behind a letter that is narrow as text, it asks for the emoji, which is wide.
_AS_EMOJI = "\ufe0f"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
#: Vowels and final consonants that are drawn into the syllable that they follow.
_VOWELS_OF_HANGUL = range(0x1160, 0x1200)


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
    """Return `text` as one visible line, its end cut off if it is wider than `limit` columns."""
    return cut(" ".join(visible(text).split()), limit)


def width_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes.

    Letters of East Asia and emoji take two (Unicode Standard Annex 11), marks on another letter none.
    """
    return len(text) if text.isascii() else sum(columns for _, columns in _columns(text))


def cut(text: str, width: int, mark: str = "…") -> str:
    """Return `text`; if it takes more than `width` columns, its end is cut off, and `mark` stands there."""
    if width_of(text) <= width:
        return text
    kept, used = "", width_of(mark)
    for letter, columns in _columns(text):
        used += columns
        if used > width:
            break
        kept += letter
    return f"{kept}{mark}"


def padded(text: str, width: int, *, to_the_right: bool = False) -> str:
    """Return `text` with as many blanks as fill `width` columns, behind it or `to_the_right` before it."""
    blanks = " " * (width - width_of(text))
    return f"{blanks}{text}" if to_the_right else f"{text}{blanks}"


def _columns(text: str) -> Iterator[tuple[str, int]]:
    """Yield each letter and the columns that it adds."""
    before, is_joined = 0, False
    for letter in text:
        columns = _width_of_letter(letter)
        if is_joined or (before == 2 and letter in _SKIN_TONES):
            columns = 0
        elif letter == _AS_EMOJI and before == 1:
            columns = 1
        is_joined = letter == _JOINER
        before = before + columns if columns == 0 or letter == _AS_EMOJI else columns
        yield letter, columns


def _width_of_letter(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf") or ord(letter) in _VOWELS_OF_HANGUL:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _is_harmless(letter: str) -> bool:
    return letter in "\n\t" or letter.isprintable() or unicodedata.category(letter) == "Zs"


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
