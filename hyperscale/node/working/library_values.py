"""Makes Python's own values of those of numpy, pandas and torch, none of which is imported for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from hyperscale.node.working import times

_LIBRARIES = ("numpy", "pandas", "torch")
_FLOAT_BYTES = 8


def library_of(value: Any) -> str | None:
    """Return "numpy", "pandas" or "torch"; None when `value` is of none of them."""
    root = type(value).__module__.partition(".")[0]
    return root if root in _LIBRARIES else None


def named_parts(value: Any, library: str) -> Iterable[tuple[Any, Any]] | None:
    """Return the names and values of a Series with labels or of a record of numpy; None of what has no names.

    A Series has no labels when it counts its values from 0, as pandas does unless it is told otherwise.
    """
    if library == "pandas" and type(value).__name__ == "Series":
        index = value.index
        if type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None:
            return None
        return zip(index.tolist(), _cells(value), strict=True)
    if library == "numpy" and value.dtype.names and value.shape == ():
        record = value[()]
        return [(name, record[name]) for name in value.dtype.names]
    return None


def plain_of(value: Any, library: str) -> Any:
    """Return a value of a library as Python's own, or as something that is nearer to it.

    Raises:
        ValueError: when nothing of Python is the same; the message is the rest of a sentence about the value.
    """
    if library == "numpy" and _is_beyond_tolist(value.dtype):
        return list(value) if value.shape else _of_numpy(value[()])
    if library == "pandas":
        return _of_pandas(value)
    return _by_method(value)


def _is_beyond_tolist(dtype: Any) -> bool:
    """Whether tolist() makes integers of values (nanoseconds), tuples (records), or leaves them (long floats)."""
    kind = dtype.kind
    return kind in "Mm" or (kind == "f" and dtype.itemsize > _FLOAT_BYTES) or dtype.names


def _of_numpy(value: Any) -> Any:
    if value.dtype.kind == "M":
        return times.moment(value)
    return times.seconds(value) if value.dtype.kind == "m" else _float(value)


def _of_pandas(value: Any) -> Any:
    name = type(value).__name__
    if name in ("NaTType", "NAType"):
        return None
    if name == "Timestamp":
        return value.isoformat()
    if name == "Timedelta":
        return value.to_timedelta64()
    # A row label of several levels is a tuple, and never missing as a whole.
    is_column = hasattr(value, "isna") and hasattr(value, "tolist") and name != "MultiIndex"
    return _cells(value) if is_column else _by_method(value)


def _by_method(value: Any) -> Any:
    for method in ("tolist", "item"):
        if hasattr(value, method):
            found = getattr(value, method)()
            if type(found) is not type(value):
                return found
    raise ValueError(f"of type {type(value).__name__}, which cannot be stored: use numbers, text, lists or dicts")


def _float(value: Any) -> float:
    number = float(value)
    if number == value or math.isnan(number):
        return number
    raise ValueError(f"a {type(value).__name__} of more digits than a float has, {value!s}: use float() or str() of it")


def _cells(column: Any) -> list[Any]:
    """Return the values of a Series or an index; what is missing is None, but NaN stays NaN where all are floats."""
    values: list[Any] = column.tolist()
    if getattr(column.dtype, "kind", "") == "f":
        return values
    return [None if is_missing else value for value, is_missing in zip(values, column.isna(), strict=True)]
