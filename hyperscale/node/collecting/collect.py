"""Makes the tables of a run from its seals and parts: the same ones whoever collects, and whenever (rules 24, 28).

Three passes, memory flat: lines go into buckets of neighbouring rows; bucket by bucket one line a row is
chosen, and columns and types are found; then rows are written beside their input. A row without an outcome
is in no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hyperscale.errors import RunStateError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import SUCCEEDED
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.collecting.ledger_reader import part_lines
from hyperscale.node.collecting.lineage import Generation
from hyperscale.node.collecting.outcome_lines import read_outcome
from hyperscale.node.collecting.result_columns import Column, ResultColumns
from hyperscale.node.collecting.run_tables import RunTables
from hyperscale.node.collecting.spill_files import Spill
from hyperscale.node.control import SeedRecord
from hyperscale.node.reading.readers import Rows

INPUT_BATCH_ROWS = 1_024


@dataclass(frozen=True)
class Collected:
    """What is in the tables.

    Attributes:
        succeeded, failed: rows by outcome.
        groups: of the failed ones.
        set_aside: lines that cannot be read, or are of no row of their run.
    """

    succeeded: int
    failed: int
    groups: tuple[FailureGroup, ...]
    set_aside: int


def collect(
    *,
    lineage: Sequence[Generation],
    experiment: NodeExperiment,
    rows: Rows,
    work_folder: Path,
) -> Collected:
    """Write the tables of what a run's seals made final into its store, and return what is in them.

    Args:
        lineage: the run, behind those that it is a retry of: their rows are in the tables too. Its store takes
            results.parquet, results.csv, failures.csv and joblog.tsv.
        experiment: says which formats, and whether input columns stand beside results.
        rows: the input as tables have it, to be read once more.
        work_folder: an empty folder with room for the ledger and the tables.

    Raises:
        RunStateError: when the input has fewer rows than were seeded.
        DamagedPartError: when a sealed part is damaged.
    """
    own = lineage[-1]
    spill, set_aside = _spill(lineage, work_folder)
    tables = RunTables(work_folder, own.seed, experiment, _columns(spill))
    succeeded = failed = 0
    with closing(tables):
        for outcome, values, size_bytes in _beside_input(spill, rows, lineage[0].seed):
            tables.add(outcome, values, size_bytes)
            if outcome["outcome"] == SUCCEEDED:
                succeeded += 1
            else:
                failed += 1
    for name in tables.names:
        own.store.upload(name, work_folder / name)
    return Collected(succeeded, failed, tables.groups.largest(), set_aside)


def _spill(lineage: Sequence[Generation], work_folder: Path) -> tuple[Spill, int]:
    """Return the lines of all runs, and how many lines were set aside."""
    folder = work_folder / "spill"
    folder.mkdir()
    spill, foreign = Spill(folder), 0
    unreadable: list[str] = []
    for number, generation in enumerate(lineage):
        rows = generation.rows()
        own = range(rows) if isinstance(rows, int) else rows
        for seal in generation.seals:
            for name in seal.parts:
                for row_index, succeeded, line in part_lines(generation.store, name, unreadable.append):
                    if row_index in own:
                        spill.add(seal.number, row_index, succeeded, line, run=number)
                    else:
                        foreign += 1
    return spill, foreign + len(unreadable)


def _columns(spill: Spill) -> tuple[Column, ...]:
    columns = ResultColumns()
    for line in spill.merge():
        outcome = read_outcome(line)
        if outcome["outcome"] == SUCCEEDED:
            columns.see(outcome["result"])
    if columns.needs_digits:
        for line in spill.merged():
            outcome = read_outcome(line)
            if outcome["outcome"] == SUCCEEDED:
                columns.see_digits(outcome["result"])
    return columns.columns()


def _beside_input(spill: Spill, rows: Rows, seed: SeedRecord) -> Iterator[tuple[dict[str, Any], Sequence[Any], int]]:
    """Yield the outcome, the input's values and the size of each row that has an outcome, in order."""
    values = (row for batch in rows.batches(INPUT_BATCH_ROWS) for row in batch)
    read = 0
    for line in spill.merged():
        outcome = read_outcome(line)
        ahead = outcome["row_index"] - read
        found = next(islice(values, ahead, None), None)
        if found is None:
            raise RunStateError(
                f"the input ends before row {outcome['row_index']:,}, {seed.rows:,} rows were seeded from it",
                hint="put the input back as it was when the run began, then collect again",
            )
        read += ahead + 1
        yield outcome, found, len(line)
