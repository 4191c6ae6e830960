"""The same rows from files of every form come to the same results, and keep the types that their files have."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Command

ROWS = [{"id": f"r{number}", "depth": number, "rate": number / 4, "tags": ["a", str(number)]} for number in range(30)]
CODE = (
    "def fit(row):\n    return {'twice': row['depth'] * 2, 'tag': row['tags'][1], 'kind': type(row['rate']).__name__}\n"
)


def write_rows(folder: Path, form: str) -> str:
    lines = "".join(f"{json.dumps(row)}\n" for row in ROWS)
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "rows.parquet")
    elif form == "jsonl.gz":
        (folder / "rows.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    else:
        (folder / "rows.jsonl").write_text(lines)
    return f"{form.partition('.')[0]}: rows.{form}"


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
def test_rows_of_typed_files_reach_the_activity_and_the_results(tmp_path: Path, hyperscale: Command, form: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "fit.py").write_text(CODE)
    (tmp_path / "experiment.yaml").write_text(
        f"name: typed\ninput: {{{write_rows(tmp_path, form)}, key: id}}\nactivity: {{entry: 'fit:fit'}}\n"
    )

    done = hyperscale("run", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / ".hyperscale" / "runs").iterdir()
    table = pq.read_table(run / "results.parquet")
    assert table.column("twice").to_pylist() == [row["depth"] * 2 for row in ROWS]
    assert table.column("tag").to_pylist() == [row["tags"][1] for row in ROWS]
    assert set(table.column("kind").to_pylist()) == {"float"}
    assert (table.schema.field("depth").type, table.schema.field("rate").type) == (pa.int64(), pa.float64())
    assert table.column("tags").to_pylist() == [json.dumps(row["tags"], separators=(",", ":")) for row in ROWS]


def test_a_sweep_runs_without_a_file_and_its_failed_rows_are_retried(tmp_path: Path, hyperscale: Command) -> None:
    (tmp_path / "src").mkdir()
    code = tmp_path / "src" / "fit.py"
    code.write_text(
        "def fit(row):\n    if row['note'] is None: raise ValueError('no note')\n    return {'is': str(row)}\n"
    )
    (tmp_path / "experiment.yaml").write_text(
        "name: combined\n"
        'input: {sweep: {rate: {range: [0.1, 0.3, 0.1]}, note: ["it\'s $x", null], depth: {range: [1, 2]}}}\n'
        "activity: {entry: 'fit:fit', max_attempts: 1}\n"
    )

    first = hyperscale("run", folder=tmp_path)
    code.write_text("def fit(row):\n    return {'is': str(row)}\n")
    again = hyperscale("retry", "--where", "rows=2-3,6-7,10-11", folder=tmp_path)

    assert "succeeded=6 failed=6 missing=0 total=12" in first.stdout, first.stderr
    assert "succeeded=12 failed=0 missing=0 total=12" in again.stdout, again.stderr
    run = max((tmp_path / ".hyperscale" / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    table = pq.read_table(run / "results.parquet").select(["rate", "note", "depth", "is"]).to_pylist()
    expected = [
        {"rate": rate, "note": note, "depth": depth}
        for rate in (0.1, 0.2, 0.3)
        for note in ("it's $x", None)
        for depth in (1, 2)
    ]
    assert table == [{**row, "is": str(row)} for row in expected]
