"""Makes plain values of a Parquet column: what JSON has, and text for the rest."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa

#: Makes a list of a column, or of some rows of it; raises ValueError at a value that cannot be read.
ColumnReader = Callable[[pa.Array], list[Any]]
_UUID = "arrow.uuid"


def reader_of(kind: pa.DataType) -> ColumnReader:
    """Return what reads a column of this type.

    Dates and times become ISO 8601 text with as many digits as they have, durations the text that Python gives them,
    `1 day, 0:00:01.5`; decimals their digits; NaN and infinities, which JSON has not, None.
    """
    if _holds(kind, pa.types.is_temporal):
        return lambda column: list(map(_of_scalar, column))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return lambda column: column.to_pylist()
    return lambda column: list(map(_plain, column.to_pylist()))


def type_of(kind: pa.DataType) -> str:
    """Return what tables call this type: "integer", "number", "boolean" or "string"."""
    if pa.types.is_dictionary(kind):
        return type_of(kind.value_type)
    if pa.types.is_uint64(kind):
        return "string"  # the integers of tables have 64 bits with a sign, and hashes need all 64 without one
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    return "boolean" if pa.types.is_boolean(kind) else "string"


def holds_bytes(kind: pa.DataType) -> bool:
    """Return whether values of this type are bytes, or have bytes in them."""
    return _holds(
        kind,
        lambda inner: (
            pa.types.is_binary(inner)
            or pa.types.is_large_binary(inner)
            or pa.types.is_fixed_size_binary(inner)
            or pa.types.is_binary_view(inner)
        ),
    )


def _holds(kind: pa.DataType, is_wanted: Callable[[pa.DataType], bool]) -> bool:
    return is_wanted(kind) or any(_holds(inner, is_wanted) for inner in _inner_types(kind))


def _inner_types(kind: pa.DataType) -> list[pa.DataType]:
    """Return the types that values of this one are made of; a UUID is made of none: it is text to a row."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return [kind.value_type]
    if isinstance(kind, pa.BaseExtensionType):
        return [] if kind.extension_name == _UUID else [kind.storage_type]
    return [kind.field(number).type for number in range(kind.num_fields)]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    # Half floats are those of numpy to an older pyarrow.
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def _of_scalar(scalar: pa.Scalar) -> Any:
    """Return what `_plain` makes of values without dates and times, and the text of these wherever they stand."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if pa.types.is_temporal(kind):
        return _text(scalar)
    if pa.types.is_struct(kind):
        return {name: _of_scalar(inner) for name, inner in scalar.items()}
    if pa.types.is_map(kind):
        return [[_of_scalar(entry[0]), _of_scalar(entry[1])] for entry in scalar.values]
    if pa.types.is_nested(kind):
        return list(map(_of_scalar, scalar.values))
    return _plain(scalar.as_py())


def _text(scalar: pa.Scalar) -> str:
    """Return a date, a time or a duration as text.

    Nanoseconds are put behind the microseconds here: Python's own types have none, and pyarrow makes those of pandas,
    whose text differs, where pandas is installed, and fails where it is not.
    """
    kind, number, nanoseconds = scalar.type, scalar.value, 0
    try:
        if getattr(kind, "unit", None) == "ns":
            number, nanoseconds = divmod(number, 1_000)
            scalar = pa.scalar(number, _in_microseconds(kind))
        value = scalar.as_py()
    except OverflowError as error:
        raise ValueError(f"the {kind} {number} is out of range, dates are those of the years 1 to 9999") from error
    text = str(value) if isinstance(value, datetime.timedelta) else value.isoformat()
    if not nanoseconds:
        return text
    if isinstance(value, datetime.timedelta):
        return f"{text if value.microseconds else f'{text}.000000'}{nanoseconds:03}"
    fine = value.isoformat(timespec="microseconds")
    end = fine.index(".") + 7  # a time zone may follow
    return f"{fine[:end]}{nanoseconds:03}{fine[end:]}"


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")
