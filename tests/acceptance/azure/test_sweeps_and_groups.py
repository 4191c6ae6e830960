"""A sweep whose rows are grouped goes to Azure ML: no data travels, and each group is one row of the run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite
from emulator import Emulator

CODE = """
def run(rows, context):
    return {"sum": sum(row["depth"] for row in rows), "by": context.group["rate"], "name": context.key}
"""
SWEEP = "{sweep: {depth: {range: [1, 10]}, rate: {range: [0.1, 0.4, 0.1]}}, group_by: [rate]}"


def test_a_grouped_sweep_is_submitted_without_data_and_proved(tmp_path: Path, azure: Emulator) -> None:
    site = AzureSite(
        tmp_path, azure, code=CODE, parallelism="workers: 2, workers_per_node: 2, lease_seconds: 15",
        compute="max_nodes_per_cluster: 1",
    )  # fmt: skip
    site.file.write_text(site.file.read_text().replace("{csv: rows.csv}", SWEEP))

    site.run("submit", "--yes", "--watch")

    container = azure.storage.container("hyperscale")
    names = list(container.list_blob_names())
    assert [name for name in names if name.startswith("inputs/")] == []
    (done,) = (name for name in names if name.endswith("/run_results.json"))
    results = json.loads(container.download_blob(done).readall())
    assert results["rows"] == {**results["rows"], "total": 4, "succeeded": 4, "failed": 0, "missing": 0}
    table = container.download_blob(done.replace("run_results.json", "results.parquet")).readall()
    rows = pyarrow.parquet.read_table(io.BytesIO(table)).select(["key", "rate", "rows", "sum", "by", "name"])
    assert rows.to_pylist() == [
        {"key": str(rate), "rate": rate, "rows": 10, "sum": 55, "by": rate, "name": str(rate)}
        for rate in (0.1, 0.2, 0.3, 0.4)
    ]
