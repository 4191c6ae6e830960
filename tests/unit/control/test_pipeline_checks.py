from __future__ import annotations

from pathlib import Path

import pytest
from experiments import WORKSPACE, make_experiment, make_facts
from wordings import Wording, names

from hyperscale.control.rendered.pipeline_checks import check_pipeline
from hyperscale.control.rendered.pipeline_files import PipelineInput, load_pipeline
from hyperscale.control.rendered.rendered_files import write_files
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Experiment
from hyperscale.plan import make_plan


def write(experiment: Experiment, folder: Path, rows: int = 1_000) -> Path:
    plan = make_plan(experiment, make_facts(rows), version="1", templates_hash="t")
    files = render(experiment, plan, folder=folder, out=folder, run=RunInputs())
    write_files(files, folder, experiment.name)
    (folder / "grid.csv").touch()
    return folder / "pipelines" / f"{experiment.name}.yml"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A rendered pipeline of two consumers."""
    return write(make_experiment(azure=WORKSPACE), tmp_path)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


BROKEN = [
    ("parent.jobs.seed.outputs", "parent.jobs.sed.outputs", "jobs.consume_0.inputs.seeded", "there is no job sed"),
    ("outputs.seeded}}", "outputs.full}}", "inputs.seeded", "job seed has no such output; there are: seeded"),
    ("${{parent.inputs.store}}", "${{parent.inputs.stor}}", "jobs.seed.inputs.store", "the pipeline has no such input"),
    ("${{parent.inputs.store}}", "${{inputs.store}}", "jobs.seed.inputs.store", "expected parent.inputs.NAME"),
    ("      store: ${{parent.inputs.store}}\n", "", "jobs.seed.inputs.store", "is missing: seed.yml needs it"),
    ("      store: ", "      stroe: a\n      store: ", "jobs.seed.inputs.stroe", "is no input of seed.yml"),
    ("${{parent.inputs.consumers}}", "abc", "jobs.seed.inputs.consumers", "'abc' is no integer"),
    ("${{parent.inputs.consumers}}", "1.5", "jobs.seed.inputs.consumers", "'1.5' is no integer"),
    ("  consumers: 2\n", "  consumers: abc\n", "jobs.seed.inputs.consumers", "which is a string: expected integer"),
    ("${{parent.inputs.consumers}}", "${{parent.inputs.queue}}", "seed.inputs.consumers", "expected integer"),
    ("continue_on_step_failure", "continue_on_failure", "settings.continue_on_failure", "is no setting"),
    ("  consume_1:", "  Consume1:", "jobs.Consume1", "is no name of a pipeline's job"),
    ('compute: "azureml:hs-seed', 'compute: "azureml:hs_seed', "jobs.seed.compute", "is no name of a compute"),
    ('"azureml:hs-seed-', '"azureml:1-', "jobs.seed.compute", "is no name of a compute"),
    ("  rows_per_message: ", "  Run_id: a\n  rows_per_message: ", "inputs.Run_id", "differs from run_id in case only"),
    ("  rows_per_message: ", "  home: a\n  rows_per_message: ", "inputs.home", "is no name of an input"),
    ('path: "../grid.csv"', 'path: "../gird.csv"', "inputs.input", "there is no file or folder "),
    ('clusters: "hs-', 'clusters: "" # "hs-', "inputs.clusters", "is empty"),
    (
        "      results: ${{parent.out",
        "      result: ${{parent.out",
        "teardown.outputs.result",
        "is no output of teardown.yml",
    ),
    (
        "{{parent.outputs.results",
        "{{parent.outputs.tables",
        "teardown.outputs.results",
        "the pipeline has no such output",
    ),
    ("{{parent.outputs.results", "{{outputs.results", "jobs.teardown.outputs.results", "expected parent.outputs.NAME"),
    ("  results: {type: uri_folder}", "  results: {type: uri_file}", "teardown.outputs.results", "expected uri_folder"),
    (
        "      store: ${{parent.inputs.store}}\n",
        "      store: ${{parent.jobs.consume_0.outputs.x}}\n",
        "jobs.seed",
        "waits for itself: seed, consume_0, consume_1 wait for each other",
    ),
]


def test_a_rendered_pipeline_has_no_problems(pipeline: Path):
    assert check_pipeline(pipeline) == []


@pytest.mark.parametrize(("old", "new", "path", "message"), BROKEN, ids=[broken[3] for broken in BROKEN])
def test_what_the_sdk_lets_pass_is_found_with_its_place(old: str, new: str, path: str, message: str, pipeline: Path):
    replace(pipeline, old, new)

    problems = check_pipeline(pipeline)

    found = [problem for problem in problems if path in problem.path and message in problem.message]
    assert found, problems
    assert all(problem.line for problem in problems)


def test_an_existing_cluster_may_have_a_name_that_a_new_one_cannot(tmp_path: Path):
    compute = {"existing": ["gpu-K80-2"], "control": {"existing": "cpu-1"}}

    assert check_pipeline(write(make_experiment(azure=WORKSPACE, compute=compute), tmp_path)) == []


def test_data_that_is_elsewhere_is_not_looked_for(pipeline: Path):
    replace(pipeline, 'path: "../grid.csv"', "path: azureml://datastores/workspaceblobstore/paths/grid.csv")

    assert check_pipeline(pipeline) == []


COMPONENTS = [
    ("name: hyperscale_seed", "name: Hyperscale-seed", "name", "is no name of a component"),
    ("{{inputs.store}}", "{{inputs.stor}}", "command", "names inputs.stor; there are: inputs.clusters"),
    ("{{outputs.seeded}}", "{{outputs.full}}", "command", "names outputs.full"),
    ("consumers: {type: integer}", "consumers: {type: integer, default: x}", "inputs.consumers.default", "no integer"),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), COMPONENTS, ids=[broken[3] for broken in COMPONENTS])
def test_problems_of_a_component_name_its_file(old: str, new: str, path: str, message: str, pipeline: Path):
    component = pipeline.parent.parent / "components" / "seed.yml"
    replace(component, old, new)

    problems = check_pipeline(pipeline)

    assert [(problem.file, problem.path) for problem in problems] == [(str(component.resolve()), path)]
    assert message in problems[0].message


def test_every_problem_is_told_in_the_order_of_the_file(pipeline: Path):
    replace(pipeline, "continue_on_step_failure", "nothing")
    replace(pipeline, "${{parent.inputs.consumers}}", "abc")
    replace(pipeline, "  consume_1:", "  Consume1:")

    problems = check_pipeline(pipeline)

    lines = [problem.line for problem in problems]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_a_default_takes_the_place_of_a_missing_input(pipeline: Path):
    replace(pipeline, "      consumers: ${{parent.inputs.consumers}}\n", "")
    component = pipeline.parent.parent / "components" / "seed.yml"
    replace(component, "consumers: {type: integer}", "consumers: {type: integer, default: 3}")

    assert check_pipeline(pipeline) == []


def test_a_pipeline_of_a_thousand_nodes_passes(tmp_path: Path):
    experiment = make_experiment(
        parallelism={"workers": 1_000}, compute={"max_nodes": 1_000, "tier": "low_priority"}, azure=WORKSPACE
    )

    pipeline = write(experiment, tmp_path, rows=1_000_000)

    assert check_pipeline(pipeline) == []
    assert len(load_pipeline(pipeline).jobs) == 1_502


def test_a_pipeline_is_read_with_its_components_and_absolute_paths(pipeline: Path):
    folder = pipeline.parent.parent.resolve()

    read = load_pipeline(pipeline)

    assert list(read.jobs) == ["seed", "consume_0", "consume_1", "teardown"]
    assert read.inputs["consumers"] == PipelineInput("integer", "2")
    assert read.inputs["input"] == PipelineInput("uri_file", str(folder / "grid.csv"))
    consume = read.jobs["consume_1"]
    assert consume.compute == read.jobs["consume_0"].compute
    assert consume.inputs["seeded"] == "${{parent.jobs.seed.outputs.seeded}}"
    assert consume.component.code == folder / "components" / "code"
    assert read.jobs["seed"].component.outputs == {"seeded": "uri_folder"}


def test_literals_are_read_as_azure_ml_passes_them_on(pipeline: Path):
    replace(pipeline, "  run_id: ", "  a: true\n  b: 1.5\n  c: {type: number, default: 3}\n  run_id: ")

    inputs = load_pipeline(pipeline).inputs

    assert [inputs[name] for name in "abc"] == [
        PipelineInput("boolean", "true"),
        PipelineInput("number", "1.5"),
        PipelineInput("number", "3"),
    ]


UNREADABLE = [
    ("type: pipeline", "type: command", "type is 'command', expected 'pipeline'"),
    ("\njobs:\n", "\njobs: {}\nothers:\n", "jobs is empty"),
    ("\njobs:\n", "\njobs: [1]\nothers:\n", "jobs is [1], expected a mapping"),
    ("../components/seed.yml", "../components/nowhere.yml", "nowhere.yml cannot be read: No such file"),
    ("../components/seed.yml", "azureml:seed:1", "is 'azureml:seed:1', expected the path of a component file"),
    ("inputs:\n", "inputs: [\n", "cannot be read"),
    ("    path: ", "    paht: ", "inputs.input.path is None, expected a path or a URI"),
]


@pytest.mark.parametrize(("old", "new", "message"), UNREADABLE, ids=[broken[2] for broken in UNREADABLE])
def test_a_file_that_is_no_pipeline_is_refused(old: str, new: str, message: str, pipeline: Path):
    replace(pipeline, old, new)

    with pytest.raises(ExperimentError) as raised:
        load_pipeline(pipeline)

    assert message in str(raised.value)


def test_a_component_without_a_command_is_refused(pipeline: Path, wording: Wording):
    replace(pipeline.parent.parent / "components" / "consume.yml", "command: >-", "comand: >-")

    with pytest.raises(ExperimentError) as refused:
        load_pipeline(pipeline)
    names(refused, "consume.yml", "command", "None")
    wording(refused)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, wording: Wording):
    (tmp_path / "p.yml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ExperimentError) as refused:
        load_pipeline(tmp_path / "p.yml")
    names(refused, "UTF-8")
    wording(refused)
