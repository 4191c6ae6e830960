"""The table of a run's results, as people look at it: where it lies, and never more of it than they asked for."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from hyperscale.control.results_table import MANY_REMOTE_ROWS, TABLES, Preview, read_preview, read_table, to_pandas
from hyperscale.control.run_folder import RunFolder

TABLE = pyarrow.table({"row_index": [0, 1, 2], "rate": [0.5, 1.5, 2.5]})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.under(tmp_path, "made-1")


def put_parquet(run: RunFolder) -> None:
    run.path.mkdir()
    pyarrow.parquet.write_table(TABLE, run.path / "results.parquet")


def put_csv(run: RunFolder) -> None:
    run.path.mkdir()
    pyarrow.csv.write_csv(TABLE, run.path / "results.csv")


def test_a_table_on_this_machine_is_read_where_it_lies(run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    put_parquet(run)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")

    preview = read_preview(run, run.store(), MANY_REMOTE_ROWS + 1, 2)

    assert preview == Preview(["row_index", "rate"], [(0, 0.5), (1, 1.5)])
    assert read_table(run, run.store()) == TABLE


def test_integers_beside_missing_values_keep_their_digits_in_pandas():
    table = pyarrow.table({"long": [2**60 + 1, None], "short": [1, None], "full": [2**60 + 1, 2]})

    frame = to_pandas(table)

    assert [str(kind) for kind in frame.dtypes] == ["Int64", "float64", "int64"]
    assert (frame["long"][0], frame["long"].isna().tolist()) == (2**60 + 1, [False, True])


def test_without_parquet_the_csv_is_looked_at(run: RunFolder):
    put_csv(run)

    preview = read_preview(run, run.store(), 3, 2)

    assert preview == Preview(["row_index", "rate"], [["0", "0.5"], ["1", "1.5"]])


def test_a_run_without_a_table_has_no_preview(run: RunFolder):
    assert read_preview(run, run.store(), 0, 2) is None


def test_a_table_far_away_is_copied_for_a_look_only_if_it_is_small(run: RunFolder):
    put_parquet(run)
    far = RunFolder.under(run.runs, run.run_id, store="https://account.blob.core.windows.net/hyperscale")

    previews = [read_preview(far, run.store(), total, 2) for total in (MANY_REMOTE_ROWS, MANY_REMOTE_ROWS + 1)]

    assert previews == [Preview(["row_index", "rate"], [(0, 0.5), (1, 1.5)]), None]


def test_texts_with_line_breaks_are_read_from_a_csv_of_several_blocks(run: RunFolder, tmp_path: Path):
    said = [f"{number}\n" * 10_000 for number in range(60)]  # pyarrow reads a megabyte at a time
    with (tmp_path / "table.csv").open("w", newline="") as text:
        csv.writer(text).writerows([("row_index", "said"), *enumerate(said)])
    run.store().upload(TABLES[".csv"], tmp_path / "table.csv")

    assert read_table(run, run.store()).column("said").to_pylist() == said
