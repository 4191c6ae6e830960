"""Text cells of CSV files that spreadsheets would take for formulas: an apostrophe is put before them, and taken away.

A row value, a result or a message may hold anything; a spreadsheet computes what begins with one of these characters
(OWASP, "CSV Injection"), and a formula may fetch addresses or start programs.
"""

from __future__ import annotations

import re

#: The last four are the wide forms of the first four, which some spreadsheets take for the same.
_BEGINNINGS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_CAUTION = frozenset(_BEGINNINGS + "'")
_FORMULA = re.compile(f"'*[{re.escape(_BEGINNINGS)}]")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def cell_text(text: str) -> str:
    """Return `text` as it stands in a cell: with an apostrophe before it if a spreadsheet would compute it.

    Text that is a plain number, such as -5, stays one. Text that looks as if an apostrophe had been put before it gets
    another one, so that `raw_text` gives every text back.
    """
    if text[:1] not in _CAUTION or not _FORMULA.match(text) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def raw_text(text: str) -> str:
    """Return the text that `cell_text` made `text` of."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
