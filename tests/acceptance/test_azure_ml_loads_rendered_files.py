"""What comes out of the templates is loaded and validated by the real azure-ai-ml, without a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure_ml import assert_azure_ml_takes, compute_request, sdk
from experiments import WORKSPACE, make_experiment, make_facts

from hyperscale.control.rendered.pipeline_checks import check_pipeline
from hyperscale.control.rendered.pipeline_files import load_pipeline
from hyperscale.control.rendered.rendered_files import write_files
from hyperscale.control.rendered.rendering import (
    COMPONENT,
    RunInputs,
    azure_inputs,
    component_folder,
    render,
    render_component,
)
from hyperscale.control.rendered.staging import stage_code
from hyperscale.experiment import Experiment
from hyperscale.pipeline_parts import consumer_bytes
from hyperscale.plan import make_plan, plan_for_this_machine

pytestmark = pytest.mark.filterwarnings("ignore")

CLIENT = "11111111-1111-1111-1111-111111111111"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hyper"
ODD = 'it\'s "odd": ${{parent.inputs.x}} <%= y %> $[[z]] é\n\U0001f600\x7f'

FORMS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "conda_file": {"environment": {"conda_file": "conda.yml"}},
    "conda_file_at_start": {"environment": {"conda_file": "conda.yml", "install_at_start": True}},
    "requirements": {"environment": {"requirements": "requirements.txt", "python": "/usr/bin/python3"}},
    "requirements_at_start": {"environment": {"requirements": "requirements.txt", "install_at_start": True}},
    "image_at_start": {"environment": {"image": "pytorch/pytorch:2.5.1", "install_at_start": True}},
    "registered": {"environment": {"environment": "azureml:digits@latest", "install_at_start": True}},
    "registry": {"environment": {"environment": "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"}},
    "odd_texts": {
        "description": ODD,
        "tags": {ODD: ODD},
        "activity": {"code": "src", "entry": "sweep:fit", "arguments": {ODD: [ODD, None, 1.5]}},
    },
    "files_and_mounts": {
        "input": {"files": "images/**/*.png"},
        "mounts": {"model": {"path": "src", "mode": "download"}, "words": "grid.csv", "here": "."},
    },
    "sweep": {"input": {"sweep": {"rate": {"range": [0.1, 0.5, 0.1]}, ODD: [ODD, None, True]}}},
    "groups": {"input": {"csv": "grid.csv", "group_by": [ODD]}},
    "low_priority_everywhere": {
        "parallelism": {"workers": 40, "workers_per_node": 3},
        "compute": {
            "size": "Standard_NC4as_T4_v3",
            "tier": "low_priority",
            "max_nodes_per_cluster": 3,
            "locations": ["westeurope", "eastus"],
            "identity": IDENTITY,
            "identity_client_id": CLIENT,
            "network": {"vnet_name": "v", "subnet": "s"},
            "enable_node_public_ip": False,
            "shm_size": "8g",
        },
    },
    "existing": {"compute": {"existing": ["gpu-a", "gpu-b"], "control": {"existing": "cpu"}}},
    "serverless": {"compute": {"serverless": True, "identity_client_id": CLIENT, "control": {"serverless": True}}},
    "serverless_spot": {
        "compute": {
            "serverless": True,
            "size": "Standard_NC4as_T4_v3",
            "tier": "low_priority",
            "control": {"serverless": True, "size": "Standard_DS3_v2"},
        },
    },
    "storage_account": {"azure": {**WORKSPACE, "storage_account": "mystorage"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an experiment, with all that its forms name."""
    folder = tmp_path / "my experiment ü"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "sweep.py").write_text("def fit(row): return row\n")
    (folder / "images").mkdir()
    (folder / "grid.csv").write_text("id\n1\n")
    (folder / "requirements.txt").write_text("scikit-learn>=1.5\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.11, {pip: [numpy]}]\n")
    return folder


def write(experiment: Experiment, folder: Path) -> Path:
    """Render what would be committed for `experiment`; return the pipeline file."""
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    files = render(experiment, plan, folder=folder, out=folder, run=azure_inputs(experiment.azure))
    write_files(files, folder, experiment.name)
    stage_code(folder / "src", folder / "components" / "code")
    return folder / "pipelines" / f"{experiment.name}.yml"


def sent_consumer(job: Any) -> str:
    """Return what a consumer adds to the body of its job, where all names are as long as they may be."""
    step = job._to_rest_object().as_dict()["properties"]["jobs"]["consume_0"]
    group = f"/subscriptions/{CLIENT}/resourceGroups/{'g' * 90}"
    workspace = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{'w' * 33}"
    step["componentId"] = f"{workspace}/components/azureml_anonymous/versions/{CLIENT}"
    step["computeId"] = f"{workspace}/computes/{'c' * 24}"
    return json.dumps({"consume_12345": {**step, "name": "consume_12345"}})


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_experiment_is_taken_by_azure_ml_and_by_our_checks(form: str, folder: Path):
    experiment = make_experiment(**{"azure": WORKSPACE, **FORMS[form]})
    pipeline = write(experiment, folder)

    job = assert_azure_ml_takes(pipeline)
    assert check_pipeline(pipeline) == []
    assert len(sent_consumer(job)) <= consumer_bytes(experiment) <= 1.1 * len(sent_consumer(job))


PARENT = """
type: pipeline
experiment_name: outer
settings: {{continue_on_step_failure: true}}
jobs:
  score:
    type: pipeline
    component: ../components/digits-run/component.yml
    inputs: {inputs}
"""


@pytest.mark.parametrize("form", ["defaults", "odd_texts", "files_and_mounts", "sweep", "existing", "serverless_spot"])
def test_an_experiment_as_a_component_is_taken_by_azure_ml_alone_and_in_a_pipeline(form: str, folder: Path):
    experiment = make_experiment(**{"azure": WORKSPACE, **FORMS[form]})
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    out = folder / component_folder(experiment.name)
    files = render_component(experiment, plan, folder=folder, out=out, run=azure_inputs(experiment.azure))
    write_files(files, out, experiment.name)
    stage_code(folder / "src", out / "code")
    needed = {name: value.type for name, value in load_pipeline(out / COMPONENT).inputs.items() if not value.value}
    inputs = {
        name: "score" if name == "run_name" else {"type": kind, "path": f"azureml://datastores/d/paths/{name}"}
        for name, kind in needed.items()
    }
    (folder / "pipelines").mkdir()
    parent = folder / "pipelines" / "parent.yml"
    parent.write_text(PARENT.format(inputs=json.dumps(inputs)))

    job = assert_azure_ml_takes(parent)
    component = sdk().load_component(out / COMPONENT)

    assert component._validate().passed
    assert check_pipeline(out / COMPONENT) == []
    assert list(component.outputs) == ["results"]
    assert "run_name" in needed
    assert ("input" in needed) == (form != "sweep")
    assert job.jobs["score"]._to_rest_object()["type"] == "pipeline"
    assert not [file for file in files if "hyperscale_render" in files[file] and file.parts[0] == "compute"]


def test_the_files_of_a_local_run_are_taken_by_azure_ml(folder: Path):
    experiment = make_experiment()
    plan = plan_for_this_machine(experiment, make_facts(), cores=2)
    out = folder / ".hyperscale" / "runs" / "r" / "rendered"
    run = RunInputs("digits-20261122-120000-0a1b", str(folder), str(folder))

    write_files(render(experiment, plan, folder=folder, out=out, run=run), out, experiment.name)
    stage_code(folder / "src", out / "components" / "code")

    assert_azure_ml_takes(out / "pipelines" / "digits.yml")
    assert check_pipeline(out / "pipelines" / "digits.yml") == []


def test_azure_ml_is_sent_every_input_as_it_was_given(folder: Path):
    experiment = make_experiment(**FORMS["odd_texts"])

    job = assert_azure_ml_takes(write(experiment, folder))

    sent = job._to_rest_object().as_dict()["properties"]
    assert set(sent["inputs"]) == {
        "run_id",
        "queue",
        "store",
        "experiment",
        "input",
        "rows_per_message",
        "lease_seconds",
        "workers_per_node",
        "consumers",
        "clusters",
        "owner_tag",
        "control_cluster",
        "seed_cluster",
        "usd_per_node_hour",
        "usd_per_control_hour",
    }
    assert "$" not in sent["inputs"]["experiment"]["value"]
    assert sent["description"] == ODD
    assert sent["tags"][ODD] == ODD


def test_a_sweep_is_sent_as_a_part_of_the_experiment_and_no_data_beside_it(folder: Path):
    job = assert_azure_ml_takes(write(make_experiment(**FORMS["sweep"]), folder))

    sent = job._to_rest_object().as_dict()["properties"]
    assert "input" not in sent["inputs"]
    assert json.loads(sent["inputs"]["experiment"]["value"])["input"]["sweep"] == FORMS["sweep"]["input"]["sweep"]
    assert all("input" not in step["inputs"] for step in sent["jobs"].values())


def test_azure_ml_is_sent_the_clusters_that_were_planned(folder: Path):
    write(make_experiment(azure=WORKSPACE, **FORMS["low_priority_everywhere"]), folder)

    files = sorted((folder / "compute").glob("hs-digits-*.yml"))

    sent = [compute_request(file) for file in files]
    scale = [cluster["properties"]["properties"]["scaleSettings"] for cluster in sent]
    assert [(each["minNodeCount"], each["maxNodeCount"]) for each in scale] == [(0, 3), (0, 3), (0, 3), (0, 3), (0, 2)]
    assert {cluster["properties"]["properties"]["vmPriority"] for cluster in sent} == {"LowPriority"}
    assert [cluster["location"] for cluster in sent[:2]] == ["westeurope", "eastus"]
