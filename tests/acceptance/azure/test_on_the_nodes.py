"""What the steps of a run do on Azure ML by themselves: where they find everything, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from azure_site import AzureSite
from emulator import Emulator
from test_the_az_way import az_lines
from wordings import line_names

ONE_NODE = "workers: 1, workers_per_node: 1, lease_seconds: 15"
SPARE = "tier: low_priority, max_nodes_per_cluster: 1, spare_consumers: 2"


def test_auto_is_the_container_of_the_workspace_and_only_what_has_the_runs_tag_is_deleted(
    tmp_path: Path, azure: Emulator
) -> None:
    azure.add_cluster("hs-foreign-c00")
    azure.container = "mine"
    azure.world.directory.assign_to_all("Storage Blob Data Contributor", azure.world.workspace.container_path("mine"))
    site = AzureSite(tmp_path / "clone", azure, rows=6, parallelism=ONE_NODE, compute=SPARE)
    site.file.write_text(site.file.read_text().replace("azure:\n", "azure:\n  container: mine\n"))
    lines = az_lines(site)
    (pipeline,) = (site.folder / "pipelines").glob("*.yml")
    text = pipeline.read_text()
    pipeline.write_text(text.replace('clusters: "hs-', 'clusters: "hs-foreign-c00,hs-', 1))

    (job,) = site.az_ml(lines)
    azure.wait_for_job(job, "Completed")

    store = azure.storage.container("mine")
    run = job.lower().replace("_", "-")
    manifest = json.loads(store.download_blob(f"{run}/run.json").readall())["azure"]
    inputs = yaml.safe_load(pipeline.read_text())["inputs"]
    clusters = inputs["clusters"].split(",")
    assert (manifest["workspace_name"], manifest["jobs"]) == (azure.workspace_name, [job])
    assert manifest["clusters"] == clusters
    assert f"{manifest['tag']}={manifest['tag_value']}" == inputs["owner_tag"]
    assert azure.cluster_names() == sorted({"hs-foreign-c00", manifest["control_cluster"], manifest["seed_cluster"]})
    assert "cluster hs-foreign-c00 stays" in azure.step_log(job, "teardown")
    tags = azure.job(job).tags
    assert (tags["succeeded"], tags["failed"], tags["missing"]) == ("6", "0", "0")
    assert "rows_done" in azure.job(job).metrics


def test_an_identity_that_may_not_see_the_workspace_says_what_to_do(tmp_path: Path, azure: Emulator) -> None:
    azure.world.directory.remove(
        azure.world.directory.control_identity, "AzureML Data Scientist", "AzureML Compute Operator"
    )
    site = AzureSite(tmp_path, azure, rows=6, parallelism=ONE_NODE, compute="max_nodes_per_cluster: 1")
    lines = az_lines(site)

    (job,) = site.az_ml(lines)
    azure.wait_for_job(job, "Failed")

    said = azure.step_log(job, "seed")
    line_names(said, f"workspace {azure.workspace_name}")
    line_names(said, "AzureML Data Scientist")
    line_names(said, "azure.storage_account", "experiment.yaml")
    (held,) = (name for name in azure.cluster_names() if "-c00" in name)
    assert held in azure.step_log(job, "teardown"), "what still holds quota is named"
