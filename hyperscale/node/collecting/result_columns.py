"""Which columns the table of results has: names in order of first appearance, and types that widen.

Types widen from integer to number to string; booleans stay booleans unless something else stands beside them.
Lists and dicts are JSON text, integers beyond 64 bits are strings. No digit of an integer is lost beside floats: where
a float cannot hold one of them, the column is decimal, or text when that is not long enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hyperscale.row_key import key_text

#: The column of a result that has no columns of its own.
RESULT = "result"
#: Values of these types are already what a column of the kind holds.
_PLAIN = {"integer": int, "number": float, "boolean": bool, "string": str}
_LEAST, _MOST = -(2**63), 2**63 - 1
#: A float holds each integer up to here.
_EXACT = 2**53
#: Digits of a decimal, before and behind the point together.
DECIMAL_DIGITS = 38
#: What `kind_of` calls integers that need a second look beside floats: beyond `_EXACT`, and beyond 64 bits.
_LONG, _HUGE = "long integer", "huge integer"


@dataclass(frozen=True)
class Column:
    """A column of a table; `type` is "integer", "number", "boolean", "string" or, such as, "decimal(38,2)"."""

    name: str
    type: str


class ResultColumns:
    """The columns of all results, as they are seen in the order of rows."""

    def __init__(self) -> None:
        """Start without columns."""
        self._kinds: dict[str, set[str]] = {}
        self._numbers: dict[str, Numbers] = {}

    def see(self, result: Any) -> None:
        """Take in the names and types of one result."""
        for row in rows_of(result):
            for name, value in row.items():
                kind = kind_of(value)
                kinds = self._kinds.get(name)
                if kinds is None:
                    kinds = self._kinds[name] = set()
                if kind:
                    kinds.add(kind)

    @property
    def needs_digits(self) -> bool:
        """Whether `see_digits` has to see all results before the types of columns are known."""
        return any(map(needs_digits, self._kinds.values()))

    def see_digits(self, result: Any) -> None:
        """Take in how long the numbers are of columns with long integers beside floats."""
        if not self._numbers:
            self._numbers = {name: Numbers() for name, kinds in self._kinds.items() if needs_digits(kinds)}
        for row in rows_of(result):
            for name, numbers in self._numbers.items():
                numbers.see(row.get(name))

    def columns(self) -> tuple[Column, ...]:
        """Return the columns, in order of first appearance."""
        return tuple(Column(name, widest(kinds, self._numbers.get(name))) for name, kinds in self._kinds.items())


class Numbers:
    """The numbers of one column, integers and floats: what type holds each of them with all of its digits."""

    def __init__(self) -> None:
        """Start without numbers."""
        self._are_floats = self._are_decimals = True
        self._before = self._behind = 0

    def see(self, value: int | float | None) -> None:
        """Take in one number, or None."""
        if value is None:
            return
        self._are_floats = self._are_floats and (isinstance(value, float) or fits_float(value))
        number = Decimal(repr(value))
        if not number.is_finite():
            self._are_decimals = False
            return
        _, digits, exponent = number.as_tuple()
        if isinstance(exponent, int):
            self._before = max(self._before, len(digits) + exponent)
            self._behind = max(self._behind, -exponent)

    @property
    def type(self) -> str:
        """The type of the column."""
        if self._are_floats:
            return "number"
        fits = self._are_decimals and self._before + self._behind <= DECIMAL_DIGITS
        return f"decimal({DECIMAL_DIGITS},{self._behind})" if fits else "string"


def fits_float(value: int) -> bool:
    """Return whether a float holds all digits of an integer."""
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def decimal_scale(kind: str) -> int | None:
    """Return how many digits a decimal type has behind its point; None for another type."""
    return int(kind[:-1].partition(",")[2]) if kind.startswith("decimal(") else None


def rows_of(result: Any) -> Sequence[dict[str, Any]]:
    """Return the output rows of a result: one or more, each a dict of columns.

    A list of dicts becomes several rows. None, an empty dict and an empty list are a row without columns:
    each row of the input that has an outcome is in the table.
    """
    if isinstance(result, dict):
        return [result]
    if isinstance(result, list) and all(isinstance(item, dict) for item in result):
        return result or [{}]
    return [{}] if result is None else [{RESULT: result}]


def cell(value: Any, kind: str) -> Any:
    """Return `value` as a column of type `kind` holds it: of that type (in a decimal one as it is), or None."""
    if value is None or type(value) is _PLAIN.get(kind):
        return value
    if kind == "number":
        return float(value)
    if kind == "string":
        return text_of(value)
    return value


def text_of(value: Any) -> str:
    """Return a value as text: JSON for lists and dicts, empty for None, all digits of numbers.

    NaN and infinities are `NaN`, `Infinity` and `-Infinity`, in JSON as well.
    """
    return key_text(value)


def placed(names: Iterable[str], prefix: str, taken: Collection[str]) -> list[str]:
    """Return `names` with `prefix` in front of each that collides, as often as it takes."""
    used, found = set(taken), []
    for name in names:
        while name in used:
            name = prefix + name
        used.add(name)
        found.append(name)
    return found


def kind_of(value: Any) -> str | None:
    """Return the type of a column that holds `value` alone, with integers in three; None for None."""
    if isinstance(value, str):
        return "string"
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return "integer"
        return _LONG if _LEAST <= value <= _MOST else _HUGE
    if isinstance(value, float):
        return "number"
    return "string"


def needs_digits(kinds: set[str]) -> bool:
    """Return whether the type of a column of these `kinds` depends on how long its numbers are."""
    return "number" in kinds and not kinds.isdisjoint((_LONG, _HUGE)) and kinds <= {"integer", "number", _LONG, _HUGE}


def widest(kinds: set[str], numbers: Numbers | None = None) -> str:
    """Return the type of a column that holds values of all of these `kinds`; `numbers`, where it `needs_digits`."""
    if numbers is not None:
        return numbers.type
    if kinds <= {"integer", _LONG}:
        return "integer" if kinds else "string"
    if len(kinds) == 1:
        (kind,) = kinds
        return "string" if kind == _HUGE else kind
    return "number" if kinds == {"integer", "number"} else "string"


def types_of(kinds: Mapping[str, set[str]], rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the types of columns of these `kinds`; the values of `rows` are looked at only where that is needed."""
    numbers = {name: Numbers() for name, seen in kinds.items() if needs_digits(seen)}
    for row in rows if numbers else ():
        for name, found in numbers.items():
            found.see(row.get(name))
    return {name: widest(seen, numbers.get(name)) for name, seen in kinds.items()}
