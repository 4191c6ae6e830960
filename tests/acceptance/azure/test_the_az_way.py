"""The rendered files alone are enough: clusters and pipelines are made by the lines of az that `render` prints."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet
from azure_site import TWO_NODES, AzureSite, gated
from emulator import Emulator
from wordings import names

FOREIGN = ("gpu-a", "hs-other-abcdef-c00")


def az_lines(site: AzureSite) -> list[str]:
    """Render the experiment, and return the lines of az that make a run of the files."""
    return [line for line in site.run("render").stdout.splitlines() if line.startswith("az ")]


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
    lines = az_lines(site)

    for _ in range(2):
        (job,) = site.az_ml(lines)
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
        assert [name for name in left if not name.startswith(("hs-control-", "hs-seed-"))] == sorted(FOREIGN)
    assert len(azure.world.jobs) == 2


def test_pipelines_behind_the_first_belong_to_its_run_by_their_lines_and_are_refused_without_an_id(
    tmp_path: Path, azure: Emulator
) -> None:
    gate = tmp_path / "open"
    compute = "max_nodes_per_cluster: 2, consumers_per_pipeline: 1"
    site = AzureSite(tmp_path / "home", azure, code=gated(gate), parallelism=TWO_NODES, compute=compute)
    lines = az_lines(site)
    first, second = site.az_ml(lines)
    azure.wait_for_rows(second, at_least_running=1)

    again = site.az_ml(lines)  # all of it is there: nothing changes
    (stray,) = site.az_ml([lines[-1].partition(" --name ")[0]])
    azure.wait_for_job(stray, "Failed")
    gate.touch()
    for job in (first, second):
        azure.wait_for_job(job, "Completed")

    assert (again, second) == ([first, second], f"{first}-p2")
    assert sorted(azure.world.jobs) == sorted([first, second, stray])
    assert sorted(step.name for step in azure.job(second).steps) == ["consume_1", "gate"]
    assert [step.name for step in azure.job(stray).steps] == ["gate"]
    names(azure.step_log(stray, "gate"), "run_id", "auto", "--set inputs.run_id=ID")
    assert json.loads(blob(azure, f"{first}/run_results.json"))["rows"]["succeeded"] == 12
    assert not [name for name in azure.cluster_names() if "-c0" in name]


def files_at(azure: Emulator, uri: str) -> dict[str, bytes]:
    """Return the files below an address of the workspace's own datastore."""
    prefix = uri.partition("/paths/")[2]
    container = azure.storage.container(azure.datastore_container("workspaceblobstore"))
    names = list(container.list_blob_names(name_starts_with=prefix))
    return {name.removeprefix(prefix): bytes(container.download_blob(name).readall()) for name in names}


def blob(azure: Emulator, name: str, container: str = "hyperscale") -> bytes:
    """Return a blob, such as what a run has left in its store."""
    return bytes(azure.storage.container(container).download_blob(name).readall())
