"""Reads `input.sweep`: the values of each column, as a list or a range, and how columns make rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, overload

from hyperscale.documents import is_number

#: More rows are a slip of the pen: at a millisecond each they would take months of a thousand workers.
MAX_ROWS = 10**12
_RANGE = "expected {range: [start, stop]} or {range: [start, stop, step]}, where the stop is in"
_SCALARS = (str, int, float, bool, type(None))


class DecimalRange(Sequence[float]):
    """The numbers of a range whose start, stop or step has a fraction: 0.1, 0.2, 0.3, and not 0.30000000000000004."""

    def __init__(self, start: Decimal, step: Decimal, count: int) -> None:
        """Count from `start` in steps: decimals are added, and each sum is the float that is written like it."""
        self._start, self._step, self._count = start, step, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[float]: ...
    def __getitem__(self, index: int | slice) -> float | Sequence[float]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return float(self._start + self._step * (index % self._count))


def columns_of(sweep: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Return the values of each column of a valid `sweep`, in their order; those of a range are made when asked for."""
    return {
        name: given if isinstance(given, (list, tuple)) else _range(given["range"]) for name, given in sweep.items()
    }


def count_of(columns: Mapping[str, Sequence[Any]], mode: str | None) -> int:
    """Return how many rows the columns make: each value with each, or (zip) the first with the first."""
    lengths = [len(values) for values in columns.values()]
    return min(lengths) if mode == "zip" else math.prod(lengths)


def sweep_problems(sweep: Mapping[str, Any], mode: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield where and what is wrong with the columns of `sweep`; of shapes that the schema refuses, nothing.

    A path starts below `sweep`.
    """
    if sweep.get("mode") in ("product", "zip"):
        yield ("mode",), f"how columns are combined stands beside sweep: input.mode: {sweep['mode']}"
    columns: dict[str, Sequence[Any]] = {}
    for name, given in sweep.items():
        if isinstance(given, Mapping) and _are_numbers(given.get("range")):
            problem = _range_problem(given["range"])
            if problem is not None:
                yield (name, "range"), problem
            else:
                columns[name] = _range(given["range"])
        elif isinstance(given, list) and given:
            yield from (((name, *path), message) for path, message in _list_problems(given, mode))
            columns[name] = given
    if len(columns) == len(sweep):
        yield from _together(columns, mode)


def _together(columns: Mapping[str, Sequence[Any]], mode: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if mode == "zip":
        first, length = next((name, len(values)) for name, values in columns.items())
        for name, values in columns.items():
            if len(values) != length:
                message = (
                    f"has {_values(len(values))}, {first} has {length:,}: input.mode zip takes one of each for a row"
                )
                yield (name,), message
    elif count_of(columns, mode) > MAX_ROWS:
        yield (), f"makes {count_of(columns, mode):,} rows, {MAX_ROWS:,} are allowed; a range takes a step as its third"


def _list_problems(values: Sequence[Any], mode: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: dict[tuple[type, Any], int] = {}
    for number, value in enumerate(values):
        if isinstance(value, _SCALARS) and mode != "zip":
            # True is 1 to Python, and no duplicate to anybody else.
            first = seen.setdefault((bool if isinstance(value, bool) else object, value), number)
            if first != number:
                yield (number,), f"is the same value as [{first}]: rows would be there twice"


def _range_problem(given: Sequence[Any]) -> str | None:
    if not 2 <= len(given) <= 3:
        return f"has {_values(len(given))}, {_RANGE}"
    start, stop, step = _bounds(given)
    if step == 0:
        return "has a step of 0, and never ends"
    if (stop - start) * step < 0:
        if len(given) == 2:
            down = f"[{given[0]}, {given[1]}, -1]"
            return f"counts up from {given[0]}, and never comes to {given[1]}; downwards it is {down}"
        return f"never comes from {given[0]} to {given[1]} in steps of {given[2]}; change the sign of the step"
    if (stop - start) / step >= MAX_ROWS:
        return f"holds more than {MAX_ROWS:,} values; a range takes a step as its third"
    return None


def _range(given: Sequence[Any]) -> Sequence[Any]:
    if all(isinstance(value, int) for value in given):
        first, last, by = (*given, 1)[:3]
        return range(first, last + (1 if by > 0 else -1), by)
    start, stop, step = _bounds(given)
    return DecimalRange(start, step, int((stop - start) // step) + 1)


def _bounds(given: Sequence[Any]) -> tuple[Decimal, Decimal, Decimal]:
    # As it is written: 0.1 is a tenth.
    start, stop, step = (Decimal(str(value)) for value in (*given, 1)[:3])
    return start, stop, step


def _are_numbers(given: Any) -> bool:
    return isinstance(given, list) and all(map(is_number, given))


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"
