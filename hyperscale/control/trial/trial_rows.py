"""Chooses the rows of a trial: the first, the last, the longest, and others at random."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hyperscale.control.reading.checking import CheckedExperiment, SelectedRows, with_selected
from hyperscale.control.reading.input_check import open_input
from hyperscale.errors import PlanError
from hyperscale.node.control import Selection
from hyperscale.node.seeding.packing import numbered
from hyperscale.row_set import RowSet

_BATCH_ROWS = 2_000


def with_trial_rows(checked: CheckedExperiment, count: int, seed: int) -> CheckedExperiment:
    """Return `checked` with at most `count` rows of its input; the same `seed` chooses the same ones.

    Raises:
        PlanError: when the input cannot be read here.
    """
    facts, source = checked.facts, checked.loaded.experiment.input
    if facts.input_hash is None:
        raise PlanError("a trial chooses rows, and the input was not read", hint="leave input.rows out")
    rows = open_input(checked.loaded)
    longest = longest_row(
        rows.batches(_BATCH_ROWS), _measure(rows.columns, is_file=source.form == "files" and not source.group_by)
    )
    chosen = RowSet.of(choose(facts.rows, longest, count, random.Random(seed)))  # noqa: S311 (no secret)
    return with_selected(checked, SelectedRows(Selection(chosen.count, facts.input_hash, (), None, None), chosen))


def choose(rows: int, longest: int, count: int, chance: random.Random) -> list[int]:
    """Return the indices of at most `count` of `rows` rows, the first, last and longest among them, in order.

    With a `count` below 3, the longest comes before the last one, and the first before both.
    """
    named = list(dict.fromkeys([0, longest, rows - 1]))[:count]
    others = max(0, min(count, rows) - len(named))
    # Drawn from the places between those that are named: no list of a million rows is made.
    drawn = chance.sample(range(rows - len(named)), others)
    for taken in sorted(named):
        drawn = [index + (index >= taken) for index in drawn]
    return sorted([*named, *drawn])


def longest_row(batches: Iterable[Sequence[Sequence[Any]]], measure: Callable[[Sequence[Any]], int]) -> int:
    """Return the row_index of the first row of which `measure` gives the most."""
    longest, most = 0, -1
    for batch in numbered(batches):
        for row_index, values in batch.items():
            size = measure(values)
            if size > most:
                longest, most = row_index, size
    return longest


def _measure(columns: Sequence[str], *, is_file: bool) -> Callable[[Sequence[Any]], int]:
    """Return what measures a row: a file by its size, another by what it takes in a message."""
    if is_file:
        size = columns.index("size")
        return lambda values: int(values[size])
    return lambda values: len(json.dumps(values))
