"""A run and its retries: which rows are left, and what their tables hold together."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from finished_runs import SEALED_AT, experiment, failed, part, seeded, succeeded, write_input
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.ledger import write_part
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.collecting.collect import Collected, collect
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.collecting.lineage import Generation, all_rows, ancestors, failed_so, unsucceeded
from hyperscale.node.collecting.run_results import RowCounts, counts_of_lineage
from hyperscale.node.control import SeedRecord, Selection, rows_of_run, write_seed, write_selected_rows
from hyperscale.node.reading.readers import open_rows
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.row_set import RowSet

ROWS = 6


class Runs:
    """The run `r0` of all rows, and `r1`, `r2` ..., each a retry of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input = write_input(folder, ROWS)
        self.newest = ""
        self._count = self._tables = 0

    def open(self, run_id: str) -> FolderStore:
        return FolderStore(self.folder / run_id)

    def add(self, lines: Iterable[str], *, rows: Iterable[int] | None = None) -> SeedRecord:
        """Add a run with these lines in its ledger, which is sealed; `rows` are those that it has, if not all."""
        run_id = f"r{self._count}"
        store = self.open(run_id)
        seed = seeded(store, ROWS, input_path=self.input) if rows is None else self._seed_again(store, RowSet.of(rows))
        self._count, self.newest = self._count + 1, run_id
        part(store, "c-1", lines)
        Chain(store, rows_of_run(store, seed)).seal("user: enough", SEALED_AT)
        return seed

    def _seed_again(self, store: FolderStore, rows: RowSet) -> SeedRecord:
        first = seeded(self.open("like-the-first"), ROWS, input_path=self.input)
        selection = Selection(rows.count, first.input_hash, (), self.newest or None, 1 if self.newest else None)
        write_selected_rows(store, rows)
        record = replace(first, rows=rows.count, selection=selection)
        write_seed(store, record)
        return record

    def collect(self, newest: SeedRecord) -> tuple[Collected, RowCounts]:
        """Collect the newest run, with those that it is a retry of."""
        store = self.open(self.newest)
        self._tables += 1
        work_folder = self.folder / f"work-{self._tables}"
        work_folder.mkdir()
        with ancestors(newest, self.open) as older:
            lineage = (*older, Generation(self.newest, store, newest, read_seals(store)))
            rows = open_rows(experiment().input, self.input)
            found = collect(lineage=lineage, experiment=experiment(), rows=rows, work_folder=work_folder)
            return found, counts_of_lineage(
                lineage, succeeded=found.succeeded, failed=found.failed, set_aside=found.set_aside
            )

    def left(self, newest: SeedRecord) -> list[int]:
        """Return the rows that failed or are missing."""
        store = self.open(self.newest)
        with ancestors(newest, self.open) as older:
            return unsucceeded((*older, Generation(self.newest, store, newest, read_seals(store)))).rows_between(0, 99)

    def table(self) -> dict[int, str]:
        """Return row_index and result (or why it failed) of each row in the tables."""
        store = self.open(self.newest)
        rows = csv.DictReader(store.read(blobs.RESULTS_CSV).decode("utf-8-sig").splitlines())
        failures = csv.DictReader(store.read(blobs.FAILURES_CSV).decode("utf-8-sig").splitlines())
        why = {row["row_index"]: row["message"] for row in failures}
        return {int(row["row_index"]): why.get(row["row_index"]) or row["run"] for row in rows}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_the_table_of_a_retry_has_all_rows_each_with_its_newest_outcome(runs: Runs) -> None:
    runs.add([succeeded(0, {"run": "r0"}), failed(1, "first"), failed(2, "first"), succeeded(3, {"run": "r0"})])
    retry = runs.add([succeeded(1, {"run": "r1"}), failed(2, "second"), succeeded(4, {"run": "r1"})], rows=[1, 2, 4, 5])

    collected, counts = runs.collect(retry)

    assert runs.table() == {0: "r0", 1: "r1", 2: "second", 3: "r0", 4: "r1"}
    assert (collected.succeeded, collected.failed) == (4, 1)
    assert counts == RowCounts(total=6, succeeded=4, failed=1, missing=1, duplicate_outcomes=0)
    assert [group.rows for group in collected.groups] == [1]
    assert runs.left(retry) == [2, 5]


def test_the_retry_of_a_retry_has_what_all_three_came_to(runs: Runs) -> None:
    runs.add([succeeded(0, {"run": "r0"}), *(failed(row, "first") for row in (1, 2, 3))])
    runs.add([succeeded(1, {"run": "r1"}), failed(2, "second")], rows=[1, 2])
    third = runs.add([succeeded(2, {"run": "r2"}), succeeded(4, {"run": "r2"})], rows=[2, 4])

    _, counts = runs.collect(third)

    assert runs.table() == {0: "r0", 1: "r1", 2: "r2", 3: "first", 4: "r2"}
    assert counts == RowCounts(total=6, succeeded=4, failed=1, missing=1, duplicate_outcomes=0)
    assert runs.left(third) == [3, 5]


def test_the_retry_of_a_trial_has_the_rows_of_the_trial(runs: Runs) -> None:
    runs.add([failed(0), succeeded(3, {"run": "r0"})], rows=[0, 3, 5])
    retry = runs.add([succeeded(0, {"run": "r1"}), succeeded(5, {"run": "r1"})], rows=[0, 5])

    _, counts = runs.collect(retry)

    assert runs.table() == {0: "r1", 3: "r0", 5: "r1"}
    assert (counts.total, counts.missing) == (3, 0)
    assert runs.left(retry) == []


def test_what_a_retried_run_comes_to_later_changes_nothing(runs: Runs) -> None:
    runs.add([succeeded(0, {"run": "r0"}), failed(1, "first")])
    retry = runs.add([failed(1, "second"), failed(2, "second")], rows=[1, 2, 3, 4, 5])
    runs.collect(retry)
    before = runs.table(), runs.left(retry)

    parent = runs.open("r0")
    parent.create(blobs.part("c-0", 0), write_part([succeeded(row, {"run": "zombie"}) for row in range(ROWS)]))
    Chain(parent, ROWS).seal("", SEALED_AT)
    runs.collect(retry)

    assert len(read_seals(parent)) == 2
    assert (runs.table(), runs.left(retry)) == before == ({0: "r0", 1: "second", 2: "second"}, [1, 2, 3, 4, 5])


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, ROWS - 1)), st.dictionaries(st.integers(0, ROWS - 1), st.booleans())),
        min_size=1,
        max_size=3,
    )
)
def test_the_rows_that_are_left_are_those_that_never_succeeded(
    tmp_path_factory: pytest.TempPathFactory, lives: list[tuple[set[int], dict[int, bool]]]
) -> None:
    runs = Runs(tmp_path_factory.mktemp("runs"))
    done: set[int] = set()
    for number, (chosen, outcomes) in enumerate(lives):
        rows = None if number == 0 else (chosen or {0}) - done
        if rows == set():
            break
        ended = {row: ok for row, ok in outcomes.items() if rows is None or row in rows}
        seed = runs.add([succeeded(row) if ok else failed(row) for row, ok in ended.items()], rows=rows)
        done |= {row for row, ok in ended.items() if ok}

    assert runs.left(seed) == [row for row in range(ROWS) if row not in done]


@pytest.mark.parametrize("name", [blobs.SEED, blobs.seal(1)])
def test_a_retry_whose_retried_run_is_gone_says_so(runs: Runs, name: str, wording: Wording) -> None:
    runs.add([failed(0)])
    retry = runs.add([succeeded(0)], rows=[0, 1])
    (runs.folder / "r0" / name).unlink()

    with pytest.raises(RunStateError) as caught:
        runs.collect(retry)
    names(caught, "r0")
    wording(caught)

    assert name in str(caught.value)


def test_a_run_whose_selected_rows_are_not_what_was_selected_is_an_error(runs: Runs, wording: Wording) -> None:
    runs.add([failed(0), failed(1)])
    retry = runs.add([], rows=[0, 1])
    file = runs.folder / "r1" / blobs.SELECTED_ROWS
    file.write_bytes(RowSet.of([0]).encode())

    with pytest.raises(HyperscaleError) as refused:
        runs.left(retry)
    names(refused, 1, 2)
    wording(refused)

    file.unlink()
    with pytest.raises(HyperscaleError) as refused:
        runs.left(retry)
    names(refused, "selected_rows.bin")
    wording(refused)


def test_the_newest_failure_of_a_row_says_why_it_failed(runs: Runs) -> None:
    runs.add([failed(0, type="KeyError"), failed(1, type="KeyError"), failed(2, type="ValueError"), succeeded(3)])
    retry = runs.add([failed(1, type="ValueError"), failed(1, type="KeyError"), succeeded(2)], rows=[0, 1, 2])

    with ancestors(retry, runs.open) as older:
        store = runs.open("r1")
        lineage = (*older, Generation("r1", store, retry, read_seals(store)))
        left = unsucceeded(lineage)
        found = {
            kind: failed_so(lineage, left, lambda _, failure, kind=kind: failure["type"] == kind).rows_between(0, 9)
            for kind in ("KeyError", "ValueError")
        }

    assert found == {"KeyError": [0], "ValueError": [1]}


def test_the_rows_of_a_lineage_are_those_of_its_oldest_run(runs: Runs) -> None:
    seed = runs.add([])

    assert all_rows([Generation("r0", runs.open("r0"), seed, [])]).rows_between(0, 99) == [0, 1, 2, 3, 4, 5]
