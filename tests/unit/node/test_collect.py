"""The tables of a run."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import peaks
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished_runs import experiment, failed, part, sealed, seeded, succeeded, write_input
from profiles import size

from hyperscale import blobs
from hyperscale.documents import build
from hyperscale.errors import RunStateError
from hyperscale.experiment import Input, NodeExperiment
from hyperscale.ledger import Seal
from hyperscale.node.collecting.collect import collect
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.collecting.lineage import Generation
from hyperscale.node.collecting.result_files import read_csv
from hyperscale.node.collecting.run_tables import key_of
from hyperscale.node.control import SeedRecord
from hyperscale.node.reading.readers import open_rows
from hyperscale.node.storing.stores import Store
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.node.working.results import encode_result

TABLES = (blobs.RESULTS_PARQUET, blobs.RESULTS_CSV, blobs.FAILURES_CSV, blobs.JOBLOG)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "store")


class Run:
    """A run in `folder` whose tables are collected."""

    def __init__(self, store: Store, folder: Path, rows: int, spec: NodeExperiment) -> None:
        self.store, self.folder, self.spec = store, folder, spec
        self.rows = rows
        self.input = write_input(folder, rows)
        self.seed: SeedRecord = seeded(store, rows, key=spec.input.key)
        self._collections = 0

    def collect(self, seals: list[Seal] | None = None) -> tuple[FailureGroup, ...]:
        self._collections += 1
        work_folder = self.folder / f"work-{self._collections}"
        work_folder.mkdir()
        seals = sealed(self.store, self.rows) if seals is None else seals
        return collect(
            lineage=[Generation("r", self.store, self.seed, seals)],
            experiment=self.spec,
            rows=open_rows(self.spec.input, self.input),
            work_folder=work_folder,
        ).groups

    def table(self) -> pa.Table:
        path = self.folder / "copy.parquet"
        self.store.download(blobs.RESULTS_PARQUET, path)
        return pq.read_table(path)

    def csv(self, name: str) -> list[list[str]]:
        text = self.store.read(name).decode()
        return list(csv.reader(text.splitlines(keepends=True)))

    def bytes(self) -> dict[str, bytes]:
        return {name: self.store.read(name) for name in TABLES}


def run_of(store: Store, folder: Path, lines: Iterable[str], *, rows: int, **spec: Any) -> Run:
    run = Run(store, folder, rows, experiment(**spec))
    part(store, "c-1", lines)
    return run


def test_a_row_of_the_table_is_what_is_known_of_a_row_of_the_input(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(1, {"accuracy": 0.5}, attempts=2), failed(0)], rows=2, key="id")

    run.collect()

    assert run.table().to_pylist() == [
        {
            "row_index": 0,
            "key": "k0",
            "outcome": "failed",
            "attempts": 3,
            "seconds": 0.5,
            "consumer": "c-1",
            "id": "k0",
            "depth": 0,
            "accuracy": None,
        },
        {
            "row_index": 1,
            "key": "k1",
            "outcome": "succeeded",
            "attempts": 2,
            "seconds": 0.25,
            "consumer": "c-1",
            "id": "k1",
            "depth": 10,
            "accuracy": 0.5,
        },
    ]


def test_a_key_in_tables_is_its_text_whatever_its_value() -> None:
    source = build(Input, {"columns": {}, "group_by": [], "jsonl": "in.jsonl", "key": "flag"})

    key = key_of(source, ("id", "flag"))

    assert [key([7, value]) for value in (False, None, 3, 1.0, math.inf, "a")] == [
        *("false", "", "3", "1.0", "Infinity", "a"),
    ]


def test_csv_says_the_same_as_parquet(store: Store, tmp_path: Path) -> None:
    text = 'say "hi",\r\nthen go'
    first, second = {"a": 1, "text": text}, {"a": {"$number": "NaN"}, "flag": True}
    run = run_of(store, tmp_path, [succeeded(0, first), succeeded(1, second), failed(2)], rows=3)

    run.collect()

    assert run.csv(blobs.RESULTS_CSV) == [
        ["row_index", "key", "outcome", "attempts", "seconds", "consumer", "id", "depth", "a", "text", "flag"],
        ["0", "", "succeeded", "1", "0.25", "c-1", "k0", "0", "1.0", text, ""],
        ["1", "", "succeeded", "1", "0.25", "c-1", "k1", "10", "NaN", "", "true"],
        ["2", "", "failed", "3", "0.5", "c-1", "k2", "20", "", "", ""],
    ]
    assert store.read(blobs.RESULTS_CSV).count(b"\r\n") == 5


def test_columns_have_the_types_of_their_values(store: Store, tmp_path: Path) -> None:
    first = {"whole": 1, "mixed": 1, "word": "a", "flag": True, "list": [1, {"$number": "NaN"}], "huge": 2**70}
    second = {"whole": -5, "mixed": 0.5, "word": 7, "flag": False, "list": None, "huge": 1}
    run = run_of(store, tmp_path, [succeeded(0, first), succeeded(1, second)], rows=2, include_input=False)

    run.collect()
    table = run.table().drop_columns(["row_index", "key", "outcome", "attempts", "seconds", "consumer"])

    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "string", "bool", "string", "string"]
    assert table.to_pydict() == {
        "whole": [1, -5],
        "mixed": [1.0, 0.5],
        "word": ["a", "7"],
        "flag": [True, False],
        "list": ["[1,NaN]", None],
        "huge": [str(2**70), "1"],
    }


def test_no_integer_loses_a_digit_beside_floats_or_nothing(store: Store, tmp_path: Path) -> None:
    first = {"double": 2**60, "decimal": 2**60 + 1, "text": 2**60 + 1, "none": 2**60 + 1, "huge": 2**70 + 1}
    second = {"double": 0.5, "decimal": 0.125, "text": math.inf, "huge": 1.5}
    run = run_of(store, tmp_path, [succeeded(0, first), succeeded(1, second)], rows=2, include_input=False)
    header = ["row_index", "key", "outcome", "attempts", "seconds", "consumer"]

    run.collect()
    table = run.table().drop_columns(header)

    kinds = ["double", "decimal128(38, 3)", "string", "int64", "decimal128(38, 1)"]
    assert [str(kind) for kind in table.schema.types] == kinds
    assert table.to_pydict() == {
        "double": [2.0**60, 0.5],
        "decimal": [2**60 + 1, Decimal("0.125")],
        "text": [str(2**60 + 1), "Infinity"],
        "none": [2**60 + 1, None],
        "huge": [2**70 + 1, Decimal("1.5")],
    }
    assert [row[6:] for row in run.csv(blobs.RESULTS_CSV)[1:]] == [
        [str(2.0**60), str(2**60 + 1), str(2**60 + 1), str(2**60 + 1), str(2**70 + 1)],
        ["0.5", "0.125", "Infinity", "", "1.5"],
    ]
    again = read_csv(tmp_path / "store" / blobs.RESULTS_CSV).drop_columns(header)
    assert [again[name].to_pylist() for name in ("decimal", "huge")] == [
        [2**60 + 1, Decimal("0.125")],
        [2**70 + 1, Decimal("1.5")],
    ]


def test_no_integer_of_the_input_loses_a_digit_beside_floats(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(0), failed(1)], rows=2)
    source = build(Input, {"columns": {}, "group_by": [], "jsonl": "in.jsonl"})
    run.input = tmp_path / "in.jsonl"
    run.input.write_text(f'{{"id": {2**60 + 1}, "tag": {{"$number": "NaN"}}}}\n{{"id": 0.5}}\n')
    run.spec = replace(run.spec, input=source)
    rows = open_rows(source, run.input)
    run.seed = SeedRecord(**{**vars(run.seed), "columns": rows.columns, "types": rows.types})

    run.collect()

    assert rows.types == {"id": "decimal(38,1)", "tag": "string"}
    assert run.table().select(["id", "tag"]).to_pydict() == {
        "id": [2**60 + 1, Decimal("0.5")],
        "tag": ['{"$number":"NaN"}', None],
    }
    assert run.csv(blobs.FAILURES_CSV)[1][12:] == ["0.5", ""]


def test_a_dict_of_the_user_that_looks_like_our_tag_of_a_float_is_in_the_table_as_it_was(
    store: Store, tmp_path: Path
) -> None:
    results = [{"v": {"$number": "NaN"}, "w": math.nan}, {"v": {"$number": 1}}, {"$number": "NaN"}, math.inf]
    lines = [succeeded(row, json.loads(encode_result(result))) for row, result in enumerate(results)]
    run = run_of(store, tmp_path, lines, rows=4, include_input=False)

    run.collect()
    table = run.table().drop_columns(["row_index", "key", "outcome", "attempts", "seconds", "consumer"])

    assert {name: [str(value) for value in column] for name, column in table.to_pydict().items()} == {
        "v": ['{"$number":"NaN"}', '{"$number":1}', "None", "None"],
        "w": ["nan", "None", "None", "None"],
        "$number": ["None", "None", "NaN", "None"],
        "result": ["None", "None", "None", "inf"],
    }


def test_a_list_of_dicts_becomes_several_rows(store: Store, tmp_path: Path) -> None:
    run = run_of(
        store, tmp_path, [succeeded(0, [{"box": 1}, {"box": 2}]), succeeded(1, []), succeeded(2, {"box": 3})], rows=3
    )

    run.collect()

    assert run.table().select(["row_index", "depth", "box"]).to_pydict() == {
        "row_index": [0, 0, 1, 2],
        "depth": [0, 0, 10, 20],
        "box": [1, 2, None, 3],
    }
    assert len(run.csv(blobs.JOBLOG)) == 4


def test_a_result_without_columns_of_its_own_is_the_column_result(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(0, 7), succeeded(1, None), succeeded(2, 8)], rows=3)

    run.collect()

    assert run.table()["result"].to_pylist() == [7, None, 8]


@pytest.mark.parametrize("include_input", [True, False])
def test_a_result_column_that_collides_is_renamed(store: Store, tmp_path: Path, include_input: bool) -> None:
    result = {"depth": 1, "outcome": "x", "result_depth": 2}
    run = run_of(store, tmp_path, [succeeded(0, result)], rows=1, include_input=include_input)

    run.collect()

    names = run.table().column_names
    inputs = ["id", "depth"] if include_input else []
    assert names[6:] == [*inputs, "result_depth", "result_outcome", "result_result_depth"]


def test_rows_without_an_outcome_are_in_no_table(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(1), failed(3)], rows=5, key="id")

    run.collect()

    assert run.table()["key"].to_pylist() == ["k1", "k3"]
    assert [row[0] for row in run.csv(blobs.FAILURES_CSV)] == ["row_index", "3"]


def test_failures_are_told_with_their_input(store: Store, tmp_path: Path) -> None:
    lines = [
        failed(0, "depth 0", frames=["a.py:1 f: g()", "a.py:5 g: raise"]),
        failed(1, "gone", kind="killed", type="WorkerKilled", signal=9, frames=[], last_output="loading\nmodel"),
    ]
    run = run_of(store, tmp_path, lines, rows=2, key="id", include_input=False)

    groups = run.collect()

    header, first, second = run.csv(blobs.FAILURES_CSV)
    assert header == [
        *["row_index", "key", "attempts", "type", "message", "kind", "exit_code", "signal", "frames", "consumer"],
        *["last_output", "signature", "id", "depth"],
    ]
    assert first[:9] == ["0", "k0", "3", "ValueError", "depth 0", "raised", "", "", "a.py:1 f: g()\na.py:5 g: raise"]
    assert second[3:11] == ["WorkerKilled", "gone", "killed", "", "9", "", "c-1", "loading\nmodel"]
    assert second[12:] == ["k1", "10"]
    assert [(group.signature, group.message, group.rows, group.frame) for group in groups] == [
        (first[11], "depth 0", 1, "a.py:5 g: raise"),
        (second[11], "gone", 1, ""),
    ]


def test_no_cell_is_a_formula_and_parquet_has_the_text_as_it_is(store: Store, tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://x","y")'
    lines = [succeeded(0, {"text": formula, "=name": -5, "code": "-7"}), failed(1, "@SUM(1)")]
    run = run_of(store, tmp_path, lines, rows=2, key="id")
    run.input.write_text('id,depth\n+a,1\n"\t=b",2\n')
    run.seed = SeedRecord(**{**vars(run.seed), "types": {"depth": "integer"}})

    run.collect()

    table, failures = run.csv(blobs.RESULTS_CSV), run.csv(blobs.FAILURES_CSV)
    assert table[0][6:] == ["id", "depth", "text", "'=name", "code"]
    assert [table[1][1], *table[1][6:]] == ["'+a", "'+a", "1", f"'{formula}", "-5", "-7"]
    assert [failures[1][1], failures[1][4], failures[1][12]] == ["'\t=b", "'@SUM(1)", "'\t=b"]
    assert run.table()["text"].to_pylist() == [formula, None]
    assert run.table()["key"].to_pylist() == ["+a", "\t=b"]
    # The command of the job log begins with the activity: no cell of it begins with what a row says.
    assert [line.split("\t")[8] for line in store.read(blobs.JOBLOG).decode().splitlines()[1:]] == [
        "sweep:fit +a",
        "sweep:fit =b",
    ]


def test_the_job_log_is_one_of_gnu_parallel(store: Store, tmp_path: Path) -> None:
    lines = [succeeded(0), failed(1), failed(2, kind="exited", exit_code=3), failed(3, kind="killed", signal=11)]
    run = run_of(store, tmp_path, [*lines, failed(4, kind="exited", exit_code=0)], rows=5)

    run.collect()
    header, *rows = [line.split("\t") for line in store.read(blobs.JOBLOG).decode().splitlines()]

    assert header == ["Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command"]
    assert rows[0] == ["1", "c-1", "1000001.000", "     0.250", "0", "0", "0", "0", "sweep:fit 0"]
    assert [row[6:8] for row in rows] == [["0", "0"], ["1", "0"], ["3", "0"], ["1", "11"], ["1", "0"]]


@pytest.mark.parametrize("names", [("c-a", "c-b"), ("c-b", "c-a")])
def test_a_success_before_the_seal_counts_and_one_after_it_changes_nothing(
    store: Store, tmp_path: Path, names: tuple[str, str]
) -> None:
    first, second = names
    run = Run(store, tmp_path, 2, experiment())
    part(store, first, [failed(0, consumer=first), failed(1, consumer=first)])
    part(store, second, [succeeded(0, consumer=second)])
    seals = sealed(store, 2)
    run.collect(seals)
    before = run.bytes()

    part(store, "c-zombie", [succeeded(1), succeeded(0)])
    run.collect(sealed(store, 2))

    assert [row[2] for row in run.csv(blobs.RESULTS_CSV)] == ["outcome", "succeeded", "failed"]
    assert run.bytes() == before
    assert (seals[-1].succeeded, seals[-1].failed, seals[-1].duplicates) == (1, 1, 1)


def test_a_later_seal_adds_rows_and_changes_none(store: Store, tmp_path: Path) -> None:
    run = Run(store, tmp_path, 3, experiment())
    part(store, "c-2", [failed(0), succeeded(2, {"a": 1})])
    assert sealed(store, 3)[-1].state == "incomplete"
    part(store, "c-1", [succeeded(0, {"b": 2}), succeeded(1, {"c": 3})])

    seals = sealed(store, 3)
    run.collect(seals)

    assert [seal.state for seal in seals] == ["incomplete", "complete"]
    assert run.table().select(["outcome", "c", "a"]).to_pydict() == {
        "outcome": ["failed", "succeeded", "succeeded"],
        "c": [None, 3, None],
        "a": [None, None, 1],
    }


def test_the_table_does_not_depend_on_how_parts_are_cut(tmp_path: Path) -> None:
    lines = [failed(row) if row % 7 == 3 else succeeded(row, {f"c{row % 5}": row, "x": row / 3}) for row in range(60)]
    found = []

    for number, lines_each in enumerate((60, 7, 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = Run(FolderStore(folder / "store"), folder, 60, experiment(key="id"))
        for start in range(0, 60, lines_each):
            part(run.store, f"c-{(start * 37) % 61:03d}", reversed(lines[start : start + lines_each]))
        run.collect()
        found.append(run.bytes())

    assert found[0] == found[1] == found[2]


def test_two_collectors_write_the_same_bytes(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(row, {"x": row}) for row in range(40)], rows=40)

    run.collect()
    first = run.bytes()
    run.collect()

    assert run.bytes() == first


def test_only_the_formats_that_were_asked_for_are_written(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(0)], rows=1, formats=["csv"])

    run.collect()

    assert store.names("results") == [blobs.RESULTS_CSV]


def test_input_columns_that_are_named_like_ours_are_renamed(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(0, {"a": 1}), failed(1)], rows=2)
    run.input.write_text("outcome,depth,type\nx,1,a\ny,2,b\n")
    columns = {"columns": ("outcome", "depth", "type"), "types": {}}
    run.seed = SeedRecord(**{**vars(run.seed), **columns})

    run.collect()

    assert run.table().column_names[6:] == ["input_outcome", "depth", "type", "a"]
    assert run.csv(blobs.FAILURES_CSV)[0][-3:] == ["outcome", "depth", "input_type"]


def test_an_input_that_has_become_shorter_is_an_error(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(row) for row in range(4)], rows=4)
    write_input(tmp_path, 2)

    with pytest.raises(RunStateError, match="input"):
        run.collect()

    assert store.names("results") == []


def test_half_a_character_becomes_a_question_mark(store: Store, tmp_path: Path) -> None:
    run = run_of(store, tmp_path, [succeeded(0, {"name": "a\udcff é"})], rows=1)

    run.collect()

    assert run.table()["name"].to_pylist() == ["a? é"]


_LARGE_RUN = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:4]
from finished_runs import experiment, part, sealed, seeded, succeeded, write_input
from hyperscale.node.collecting.collect import collect
from hyperscale.node.collecting.lineage import Generation
from hyperscale.node.reading.readers import open_rows
from hyperscale.node.storing.stores.folder import FolderStore
from peaks import peak_kib

folder, rows = Path(sys.argv[1]), int(sys.argv[4])
store, text = FolderStore(folder / "store"), "x" * 700
for start in range(0, rows, 1000):
    part(store, f"c-{start % 7919:06d}-{start}", (succeeded(row, {"text": text}) for row in range(start, start + 1000)))
seed, spec, path = seeded(store, rows), experiment(), write_input(folder, rows)
(folder / "work").mkdir()
seals = sealed(store, rows)
before = peak_kib()
rows_again = open_rows(spec.input, path)
collect(
    lineage=[Generation("r", store, seed, seals)], experiment=spec, rows=rows_again, work_folder=folder / "work"
)
print((peak_kib() - before) // 2**10)
"""


def test_a_large_run_is_collected_in_little_memory(tmp_path: Path) -> None:
    # A collector that keeps what it reads keeps 50 or 170 MiB; one that does not takes 110 to 120.
    rows, most_mib = size(60_000, 200_000), size(128, 112)
    here, tests = Path(__file__).parent, Path(peaks.__file__).parent
    arguments = [str(tmp_path), str(here), str(tests), str(rows)]

    done = subprocess.run([sys.executable, "-c", _LARGE_RUN, *arguments], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most_mib, "MiB more at the peak"
    assert pq.read_metadata(tmp_path / "store" / blobs.RESULTS_PARQUET).num_rows == rows
