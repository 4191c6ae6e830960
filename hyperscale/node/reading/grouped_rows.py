"""Makes one row of all records of an input that agree in some columns: what `input.group_by` asks for.

A group travels as a row of two columns: its key, and all of it as `{"group": {...}, "columns": [...], "records":
[[...], ...]}`. In tables it stands as the columns it was made by, and how many records it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from hyperscale.node.collecting.result_columns import cell, decimal_scale, placed, text_of
from hyperscale.node.reading.rows import Batch, Report, Rows

#: Records are read so many at a time.
_READ_RECORDS = 2_000
#: Groups are handed on together up to this size: what seed expands at once; no message carries more of them.
BATCH_BYTES = 1024 * 1024

_encode = json.JSONEncoder(separators=(",", ":")).encode

#: The values of the columns that a group was made by, each as its column's type has it.
GroupValues = tuple[Any, ...]


class Grouping:
    """Which group a record belongs to.

    Two values are the same if they are the same in a column of their type: 1 and 1.0 are; null is a value like others.
    An integer that no float is equal to stays one beside floats: 9007199254740993 is not 9007199254740992.
    """

    def __init__(self, records: Rows, group_by: Sequence[str]) -> None:
        """Group `records` by the columns `group_by`, which they have."""
        self._columns = [(records.columns.index(name), records.types[name]) for name in group_by]

    def of(self, record: Sequence[Any]) -> GroupValues:
        """Return the values that all records of the group of `record` have."""
        return tuple(_exact_cell(record[index], kind) for index, kind in self._columns)


def _exact_cell(value: Any, kind: str) -> Any:
    kind = kind if decimal_scale(kind) is None else "number"
    found = cell(value, kind)
    return value if kind == "number" and type(value) is int and found != value else found


class GroupedRows(Rows):
    """The groups of an input, in the order in which their first records come.

    All records are held in memory as the JSON that messages carry: a fraction of what Python objects would take.
    """

    def __init__(self, records: Rows, group_by: Sequence[str], limit: int | None) -> None:
        """Take the first `limit` groups of `records`, or all."""
        self.columns, self.types = ("group", "rows"), {"group": "string", "rows": "string"}
        self._records, self._group_by, self._limit = records, tuple(group_by), limit

    @property
    def records(self) -> Rows:
        """The records that the groups consist of."""
        return self._records

    @property
    def in_tables(self) -> Rows:
        """The groups as they stand beside results."""
        return CountedGroups(self._records, self._group_by, self._limit)

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield at most `size` groups at a time, fewer when they are large; a group has no line of its own."""
        groups = self._read(report)
        head = {"columns": self._records.columns}
        rows: list[list[Any]] = []
        held = 0
        for values in list(groups):
            encoded = groups.pop(values)  # what is handed on is held no longer
            group = {"group": dict(zip(self._group_by, values, strict=True)), **head}
            rows.append([group_key(values), {**group, "records": json.loads(b"".join((b"[", encoded, b"]")))}])
            held += len(encoded)
            if len(rows) == size or held >= BATCH_BYTES:
                yield Batch(rows, [0] * len(rows))
                rows, held = [], 0
        if rows:
            yield Batch(rows, [0] * len(rows))

    def _read(self, report: Report) -> dict[GroupValues, bytearray]:
        """Return the records of each group, in JSON, separated by commas."""
        grouping = Grouping(self._records, self._group_by)
        groups: dict[GroupValues, bytearray] = {}
        for batch in self._records.checked_batches(_READ_RECORDS, report):
            for record in batch.rows:
                values = grouping.of(record)
                encoded = groups.get(values)
                if encoded is not None:
                    encoded += b","
                elif self._limit is None or len(groups) < self._limit:
                    encoded = groups[values] = bytearray()
                else:
                    continue
                encoded += _encode(record).encode()
        return groups


class CountedGroups(Rows):
    """The groups of an input as they stand in tables: the columns that they were made by, and their records' number."""

    def __init__(self, records: Rows, group_by: Sequence[str], limit: int | None) -> None:
        """Take the first `limit` groups of `records`, or all."""
        self.columns = (*group_by, *placed(["rows"], "group_", group_by))
        self.types = {name: records.types[name] for name in group_by} | {self.columns[-1]: "integer"}
        self._records, self._group_by, self._limit = records, tuple(group_by), limit

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield the groups, at most `size` at a time."""
        grouping = Grouping(self._records, self._group_by)
        counts: dict[GroupValues, int] = {}
        for batch in self._records.checked_batches(_READ_RECORDS, report):
            for record in batch.rows:
                values = grouping.of(record)
                if values in counts or self._limit is None or len(counts) < self._limit:
                    counts[values] = counts.get(values, 0) + 1
        groups = iter(counts.items())
        while rows := [[*values, count] for values, count in islice(groups, size)]:
            yield Batch(rows, [0] * len(rows))


def group_key(values: GroupValues) -> str:
    """Return the name of a group: its values as a line of CSV, where nothing stands for null and "" for no text.

    Different groups have different names.
    """
    return ",".join(map(_field, values))


class GroupBytes:
    """What groups take in a message, without holding their records.

    Attributes:
        records: how many the groups have together.
    """

    def __init__(self, records: Rows, group_by: Sequence[str], limit: int | None) -> None:
        """Measure the first `limit` groups of `records`, or all."""
        self._grouping = Grouping(records, group_by)
        self._group_by, self._limit = tuple(group_by), limit
        self._columns = records.columns
        self._bytes: dict[GroupValues, int] = {}
        self.records = 0

    def add(self, records: Sequence[Sequence[Any]]) -> None:
        """Count more records."""
        sizes = self._bytes
        for record in records:
            values = self._grouping.of(record)
            if values in sizes:
                sizes[values] += len(_encode(record)) + 1
            elif self._limit is None or len(sizes) < self._limit:
                sizes[values] = self._empty(values) + len(_encode(record))
            else:
                continue
            self.records += 1

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._bytes)

    @property
    def mean(self) -> float:
        """The mean size of a group's values in a message, in bytes."""
        return sum(self._bytes.values()) / len(self._bytes) if self._bytes else 0.0

    def above(self, limit_bytes: int) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield the values and the size of each group that takes more than `limit_bytes`."""
        for values, size in self._bytes.items():
            if size > limit_bytes:
                yield dict(zip(self._group_by, values, strict=True)), size

    def _empty(self, values: GroupValues) -> int:
        group = dict(zip(self._group_by, values, strict=True))
        return len(_encode([group_key(values), {"group": group, "columns": self._columns, "records": []}]))


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = text_of(value)
    is_plain = text and not any(mark in text for mark in ',"\r\n')
    return text if is_plain else '"' + text.replace('"', '""') + '"'
