from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from experiments import WORKSPACE, make_experiment, make_facts

from hyperscale.control.rendered.data_inputs import DataPlace
from hyperscale.control.rendered.pipeline_checks import check_pipeline
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.experiment import Experiment
from hyperscale.pipeline_parts import Part, parts_of
from hyperscale.plan import make_plan

SEEDED = "wasbs://hyper@acct.blob.core.windows.net/run/"
INPUTS = RunInputs(
    run_id="digits-1",
    queue="https://acct.queue.core.windows.net",
    store="https://acct.blob.core.windows.net/hyper",
    tags={"hyperscale_run": "digits-1"},
    owner_tag="hyperscale_run=digits-1",
    data={"input": DataPlace("wasbs://hyper@acct.blob.core.windows.net/inputs/a/grid.csv", is_folder=False)},
    version="h1",
)


def submitted(experiment: Experiment, out: Path, parts: int = 1) -> dict[PurePosixPath, str]:
    """Return the files of a submitted run of `experiment`."""
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    run = RunInputs(**{**vars(INPUTS), "parts": parts_of(plan.places, parts)})
    return render(experiment, plan, folder=out, out=out, run=run)


def pipelines(files: dict[PurePosixPath, str]) -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for path, text in files.items() if path.parts[0] == "pipelines"]


def test_a_submitted_run_names_registered_components_uploaded_data_and_its_own_tags(tmp_path: Path):
    files = submitted(make_experiment(tags={"team": "vision"}, azure=WORKSPACE), tmp_path)

    (pipeline,) = pipelines(files)
    assert {job["component"] for job in pipeline["jobs"].values()} == {
        "azureml:hyperscale_seed:h1",
        "azureml:hyperscale_consume:h1",
        "azureml:hyperscale_teardown:h1",
    }
    assert pipeline["inputs"]["input"]["path"] == INPUTS.data["input"].address
    assert pipeline["inputs"]["owner_tag"] == "hyperscale_run=digits-1"
    tags = {"team": "vision", "hyperscale_run": "digits-1", "hyperscale_experiment": "digits"}
    computes = [yaml.safe_load(text) for path, text in files.items() if path.parts[0] == "compute"]
    assert pipeline["tags"] == tags
    shared = {"hyperscale_control": "shared"}
    assert [compute["tags"] for compute in computes] == [shared, shared, tags]


def test_further_pipelines_begin_with_a_gate_on_the_cluster_of_teardowns_and_bind_their_consumers_to_it(tmp_path: Path):
    experiment = make_experiment(parallelism={"workers": 5}, azure=WORKSPACE)

    first, further = pipelines(submitted(experiment, tmp_path, parts=2))

    assert list(first["jobs"]) == ["seed", "consume_0", "consume_1", "consume_2", "teardown"]
    assert list(further["jobs"]) == ["gate", "consume_3", "consume_4"]
    assert first["jobs"]["consume_0"]["inputs"]["seeded"] == "${{parent.jobs.seed.outputs.seeded}}"
    assert further["jobs"]["consume_3"]["inputs"]["seeded"] == "${{parent.jobs.gate.outputs.seeded}}"
    computes = {step: first["jobs"][step]["compute"] for step in ("seed", "teardown")}
    assert further["jobs"]["gate"]["compute"] == computes["teardown"] != computes["seed"]
    assert further["jobs"]["gate"]["limits"] == first["jobs"]["seed"]["limits"]
    assert further["inputs"]["run_id"] == first["inputs"]["run_id"]
    assert (list(first.get("outputs", ())), list(further.get("outputs", ()))) == (["results"], [])
    assert further["inputs"]["experiment"] == first["inputs"]["experiment"]
    assert "input" not in further["inputs"]


def test_further_pipelines_of_files_get_the_files_too(tmp_path: Path):
    experiment = make_experiment(input={"files": "images/*.png"}, parallelism={"workers": 2}, azure=WORKSPACE)

    _, further = pipelines(submitted(experiment, tmp_path, parts=2))

    assert further["inputs"]["input"]["path"] == INPUTS.data["input"].address
    assert further["jobs"]["consume_1"]["inputs"]["input"] == "${{parent.inputs.input}}"


def test_all_pipelines_of_a_submitted_run_pass_our_own_checks(tmp_path: Path):
    files = submitted(make_experiment(parallelism={"workers": 5}, azure=WORKSPACE), tmp_path, parts=3)

    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    found = sorted((tmp_path / "pipelines").glob("*.yml"))
    assert [file.name for file in found] == ["digits.yml", "digits_p2.yml", "digits_p3.yml"]
    assert [problem for file in found for problem in check_pipeline(file)] == []


def test_a_part_without_consumers_still_seeds_and_tears_down(tmp_path: Path):
    experiment = make_experiment(azure=WORKSPACE)
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    run = RunInputs(parts=(Part("", 0, ()),))

    files = render(experiment, plan, folder=tmp_path, out=tmp_path, run=run)

    assert list(pipelines(files)[0]["jobs"]) == ["seed", "teardown"]


def test_who_joins_is_bound_to_the_folder_of_the_run_and_seeds_nothing(tmp_path: Path):
    experiment = make_experiment(parallelism={"workers": 2}, azure=WORKSPACE)
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    run = RunInputs(**{**vars(INPUTS), "parts": (Part("_join", 0, plan.places, "nobody", SEEDED),)})

    (joining,) = pipelines(render(experiment, plan, folder=tmp_path, out=tmp_path, run=run))

    assert list(joining["jobs"]) == ["consume_0", "consume_1"]
    assert joining["jobs"]["consume_1"]["inputs"]["seeded"] == "${{parent.inputs.seeded}}"
    assert joining["inputs"]["seeded"] == {"type": "uri_folder", "path": SEEDED}
