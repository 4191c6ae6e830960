"""The whole run as a component of a pipeline: a step before it makes the rows, one behind reads the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure_site import AzureSite
from emulator import Emulator

PARENT = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: outer
settings: {{continue_on_step_failure: true, default_compute: "azureml:{control}"}}
outputs:
  final: {{type: uri_folder}}
jobs:
  prepare:
    type: command
    environment: {{image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}}
    command: >-
      printf 'number\\n2\\n3\\n' > '${{{{outputs.few}}}}' &&
      printf 'number\\n5\\n' > '${{{{outputs.one}}}}'
    outputs: {{few: {{type: uri_file}}, one: {{type: uri_file}}}}
  first:
    type: pipeline
    component: ./components/squares-run/component.yml
    inputs: {{run_name: first, input: "${{{{parent.jobs.prepare.outputs.few}}}}"}}
  second:
    type: pipeline
    component: ./components/squares-run/component.yml
    inputs: {{run_name: Second_one, input: "${{{{parent.jobs.prepare.outputs.one}}}}"}}
  behind:
    type: command
    environment: {{image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}}
    command: >-
      cp '${{{{inputs.first}}}}/results.csv' '${{{{outputs.out}}}}/first.csv' &&
      cp '${{{{inputs.second}}}}/copied_from.json' '${{{{outputs.out}}}}/second.json' &&
      printf 'number\\n7\\n' > '${{{{outputs.rows}}}}'
    inputs:
      first: ${{{{parent.jobs.first.outputs.results}}}}
      second: ${{{{parent.jobs.second.outputs.results}}}}
    outputs: {{out: "${{{{parent.outputs.final}}}}", rows: {{type: uri_file}}}}
  again:
    type: pipeline
    component: ./components/squares-run/component.yml
    inputs: {{run_name: first, input: "${{{{parent.jobs.behind.outputs.rows}}}}"}}
"""


@pytest.fixture
def site(tmp_path: Path, azure: Emulator) -> AzureSite:
    return AzureSite(
        tmp_path / "home",
        azure,
        parallelism="workers: 2, workers_per_node: 1, lease_seconds: 15",
        compute="max_nodes_per_cluster: 2",
    )


def read(azure: Emulator, uri: str, name: str) -> str:
    container = azure.storage.container(azure.datastore_container("workspaceblobstore"))
    return bytes(container.download_blob(f"{uri.partition('/paths/')[2]}{name}").readall()).decode()


def test_two_runs_of_one_pipeline_have_rows_from_before_and_results_for_behind(
    site: AzureSite, azure: Emulator
) -> None:
    lines = [line for line in site.run("render", "--as-component").stdout.splitlines() if line.startswith("az ml ")]
    clusters = sorted((site.folder / "components" / "squares-run" / "compute").glob("*.yml"))
    (control,) = (file.stem for file in clusters if file.stem.startswith("hs-control-"))
    (site.folder / "parent.yml").write_text(PARENT.format(control=control))
    assert len(lines) == len(clusters)
    submit = lines[0].replace("compute create", "job create").partition(" -f ")[0] + " -f parent.yml"

    (job,) = site.az_ml([*lines, submit])
    status = azure.wait_for_job(job)

    run = job.lower().replace("_", "-")
    states = {name: step.status for name, step in azure.execution.steps(job).items()}
    lines = {name: step for name, step in states.items() if not name.startswith("again/")}
    assert set(lines.values()) == {"Completed"}, (lines, azure.step(job, "first/seed").error)
    final = azure.job(job).outputs["final"]
    table = [line.split(",") for line in read(azure, final, "first.csv").splitlines()]
    assert [row[table[0].index("square")] for row in table[1:]] == ["4", "9"]
    copied: dict[str, Any] = json.loads(read(azure, final, "second.json"))
    assert (copied["run_id"], copied["seal"]) == (f"{run}-second-one", 1)
    # A third component took the name of the first: it is refused, and no consumer of it ever starts.
    assert status == "Failed"
    assert {states[f"again/{name}"] for name in ("seed", "teardown")} == {"Failed"}
    assert {status for name, status in states.items() if name.startswith("again/consume")} == {"NotStarted"}
    assert "run_name 'first'" in azure.step_log(job, "again/seed")
    assert "run_name 'first'" in azure.step_log(job, "again/teardown")
    # Its clusters stay, and commands find a run by its id.
    assert azure.cluster_names() == sorted(file.stem for file in clusters)
    found = site.document("results", f"{run}-first")
    assert (found["rows"]["succeeded"], found["rows"]["missing"]) == (2, 0)
    assert site.document("status", f"{run}-first")["is_over"] is True
