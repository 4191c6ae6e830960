"""What `run` of a parallel script returned, as results of rows: which of them is whose, as far as that can be told."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.node.working.results import ResultError

_EXPECTED = "a list, a tuple or a DataFrame with a result for each row was expected"
#: Libraries whose arrays and columns are lists of results.
_ARRAYS = ("numpy", "pandas", "torch")


@dataclass(frozen=True)
class Returned:
    """What a call returned.

    Attributes:
        results: in their order; the rows of a DataFrame are dicts.
        labels: the index of a DataFrame or Series, a label a result; None of a list.
    """

    results: Sequence[Any]
    labels: Sequence[Any] | None = None


def read_returned(value: Any) -> Returned:
    """Return what `run` returned as a list of results.

    Raises:
        ResultError: when it is nothing that has results.
    """
    pandas = sys.modules.get("pandas")  # who returns something of it has imported it
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return Returned(_records(value, pandas), value.index.tolist())
    if pandas is not None and isinstance(value, pandas.Series):
        values = _cells(value, pandas)
        named = values if value.name is None else [{str(value.name): cell} for cell in values]
        return Returned(named, value.index.tolist())
    if type(value).__module__.partition(".")[0] in _ARRAYS and getattr(value, "ndim", 0) > 0:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        what = "nothing" if value is None else f"a {type(value).__name__}"
        raise ResultError(f"run returned {what}: {_EXPECTED}")
    return Returned([_plain(item, pandas) for item in value])


def results_of_rows(returned: Returned, rows: int, *, error_on_missing: bool) -> list[Any]:
    """Return a result for each of the `rows` of a call: None for one without, or the error that it has none.

    A frame whose index names rows of the mini batch is theirs; as many results as rows are theirs in order. Else
    nobody can tell, and all results stand as lines of the first row. So it is with a shorter frame whose index counts
    0, 1, 2: it may be the head of the mini batch, or a new one.

    Raises:
        ResultError: when results are missing, `error_on_missing` asks for them, and nobody can tell whose are.
    """
    results, count = returned.results, len(returned.results)
    labels = list(range(rows)) if count == rows else []
    if returned.labels is not None and _names_rows(returned.labels, rows):
        labels = list(returned.labels)
    if labels or not results:
        found = dict(zip(labels, results, strict=True))
        missing = ResultError("run returned no result for this row") if error_on_missing else None
        return [found.get(row, missing) for row in range(rows)]
    if error_on_missing and count < rows:
        raise ResultError(f"run returned {count:,} results for {rows:,} rows, and nobody can tell whose are missing")
    return [lines_of(results), *[None] * (rows - 1)]


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


def _names_rows(labels: Sequence[Any], rows: int) -> bool:
    """Whether each label is the place of another row, and they say more than that there are so many."""
    if not labels or not all(type(label) is int and 0 <= label < rows for label in labels):
        return False
    return len(set(labels)) == len(labels) and (len(labels) == rows or list(labels) != list(range(len(labels))))


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
