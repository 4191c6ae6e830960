"""What `run` of a parallel script returned, as results of rows: which of them is whose, as far as that can be told."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.node.working.mini_batch import is_made_of_frame, places_of
from hyperscale.node.working.results import ResultError

_EXPECTED = "a list, a tuple or a pandas DataFrame with a result for each row was expected"
#: Libraries whose arrays and columns are lists of results.
_ARRAYS = ("numpy", "pandas", "torch")


@dataclass(frozen=True)
class Returned:
    """What a call returned.

    Attributes:
        results: in their order; the rows of a DataFrame are dicts.
        source: the DataFrame or Series that holds them; None when they came as a list, a tuple or an array.
    """

    results: Sequence[Any]
    source: Any = None


def read_returned(value: Any) -> Returned:
    """Return what `run` returned as a list of results.

    Raises:
        ResultError: when it is nothing that has results.
    """
    pandas = sys.modules.get("pandas")  # who returns something of it has imported it
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return Returned(_records(value, pandas), value)
    if pandas is not None and isinstance(value, pandas.Series):
        values = _cells(value, pandas)
        named = values if value.name is None else [{str(value.name): cell} for cell in values]
        return Returned(named, value)
    if type(value).__module__.partition(".")[0] in _ARRAYS and getattr(value, "ndim", 0) > 0:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise ResultError(f"run returned {_kind(value)}: {_EXPECTED}")
    return Returned([_plain(item, pandas) for item in value])


def results_of_rows(
    returned: Returned, rows: Sequence[Mapping[str, Any]], *, call: int = 0, gets_files: bool = False,
    error_on_missing: bool,
) -> list[Any]:  # fmt: skip
    """Return a result for each of the `rows` of a call: None for one without, or the error that it has none.

    - The lines of a DataFrame or Series whose index is the one of the mini batch, or a part of it, belong to the rows
      that it names; several lines of a row are its result together.
    - As many results as rows, in a list, a tuple, an array, or a new DataFrame or Series (index 0, 1, 2, ...), belong
      to the rows in order.
    - Everything else cannot be attributed: all results are lines of the first row. So it is with every other index
      (grouped, set, counted, merged), with every DataFrame or Series of a script that gets files, and with one that
      was made from the mini batch, lost its index, and does not show by its columns that it is still in order.

    Args:
        returned: by the call.
        rows: as the script got them.
        call: the number that `frame_of` was given.
        gets_files: the mini batch was a list of paths, so no index can be its own.
        error_on_missing: rows without a result have failed.

    Raises:
        ResultError: when results are missing, `error_on_missing` asks for them, and it cannot be told whose are.
    """
    results, count = returned.results, len(returned.results)
    missing = ResultError("run returned no result for this row") if error_on_missing else None
    if not results:
        return [missing] * len(rows)
    places = _places(returned, rows, call, gets_files=gets_files)
    if places is not None:
        found: dict[int, list[Any]] = {}
        for place, result in zip(places, results, strict=True):
            found.setdefault(place, []).append(result)
        own = [found.get(place) for place in range(len(rows))]
        return [missing if of_row is None else of_row[0] if len(of_row) == 1 else lines_of(of_row) for of_row in own]
    if error_on_missing and count < len(rows):
        raise ResultError(
            f"run returned {count:,} results for {len(rows):,} rows and does not tell which rows have none: return a "
            "list with one result for each row, or a DataFrame that keeps the index of the mini batch"
        )
    return [lines_of(results), *[None] * (len(rows) - 1)]


def _places(
    returned: Returned, rows: Sequence[Mapping[str, Any]], call: int, *, gets_files: bool
) -> Sequence[int] | None:
    """Return the place of the row that each result belongs to, None when that cannot be told."""
    source, count = returned.source, len(returned.results)
    in_order = range(count) if count == len(rows) else None
    if source is None or len(rows) == count == 1:
        return in_order
    if gets_files:
        return None
    places = places_of(source, call)
    if places is not None:
        return places if all(place < len(rows) for place in places) else None
    index = source.index
    if in_order is None or index.name is not None or index.tolist() != list(in_order):
        return None
    return in_order if _is_in_order(source, rows) else None


def _is_in_order(source: Any, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a frame of as many lines as rows, with an index of its own, has them in the order of the rows.

    What pandas made from the mini batch may have been sorted, sampled or put together: there, the columns that are
    unchanged must tell rows apart as well as all columns do. A frame that the script filled itself is taken to be in
    order, unless a column in which all rows differ has the values of other rows: then it was merged or sorted.
    """
    frame = source.to_frame() if source.ndim == 1 else source
    names = frame.columns if frame.columns.nlevels == 1 else ()
    given = {name: [_comparable(row[name]) for row in rows] for name in rows[0]}
    kept = {name: list(map(_comparable, frame[name].tolist())) for name in given if name in names}
    same = [name for name, values in kept.items() if values == given[name]]
    if is_made_of_frame(source):
        return _distinct(given[name] for name in same) == _distinct(given.values())
    moved = (name for name in kept if name not in same and set(kept[name]) <= set(given[name]))
    return not any(len(set(given[name])) == len(rows) for name in moved)


def _comparable(value: Any) -> Any:
    """Return what equals the same for a cell before and after pandas had it."""
    if isinstance(value, str | int | float):
        return value if value == value else None
    return None if value is None or type(value).__name__ in ("NAType", "NaTType") else repr(value)


def _distinct(columns: Iterable[Sequence[Any]]) -> int:
    """Return how many rows of `columns` differ; 0 without columns."""
    return len(set(zip(*columns, strict=True)))


def result_of_group(returned: Returned, *, error_on_missing: bool) -> list[dict[str, Any]]:
    """Return the one result of a group: a line for each that was returned.

    Raises:
        ResultError: when there is none, and `error_on_missing` asks for one.
    """
    if error_on_missing and not returned.results:
        raise ResultError("run returned no result for this group")
    return lines_of(returned.results)


def lines_of(results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return results as lines of one row: dicts of columns."""
    lines: list[dict[str, Any]] = []
    for result in results:
        if isinstance(result, list) and result and all(isinstance(item, dict) for item in result):
            lines.extend(result)
        elif isinstance(result, dict):
            lines.append(result)
        else:
            lines.append({} if result is None else {"result": result})
    return lines


def _kind(value: Any) -> str:
    """Return what a value is, for messages: frames of other libraries have the names of pandas' own."""
    if value is None:
        return "nothing"
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return f"a {kind.__name__}" if library == "builtins" else f"a {library} {kind.__name__}"


def _plain(item: Any, pandas: Any) -> Any:
    """Return a result that is a part of pandas as dicts: a frame is several lines, a row of one is a line."""
    if pandas is None:
        return item
    if isinstance(item, pandas.DataFrame):
        return _records(item, pandas)
    if isinstance(item, pandas.Series):
        return dict(zip(_names(item.index, "Series", "labels"), _cells(item, pandas), strict=True))
    return None if item is pandas.NaT or item is pandas.NA else item


def _records(frame: Any, pandas: Any) -> list[dict[str, Any]]:
    names = _names(frame.columns, "DataFrame", "columns")
    columns = [_cells(frame.iloc[:, place], pandas) for place in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)] or [{}] * len(frame)


def _names(index: Any, what: str, of_it: str) -> list[str]:
    names = [str(name) for name in index]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ResultError(f"run returned a {what} with two {of_it} named {twice}: rename one")
    return names


def _cells(series: Any, pandas: Any) -> list[Any]:
    """Return the values of a column; what is missing is None, but NaN stays NaN where all are floats."""
    values: list[Any] = series.tolist()
    if getattr(series.dtype, "kind", "") == "f":
        return [None if value is pandas.NA else value for value in values]
    return [None if is_missing else value for value, is_missing in zip(values, series.isna(), strict=True)]
