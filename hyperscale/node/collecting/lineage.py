"""A run and the runs that it is a retry of, oldest first: what counts of each (protocol rule 28)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from hyperscale import blobs
from hyperscale.errors import RunStateError
from hyperscale.ledger import Seal
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals, tally_of
from hyperscale.node.collecting.outcome_lines import read_outcome
from hyperscale.node.control import SeedRecord, read_seed, rows_of_run
from hyperscale.node.storing.stores import Store
from hyperscale.row_set import RowSet

#: Opens the store of another run in the place where this run's is.
OpenRun = Callable[[str], Store]


@dataclass(frozen=True)
class Generation:
    """One run of a lineage.

    Attributes:
        run_id: of the run.
        store: of the run.
        seed: what was seeded.
        seals: that count, oldest first: of an older run those up to the one that its retry names.
    """

    run_id: str
    store: Store
    seed: SeedRecord
    seals: Sequence[Seal]

    def rows(self) -> int | RowSet:
        """Return which rows the run has."""
        return rows_of_run(self.store, self.seed)


@contextmanager
def ancestors(seed: SeedRecord, open_run: OpenRun) -> Iterator[tuple[Generation, ...]]:
    """Give the runs that the run of `seed` is a retry of, oldest first; their stores are closed afterwards.

    Raises:
        RunStateError: when the data of one of them is gone.
    """
    with ExitStack() as stack:
        found: list[Generation] = []
        while seed.selection is not None and seed.selection.retry_of is not None:
            run_id = seed.selection.retry_of
            store = open_run(run_id)
            stack.callback(store.close)
            found.append(_generation(run_id, store, seed.selection.seal or 0))
            seed = found[-1].seed
        yield tuple(reversed(found))


def _generation(run_id: str, store: Store, seal: int) -> Generation:
    seed, seals = read_seed(store), read_seals(store)
    if seed is None or len(seals) < seal:
        what = blobs.SEED if seed is None else blobs.seal(seal)
        raise RunStateError(
            f"the data of run {run_id}, which was retried, is gone: there is no {what} of it",
            hint="outcomes of a retry count beside those of the run that it retries: put its data back",
        )
    return Generation(run_id, store, seed, seals[:seal])


def all_rows(lineage: Sequence[Generation]) -> RowSet:
    """Return the rows of the oldest run: those that all later ones have a part of."""
    rows = lineage[0].rows()
    return RowSet.all(rows) if isinstance(rows, int) else rows


def unsucceeded(lineage: Sequence[Generation]) -> RowSet:
    """Return the rows that failed in the newest run of `lineage` that has an outcome of them, or are missing.

    Raises:
        DamagedPartError: when a sealed part is damaged.
    """
    left = all_rows(lineage)
    for generation in lineage:
        tally = tally_of(generation.store, generation.rows(), generation.seals)
        left = left.without(tally.succeeded_rows())
    return left


def failed_so(
    lineage: Sequence[Generation], rows: RowSet, is_meant: Callable[[int, Mapping[str, Any]], bool]
) -> RowSet:
    """Return those of `rows` whose newest failure `is_meant`; a row that is missing is not among them.

    Args:
        lineage: in which none of `rows` has succeeded.
        rows: of it.
        is_meant: takes a row_index and the `failure` of its ledger line; it is asked once for each row that failed.
    """
    marks, seen = bytearray(len(rows.marks)), bytearray(len(rows.marks))
    for generation in reversed(lineage):
        for name in (name for seal in generation.seals for name in seal.parts):
            for row_index, _, line in part_lines(generation.store, name):
                # Of the lines of a row that has not succeeded in a run, the first one decides (rule 24).
                if row_index in rows and not seen[row_index]:
                    seen[row_index] = 1
                    marks[row_index] = is_meant(row_index, read_outcome(line).get("failure") or {})
    return RowSet(marks)
