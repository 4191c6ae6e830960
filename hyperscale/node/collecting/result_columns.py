"""Which columns the table of results has: names in order of first appearance, and types that widen.

Types widen from integer to number to string; booleans stay booleans unless something else stands beside them.
Lists and dicts are JSON text, integers beyond 64 bits are strings.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: The column of a result that has no columns of its own.
RESULT = "result"
#: Values of these types are already what a column of the kind holds.
_PLAIN = {"integer": int, "number": float, "boolean": bool, "string": str}
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Column:
    """A column of a table; `type` is "integer", "number", "boolean" or "string"."""

    name: str
    type: str


class ResultColumns:
    """The columns of all results, as they are seen in the order of rows."""

    def __init__(self) -> None:
        """Start without columns."""
        self._kinds: dict[str, set[str]] = {}

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

    def columns(self) -> tuple[Column, ...]:
        """Return the columns, in order of first appearance."""
        return tuple(Column(name, widest(kinds)) for name, kinds in self._kinds.items())


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
    """Return `value` as a column of type `kind` holds it: of that type, or None."""
    if value is None or type(value) is _PLAIN[kind]:
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
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        return repr(value).replace("nan", "NaN").replace("inf", "Infinity")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
    """Return the type of a column that holds `value` alone; None for None."""
    if isinstance(value, str):
        return "string"
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if _LEAST <= value <= _MOST else "string"
    if isinstance(value, float):
        return "number"
    return "string"


def widest(kinds: set[str]) -> str:
    """Return the type of a column that holds values of all of these `kinds`."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"integer", "number"} else "string"
