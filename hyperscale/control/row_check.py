"""Reads every row of an input once and keeps what is wrong with the first bad ones, and how many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.duplicate_keys import KeyIndex
from hyperscale.control.positions import dotted
from hyperscale.control.schema_check import RowSchema
from hyperscale.errors import Problem
from hyperscale.experiment import Input
from hyperscale.node.cells import numeric_type
from hyperscale.node.rows import Batch, Rows

#: So many bad rows are told one by one; of the others only the count.
MAX_SHOWN_ROWS = 20
_BATCH_ROWS = 2000
#: Every row is measured up to here, then one in a hundred: the mean of a large input hardly moves any more.
_MEASURED_ROWS = 20_000
_MEASURED_STEP = 100


@dataclass(frozen=True)
class RowCheck:
    """What one pass over all rows found.

    Attributes:
        rows: how many there are, good or bad.
        bad_rows: how many are wrong.
        problems: of the first `MAX_SHOWN_ROWS` bad rows, in the order of the input.
        row_bytes: mean size of a row as a JSON array, in bytes.
        numeric: text columns that hold nothing but numbers, with the type they could have.
    """

    rows: int
    bad_rows: int
    problems: tuple[Problem, ...]
    row_bytes: float
    numeric: dict[str, str]


def check_rows(rows: Rows, source: Input, row_schema: RowSchema | None) -> RowCheck:
    """Return what is wrong with `rows`, and what they are like.

    Raises:
        BrokenSchemaError: when `row_schema` turns out not to be applicable.
    """
    bad = _BadRows()
    sizes = _Sizes()
    numbers = _Numbers(rows, source)
    key = rows.columns.index(source.key) if source.key is not None else None
    count = 0
    with KeyIndex() as keys:
        for batch in rows.checked_batches(_BATCH_ROWS, bad.add):
            count += len(batch.rows)
            if row_schema is not None:
                for problem in _schema_problems(batch, rows, row_schema, _file(source)):
                    bad.add(problem)
            bad.close_batch()
            sizes.add(batch.rows)
            numbers.add(batch.rows)
            if key is not None:
                keys.add(row[key] for row in batch.rows)
        bad.close_batch()
        if key is not None:
            repeats, first = keys.duplicates(MAX_SHOWN_ROWS)
            bad.add_repeats(repeats, _repeat_problems(rows, key, first, _file(source)))
    return RowCheck(count + bad.left_out, bad.count, bad.problems, sizes.mean, numbers.columns)
