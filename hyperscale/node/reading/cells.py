"""Turns the text of a CSV cell into a value of its column's type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

_INTEGER = re.compile(r" *[-+]?[0-9]{1,40} *", re.ASCII)
_NUMBER = re.compile(r" *[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)? *", re.ASCII)
_PLAIN_INTEGER = re.compile(r" *[-+]?(0|[1-9][0-9]{0,17}) *", re.ASCII)
_PLAIN_NUMBER = re.compile(r" *[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)? *", re.ASCII)
_BOOLEANS = MappingProxyType({"true": True, "1": True, "false": False, "0": False})
_MAX_INTEGER = 2**63
_MAX_SHOWN = 40

Cell = str | int | float | bool


class CellError(ValueError):
    """A cell is not of its column's type; the message says what it is and what was expected."""


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise CellError(f"{_shown(text)} is not an integer")
    value = int(text)
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise CellError(f"{_shown(text)} is not an integer of 64 bits")
    return value


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise CellError(f"{_shown(text)} is not a number")
    value = float(text)
    if math.isinf(value):
        raise CellError(f"{_shown(text)} is not a number of 64 bits")
    return value


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.strip(" ").lower())
    if value is None:
        raise CellError(f"{_shown(text)} is not true or false")
    return value


#: Type of a column to what makes its values; columns of text need none. Each raises CellError.
CONVERSIONS: Mapping[str, Callable[[str], Cell]] = MappingProxyType(
    {"integer": _integer, "number": _number, "boolean": _boolean}
)


def numeric_type(cells: Iterable[str]) -> str | None:
    """Return "integer" or "number" if all `cells` are; None if one is not, or is a code such as 007."""
    cells = list(cells)
    if all(map(_PLAIN_INTEGER.fullmatch, cells)):
        return "integer"
    return "number" if all(map(_PLAIN_NUMBER.fullmatch, cells)) else None


def _shown(text: str) -> str:
    if not text.strip():
        return "an empty cell"
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")
