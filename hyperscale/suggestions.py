"""Finds what somebody probably meant to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'tier'?)" for the one of `known` that is most like `word`, or "" if none is."""
    by_lower_case = {option.lower(): option for option in known}
    close = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[close[0]]!r}?)" if close else ""
