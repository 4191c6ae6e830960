"""A script of a parallel job on nodes of Azure ML: its model is mounted, and its files are kept."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite
from emulator import Emulator

SCRIPT = """
import argparse
import os

def init():
    global offset, folder
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--folder")
    args, _ = parser.parse_known_args()
    assert os.path.dirname(args.model) == os.environ["AZUREML_MODEL_DIR"]
    folder = args.folder
    with open(args.model) as file:
        offset = int(file.read())

def run(mini_batch, mini_batch_context):
    mini_batch["sum"] = mini_batch["number"].astype(int) + offset
    mini_batch.to_csv(os.path.join(folder, f"part-{mini_batch_context.minibatch_index}.csv"))
    return mini_batch[["sum"]]
"""


def test_a_script_finds_its_model_on_a_node_and_its_files_are_kept(tmp_path: Path, azure: Emulator) -> None:
    more = "mounts: {model: models}\n"
    site = AzureSite(tmp_path, azure, rows=12, code=SCRIPT, parallelism="workers: 2, lease_seconds: 15", more=more)
    (site.folder / "models").mkdir()
    (site.folder / "models" / "offset.txt").write_text("100")
    script = "parallel_script: activity.py, rows_per_call: 4, error_on_missing: true, arguments: {model: "
    script += "'${{mounts.model}}/offset.txt', folder: '${{outputs}}'}"
    site.file.write_text(site.file.read_text().replace("entry: 'activity:run'", script))

    run = site.submit()
    watched = site.run("watch", run)
    site.run("results", run, "-o", str(site.folder / "table.parquet"))

    assert watched.stdout.splitlines()[-1].startswith("Done. succeeded=12 failed=0 missing=0 total=12")
    table = pyarrow.parquet.read_table(site.folder / "table.parquet").to_pylist()
    assert [row["sum"] for row in table] == [100 + number for number in range(12)]
    kept = azure.storage.container("hyperscale").list_blob_names(name_starts_with=f"{run}/outputs/")
    assert sorted(name.rpartition("/")[2] for name in kept) == ["part-0.csv", "part-4.csv", "part-8.csv"]
