"""The rendered files alone are enough: clusters and pipeline are made as `az ml ... -f` makes them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite
from emulator import Emulator

PROGRAM = Path(__file__).resolve().parents[2] / "az_ml.py"
FOREIGN = ("gpu-a", "hs-other-abcdef-c00")


def az_ml(site: AzureSite) -> str:
    """Make the clusters of `compute/`, submit the pipeline, and return the name of its job."""
    azure, folder = site.azure, site.folder
    (pipeline,) = (folder / "pipelines").glob("*.yml")
    place = (azure.subscription_id, azure.resource_group, azure.workspace_name)
    done = subprocess.run(
        [sys.executable, PROGRAM, *place, pipeline, *sorted((folder / "compute").glob("*.yml"))],
        cwd=folder,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_two_runs_of_the_rendered_files_are_proved_and_torn_down(tmp_path: Path, azure: Emulator) -> None:
    for name in FOREIGN:
        azure.add_cluster(name)
    site = AzureSite(
        tmp_path / "clone",
        azure,
        rows=20,
        parallelism="workers: 2, workers_per_node: 1, lease_seconds: 15",
        compute="max_nodes_per_cluster: 1",
    )
    site.run("render")

    for _ in range(2):
        job = az_ml(site)
        azure.wait_for_job(job, "Completed")

        run = job.lower().replace("_", "-")
        results = json.loads(blob(azure, f"{run}/run_results.json"))
        table = pyarrow.parquet.read_table(io.BytesIO(blob(azure, f"{run}/results.parquet")))
        assert results["rows"] == {**results["rows"], "succeeded": 20, "failed": 0, "missing": 0}
        assert table.column("square").to_pylist() == [number**2 for number in range(20)]
        copied = files_at(azure, azure.job(job).outputs["results"])
        assert json.loads(copied["copied_from.json"]) | {"files": {}} == {
            "run_id": run,
            "experiment": "squares",
            "store": f"https://{azure.storage_account}.blob.core.windows.net/hyperscale/{run}",
            "seal": 1,
            "files": {},
            "in_store_only": [],
            "asset": "",
            "problems": [],
        }
        assert copied["results.parquet"] == blob(azure, f"{run}/results.parquet")
        assert copied["run_results.json"] == blob(azure, f"{run}/run_results.json")
        kept = f"ExperimentRun/dcid.{azure.step(job, 'teardown').run_id}/outputs/report.html"
        assert copied["report.html"] == blob(azure, kept, container="azureml")
        left = azure.cluster_names()
        assert [name for name in left if not name.startswith("hs-control-")] == sorted(FOREIGN)
    assert len(azure.world.jobs) == 2


def files_at(azure: Emulator, uri: str) -> dict[str, bytes]:
    """Return the files below an address of the workspace's own datastore."""
    prefix = uri.partition("/paths/")[2]
    container = azure.storage.container(azure.datastore_container("workspaceblobstore"))
    names = list(container.list_blob_names(name_starts_with=prefix))
    return {name.removeprefix(prefix): bytes(container.download_blob(name).readall()) for name in names}


def blob(azure: Emulator, name: str, container: str = "hyperscale") -> bytes:
    """Return a blob, such as what a run has left in its store."""
    return bytes(azure.storage.container(container).download_blob(name).readall())
