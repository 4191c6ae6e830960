"""Each worker of a run sees its own of the GPUs that the consumer may use."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest
from command_line import Command

SOURCE = """
import os
def see(row, context):
    return {"worker": context.worker_index, "gpu": context.gpu, "seen": os.environ["CUDA_VISIBLE_DEVICES"]}
"""


def test_workers_see_the_gpus_of_their_consumer_in_turn(
    tmp_path: Path, hyperscale: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5d5b,MIG-c6d4")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "gpus.py").write_text(SOURCE)
    (tmp_path / "rows.csv").write_text("n\n" + "\n".join(map(str, range(40))))
    (tmp_path / "experiment.yaml").write_text(
        "name: gpus\ninput: {csv: rows.csv}\nactivity: {entry: gpus:see}\n"
        "parallelism: {workers: 2, rows_per_message: 1}\n"
    )

    done = hyperscale("run", "--workers", "2", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    (table,) = tmp_path.glob(".hyperscale/runs/*/results.parquet")
    seen = {row["worker"]: (row["gpu"], row["seen"]) for row in pyarrow.parquet.read_table(table).to_pylist()}
    assert seen
    assert seen.items() <= {0: ("3,MIG-c6d4", "3,MIG-c6d4"), 1: ("GPU-5d5b", "GPU-5d5b")}.items()
