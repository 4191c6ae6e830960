"""The failures of a run: those of its table once it is collected, those of its ledger before."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.control.failed.failed_rows import FailedRow, FailuresInLedger, FailureTable
from hyperscale.control.failed.failure_lines import failure_lines, failures_document
from hyperscale.control.failed.failures_of import failures_of, parts_to_read
from hyperscale.control.failed.grouping import group_failures
from hyperscale.control.follow.finding import FoundRun, find_anywhere
from hyperscale.control.reading.checking import check_experiment
from hyperscale.control.run_folder import RUNS, Launch, RunFolder
from hyperscale.errors import ExperimentError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import failed_line, write_part
from hyperscale.node.collecting.failure_table import COLUMNS, failure_row
from hyperscale.node.collecting.result_columns import Column
from hyperscale.node.collecting.result_files import CsvFile
from hyperscale.node.control import SeedRecord, write_manifest, write_seed
from hyperscale.node.reading.readers import input_hash
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.where import Where, read_where


def failure(message: str, kind: str = "raised", **more: Any) -> dict[str, Any]:
    parts = {"frames": ["a.py:1 f: g()", "a.py:2 g: raise"], "exit_code": None, "signal": None, "last_output": None}
    return {"kind": kind, "type": "ValueError", "message": message, **parts, **more}


def line(row_index: int, message: str) -> str:
    return failed_line(
        row_index, attempts=2, seconds=0.1, started_at=1.0, consumer="c-1", worker=0, failure=failure(message)
    )  # fmt: skip


def rows_of(*messages: str) -> list[FailedRow]:
    return [FailedRow(number, 1, "c-1", failure(message), f"k{number}") for number, message in enumerate(messages)]


def test_a_row_of_the_table_is_the_failure_that_the_ledger_had(tmp_path: Path) -> None:
    told = failure("=1+1\nand more", last_output="@x\ry", exit_code=3)
    file = CsvFile(tmp_path / "failures.csv", [*COLUMNS, Column("size", "integer"), Column("=name", "string")])
    outcome = {"row_index": 7, "attempts": 3, "consumer": "c-9", "failure": told}
    file.write([[*failure_row(outcome, "-k", "ab12cd34"), -5, "+n"]])
    file.close()

    (row,) = FailureTable(tmp_path / "failures.csv", {"size": "integer"}, has_keys=True)

    assert row == FailedRow(7, 3, "c-9", told, "-k", {"size": -5, "=name": "+n"})


@pytest.mark.parametrize("number", [2**60 + 1, -(2**70) - 1, 0.5, 1e-07, None])
def test_a_long_integer_or_a_float_of_one_column_is_told_as_it_was(tmp_path: Path, number: float | None) -> None:
    file = CsvFile(tmp_path / "failures.csv", [*COLUMNS, Column("size", "decimal(38,7)")])
    outcome = {"row_index": 7, "attempts": 3, "consumer": "c-9", "failure": failure("no")}
    file.write([[*failure_row(outcome, None, "ab12cd34"), number]])
    file.close()

    (row,) = FailureTable(tmp_path / "failures.csv", {"size": "decimal(38,7)"}, has_keys=False)

    assert row.values == {"size": number}


def test_of_the_ledger_each_failed_row_is_told_once_and_a_damaged_part_not_at_all(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(blobs.part("c-1", 0), write_part([line(4, "no"), line(2, "no")]))
    store.create(blobs.part("c-2", 0), write_part([line(4, "no")]))
    store.create(blobs.part("c-3", 0), b"half a part")

    rows = FailuresInLedger(store, store.names(blobs.LEDGER))

    assert [row.row_index for row in rows] == [4, 2]
    assert [row.row_index for row in rows] == [4, 2], "they can be read once more"


def test_an_outage_is_not_a_run_without_failures(tmp_path: Path) -> None:
    class Unreachable(FolderStore):
        def read(self, name: str) -> bytes:
            raise StorageUnavailableError("the service does not answer")

    store = Unreachable(tmp_path)
    store.create(blobs.part("c-1", 0), write_part([line(4, "no")]))

    with pytest.raises(StorageUnavailableError):
        list(FailuresInLedger(store, store.names(blobs.LEDGER)))


def test_groups_have_three_rows_as_samples_and_what_is_not_shown_is_counted() -> None:
    rows = rows_of(*["common"] * 5, *["rare"] * 2, "once")

    found = group_failures(rows, Where(), shown=2)

    assert [[row.row_index for row in group.samples] for group in found.groups] == [[0, 3, 4], [5, 6]]
    assert (found.rows, found.more_rows, found.more_groups) == (8, 1, 1)


@pytest.mark.parametrize(
    ("conditions", "rows"), [(["rows=1-2"], {"a": [1], "b": [2]}), (["key=k2", "key=k3"], {"b": [2, 3]})]
)
def test_only_rows_that_are_meant_are_grouped(conditions: list[str], rows: dict[str, list[int]]) -> None:
    found = group_failures(rows_of("a", "a", "b", "b"), read_where(conditions))

    told = {group.group.message: [row.row_index for row in group.samples] for group in found.groups}
    assert told == rows


def test_a_signature_may_be_shortened_as_long_as_it_means_one_group(wording: Wording) -> None:
    rows = rows_of("a", "b")
    ids = [group.group.signature for group in group_failures(rows, Where()).groups]

    assert group_failures(rows, read_where([f"signature={ids[0][:4]}"])).rows == 1
    with pytest.raises(ExperimentError) as caught:
        group_failures(rows, read_where(["signature=0"]))
    names(caught, "--where signature=0")
    wording(caught)
    assert all(one in str(caught.value.hint) for one in ids)


def test_signatures_that_begin_alike_are_named(wording: Wording) -> None:
    rows = rows_of(*"abcdefghijklmnopqrstuvwxyz")

    with pytest.raises(ExperimentError) as refused:
        group_failures(rows, read_where([f"signature={letter}" for letter in "abcdef"]))
    names(refused, "--where signature=a", 2)
    wording(refused)


@pytest.mark.parametrize(
    ("failed", "at_most", "read"),
    [
        ({"c-1": 5, "c-2": 0, "c-3": 9}, 9, ["c-3-000000", "c-3-000001", "c-1-000000", "c-1-000001"]),
        ({"c-1": 5, "c-2": 0, "c-3": 9}, 2, ["c-3-000001", "c-1-000001"]),
        ({"c-2": 0, "c-3": 0}, 9, ["c-1-000000", "c-1-000001"]),  # who has not told may have failures
    ],
)
def test_the_newest_parts_of_consumers_with_failures_are_read(
    failed: dict[str, int], at_most: int, read: list[str]
) -> None:
    names = [blobs.part(consumer, number) for consumer in ("c-1", "c-2", "c-3") for number in (0, 1)]

    assert parts_to_read(names, failed, at_most) == [f"ledger/{name}.jsonl" for name in read]


@pytest.fixture
def unfinished(tmp_path: Path) -> FoundRun:
    """A run that nobody has collected: row 1 has failed, and its input lies here."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "act.py").write_text("def run(row):\n    return 1\n")
    (tmp_path / "rows.csv").write_text("name,size\nx,1\n=y,2\nz,3\n")
    document = {
        "name": "cut",
        "input": {"csv": "rows.csv", "key": "name", "columns": {"size": "integer"}},
        "activity": {"code": "src", "entry": "act:run"},
    }
    file = tmp_path / "experiment.yaml"
    file.write_text(json.dumps(document))
    loaded = check_experiment(file).loaded
    run = RunFolder.under(tmp_path / RUNS, "cut-1")
    run.write_launch(Launch("cut", "cut.yml", run.queue_url, run.store_url, 1.0))
    with closing(run.store()) as store:
        digest = input_hash(loaded.experiment.input, tmp_path / "rows.csv")
        columns = ("name", "size")
        write_seed(store, SeedRecord("s", 3, 3, columns, {"size": "integer"}, "name", digest, 0.1))
        write_manifest(
            store,
            {
                "run_id": "cut-1",
                "experiment": "cut",
                "experiment_file": str(file),
                "node_experiment": NodeExperiment.of(loaded.experiment).to_document(),
            },
        )
        store.create(blobs.part("c-1", 0), write_part([line(1, "no size 2")]))
        store.beat(blobs.heartbeat("c-1"), {"role": "consume", "rows_failed": 1})
    return find_anywhere(file, "cut-1", {})


def test_of_a_run_that_is_not_collected_it_tells_what_is_known_and_that_it_is_provisional(
    unfinished: FoundRun, wording: Wording
) -> None:
    found = failures_of(unfinished, Where())

    lines = failure_lines(found, "cut-1", "hyperscale")
    names(lines[:2], 1, "1 of 1 part")
    wording(lines[:2])
    assert '   row 1 (=y), 2 attempts: name="=y", size=2' in lines
    (command,) = [text for text in lines if "hyperscale retry cut-1 " in text]
    wording(command)
    document = failures_document(found, "cut-1", "cut-1", "hyperscale")
    assert document["groups"][0]["samples"][0]["values"] == {"name": "=y", "size": 2}
    assert document["provisional"]


def test_a_run_at_work_is_retried_once_it_is_over(unfinished: FoundRun, wording: Wording) -> None:
    with unfinished.folder.lock():
        found = failures_of(unfinished, Where())

    lines = failure_lines(found, "cut-1", "hyperscale")
    wording(lines[1])
    (command,) = [text for text in lines if "hyperscale retry cut-1 " in text]
    wording(command)


def test_keys_of_a_run_that_is_not_collected_are_not_known(unfinished: FoundRun, wording: Wording) -> None:
    with pytest.raises(ExperimentError) as refused:
        failures_of(unfinished, read_where(["key=x"]))
    names(refused, "--where key=", "rows=100-200,300")
    wording(refused)
