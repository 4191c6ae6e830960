"""The emulated Azure and the real azure-ai-ml: computes, assets, jobs, and what the SDK loses of what it is told."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from emulator import Emulator

with warnings.catch_warnings():
    # The SDK warns of its own libraries while it is imported, and leaves connections open when it is done.
    warnings.simplefilter("ignore")
    from azure.ai.ml import MLClient, load_component, load_job
    from azure.ai.ml.entities import AmlCompute
    from azure.core.exceptions import HttpResponseError
    from azure.identity import DefaultAzureCredential

pytestmark = [pytest.mark.tools, pytest.mark.filterwarnings("ignore")]


def client_of(azure: Emulator) -> MLClient:
    credential = DefaultAzureCredential()
    # The service does not say when to ask again: the client waits for half a minute unless it is told otherwise.
    name = (azure.subscription_id, azure.resource_group, azure.workspace_name)
    return MLClient(credential, *name, show_progress=False, polling_interval=0.05)


def folder_of_pipeline(folder: Path) -> Path:
    """Write a pipeline of two steps with its component, code and data; return the folder."""
    (folder / "src").mkdir()
    (folder / "src" / "copy.py").write_text("import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n")
    (folder / "grid.csv").write_text("id\n1\n")
    (folder / "copy.yml").write_text(
        "type: command\nname: copy_rows\nversion: '1'\nis_deterministic: false\n"
        "inputs: {rows: {type: uri_file}}\noutputs: {out: {type: uri_folder}}\ncode: ./src\n"
        "environment: {image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04}\n"
        "command: python copy.py ${{inputs.rows}} ${{outputs.out}}\n"
    )
    step = "{type: command, component: ./copy.yml, compute: 'azureml:there', inputs: {rows: '${{parent.inputs.rows}}'}}"
    (folder / "pipeline.yml").write_text(
        "type: pipeline\nexperiment_name: digits\ntags: {hyperscale_run: r1}\n"
        "inputs: {rows: {type: uri_file, path: ./grid.csv}}\n"
        f"jobs:\n  seed: {step}\n  teardown: {step}\n"
    )
    return folder


def test_the_real_client_makes_lists_and_deletes_a_cluster(azure: Emulator):
    with azure.in_this_process():
        client = client_of(azure)
        made = client.compute.begin_create_or_update(
            AmlCompute(name="hs-c00", size="Standard_F4s_v2", max_instances=3, tags={"hyperscale_run": "r1"})
        ).result()
        names = [found.name for found in client.compute.list()]
        client.compute.begin_delete("hs-c00").result()
        client.compute.begin_delete("hs-c00").result()

        assert (made.provisioning_state, made.max_instances, made.tags) == ("Succeeded", 3, {"hyperscale_run": "r1"})
        assert names == ["hs-c00"]
        assert list(client.compute.list()) == []


def test_the_real_client_registers_code_environment_and_component_once(azure: Emulator, tmp_path: Path):
    file = folder_of_pipeline(tmp_path) / "copy.yml"

    with azure.in_this_process():
        client = client_of(azure)
        first = client.components.create_or_update(load_component(file))
        before = len(azure.requests)
        second = client.components.create_or_update(load_component(file))

    assert first.id == second.id
    assert {kind for kind, _, _ in azure.world.assets} == {"codes", "environments", "components"}
    assert len(azure.world.assets) == 3
    assert not [asked for asked in azure.requests[before:] if asked.path.endswith("startPendingUpload")]


def test_the_real_client_submits_a_pipeline_that_is_executed(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")
    file = folder_of_pipeline(tmp_path) / "pipeline.yml"

    with azure.in_this_process():
        client = client_of(azure)
        job = load_job(file)
        job.name = "r1"
        client.jobs.create_or_update(job)
        azure.execution.wait_for("r1")
        found = client.jobs.get("r1")
        steps = {step.display_name: step for step in client.jobs.list(parent_job_name="r1")}
        one = client.jobs.get(steps["seed"].name)
        client.jobs.download(one.name, download_path=tmp_path / "got", all=True)
        client.jobs.begin_cancel("r1").result()

        assert found.status == "Completed"
        assert {name: step.status for name, step in steps.items()} == {"seed": "Completed", "teardown": "Completed"}
        assert [listed.name for listed in client.jobs.list()] == ["r1"]
    assert (tmp_path / "got" / "named-outputs" / "out" / "grid.csv").read_text() == "id\n1\n"
    assert list((tmp_path / "got" / "artifacts").rglob("*.txt"))


def test_the_real_client_submits_the_same_job_twice_and_there_is_one(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")
    file = folder_of_pipeline(tmp_path) / "pipeline.yml"
    azure.faults.add(method="PUT", path="/jobs/", lost=True)

    with azure.in_this_process():
        job = load_job(file)
        job.name = "r1"
        client_of(azure).jobs.create_or_update(job)

    assert list(azure.world.jobs) == ["r1"]
    assert [asked.status for asked in azure.requests if asked.method == "PUT" and "/jobs/" in asked.path] == [0, 200]


def test_the_real_client_says_cancel_and_a_running_job_ends(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")
    folder = folder_of_pipeline(tmp_path)
    (folder / "src" / "copy.py").write_text("import time\nwhile True: time.sleep(0.1)\n")

    with azure.in_this_process():
        client = client_of(azure)
        job = load_job(folder / "pipeline.yml")
        job.name = "r1"
        client.jobs.create_or_update(job)
        azure.execution.wait_for("r1", "seed", status="Running")
        client.jobs.begin_cancel("r1").result()
        azure.execution.wait_for("r1")

        assert client.jobs.get("r1").status == "Canceled"


def test_the_real_client_uploads_data_where_no_shared_keys_are_taken(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")
    azure.disable_shared_keys()
    azure.world.directory.assign_to_all("Storage Blob Data Contributor", azure.world.workspace.storage_path)

    with azure.in_this_process():
        client_of(azure).jobs.create_or_update(load_job(folder_of_pipeline(tmp_path) / "pipeline.yml"))

    assert not [asked for asked in azure.requests if asked.path.endswith("listSecrets")]
    assert len(azure.world.jobs) == 1


def test_where_the_installed_azure_ai_ml_keeps_what_it_loses(azure: Emulator):
    azure.world.add_compute("there", nodes={"node-1": "idle"})
    with azure.in_this_process():
        client = client_of(azure)
        workspace = client.workspaces.get()
        node = next(iter(client.compute.list_nodes("there")))
        usage = next(found for found in client.compute.list_usage() if found.name["value"] == "TotalLowPriorityCores")
        size = next(found for found in client.compute.list_sizes() if found.name == "Standard_F4s_v2")

    # When this fails, the SDK was mended: hyperscale reads the REST documents, and needs no change.
    assert (usage.current_value, usage.limit, vars(usage)["currentValue"]) == (None, 400, 0)
    assert (size.v_cp_us, size.memory_gb, size.supported_compute_types) == (None, None, None)
    assert (vars(size)["vCPUs"], vars(size)["memoryGB"], size.family) == (4, 8, "standardFSv2Family")
    assert vars(size)["estimatedVMPrices"]["values"][0]["retailPrice"] == 0.194
    assert (node.node_state, vars(node)["nodeState"]) == (None, "idle")
    assert workspace.location == "westeurope"


def test_the_real_client_resolves_the_latest_version(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")
    folder = folder_of_pipeline(tmp_path)

    with azure.in_this_process():
        client = client_of(azure)
        client.components.create_or_update(load_component(folder / "copy.yml"))
        (folder / "copy.yml").write_text((folder / "copy.yml").read_text().replace("version: '1'", "version: '2'"))
        second = client.components.create_or_update(load_component(folder / "copy.yml"))
        file = folder / "pipeline.yml"
        file.write_text(file.read_text().replace("./copy.yml", "azureml:copy_rows@latest"))
        name = client.jobs.create_or_update(load_job(file)).name

    assert azure.world.jobs[name].properties["jobs"]["seed"]["componentId"] == second.id


def test_a_serverless_step_may_have_an_identity_of_the_workspace_and_no_other(azure: Emulator, tmp_path: Path):
    file = folder_of_pipeline(tmp_path) / "pipeline.yml"
    ours = azure.world.directory.run_identity
    identity = f"compute: 'azureml:serverless', identity: {{type: managed, client_id: {ours.client_id}}}"
    file.write_text(file.read_text().replace("compute: 'azureml:there'", identity))

    with azure.in_this_process():
        with pytest.raises(HttpResponseError, match="has no user-assigned identity"):
            client_of(azure).jobs.create_or_update(load_job(file))
        azure.world.workspace.identities.append(ours)
        made = client_of(azure).jobs.create_or_update(load_job(file))

    identities = {name: step.get("identity") for name, step in azure.world.jobs[made.name].properties["jobs"].items()}
    assert {(name, each["client_id"]) for name, each in identities.items()} == {
        ("seed", ours.client_id),
        ("teardown", ours.client_id),
    }


def test_the_real_client_changes_tags_and_deletes_a_job(azure: Emulator, tmp_path: Path):
    azure.world.add_compute("there")

    with azure.in_this_process():
        client = client_of(azure)
        name = client.jobs.create_or_update(load_job(folder_of_pipeline(tmp_path) / "pipeline.yml")).name
        azure.execution.wait_for(name)
        job = client.jobs.get(name)
        job.tags["owner"] = "ada"
        changed = client.jobs.create_or_update(job)
        client.jobs.begin_delete(name).result()

    assert changed.tags == {"hyperscale_run": "r1", "owner": "ada"}
    assert azure.world.jobs == {}
