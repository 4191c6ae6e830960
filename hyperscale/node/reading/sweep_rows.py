"""Makes the rows of a sweep out of the values of its columns, one by one: no list of them is anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.collecting.result_columns import kind_of, types_of
from hyperscale.node.reading.duplicate_keys import same_key
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems
from hyperscale.row_key import key_text
from hyperscale.sweep import columns_of, count_of

#: Of a column with more values, about so many tell how large they are.
_SEEN_VALUES = 10_000


class SweepRows(Rows):
    """The rows of `input.sweep`; a row's line is its number, from 1.

    In a product the values of the last column change from row to row, as in loops inside each other.

    Attributes:
        count: how many rows there are, at most `input.limit`.
    """

    def __init__(self, source: Input) -> None:
        """Take the columns of `source.sweep`.

        Raises:
            ExperimentError: when `source` names a column that is none, or a key that does not name rows.
        """
        values = columns_of(source.sweep or {})
        self.columns = tuple(values)
        self.types = {name: _type_of(name, values[name]) for name in self.columns}
        self._values, self._is_zip = list(values.values()), source.mode == "zip"
        total = count_of(values, source.mode)
        self.count = total if source.limit is None else min(source.limit, total)
        problems = column_problems(source, self.columns, source.place) or list(self._key_problems(source))
        if problems:
            raise ExperimentError("the sweep cannot be used", problems=problems)

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:  # noqa: ARG002
        """Yield the rows, at most `size` at a time; none of them is wrong."""
        strides = self._strides()
        columns = [(values, stride, len(values)) for values, stride in zip(self._values, strides, strict=True)]
        for start in range(0, self.count, size):
            numbers = range(start, min(start + size, self.count))
            rows = [[values[number // stride % length] for values, stride, length in columns] for number in numbers]
            yield Batch(rows, range(start + 1, numbers.stop + 1))

    @property
    def row_bytes(self) -> float:
        """The mean size of a row's values in a message, in bytes."""
        return 1 + sum(1 + _mean_bytes(values) for values in self._values)

    def _strides(self) -> list[int]:
        """Return, of each column, how many rows have the same value before the next one comes."""
        strides = [1]
        for values in self._values[:0:-1]:
            strides.append(1 if self._is_zip else strides[-1] * len(values))
        return strides[::-1]

    def _key_problems(self, source: Input) -> Iterator[Problem]:
        if source.key is None:
            return
        column = self.columns.index(source.key)
        values, stride = self._values[column], self._strides()[column]
        seen = min(len(values), -(-self.count // stride))  # with a limit, the rows may not come to all of them
        first: dict[str, int] = {}
        for number, value in enumerate(values[:seen]) if isinstance(values, (list, tuple)) else ():
            earlier = first.setdefault(key_text(value), number)
            if earlier != number:
                message = same_key(value, values[earlier], f"[{earlier}]")
                yield Problem(source.place, 0, 0, f"input.sweep.{source.key}.{number}", message)
        if seen < self.count:
            shown = f"the {seen:,} values" if seen > 1 else "the one value"
            verb = "name" if seen > 1 else "names"
            message = f"{shown} of {source.key!r} {verb} {self.count:,} rows; leave the key out"
            yield Problem(source.place, 0, 0, "input.key", message)


def _seen(values: Sequence[Any]) -> Sequence[Any]:
    return values[:: max(1, len(values) // _SEEN_VALUES)]


def _type_of(name: str, values: Sequence[Any]) -> str:
    told = values if isinstance(values, (list, tuple)) else (values[0], values[-1])
    kinds = {kind for kind in map(kind_of, told) if kind is not None}
    return types_of({name: kinds}, ({name: value} for value in told))[name]


def _mean_bytes(values: Sequence[Any]) -> float:
    seen = _seen(values)
    return sum(len(json.dumps(value)) for value in seen) / len(seen)
