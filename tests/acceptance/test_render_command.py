"""`plan` and `render` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Command
from wordings import Wording, line_names, names

EXPERIMENT = """\
name: squares
input: {csv: grid.csv}
activity: {entry: "square:square"}
parallelism: {workers: 7, workers_per_node: 2}
compute: {max_nodes_per_cluster: 3}
azure: {subscription_id: 11111111-1111-1111-1111-111111111111, resource_group: g, workspace_name: w}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment of 100 rows, in a folder with an awkward name."""
    folder = tmp_path / "my experiment ü"
    (folder / "src").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    (folder / "grid.csv").write_text("x\n" + "".join(f"{x}\n" for x in range(100)))
    (folder / "src" / "square.py").write_text("def square(row):\n    return {'square': int(row['x']) ** 2}\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_plan_prints_a_table_and_a_countable_last_line_and_writes_nothing(hyperscale: Command, folder: Path):
    before = contents(folder)

    answer = hyperscale("plan", folder=folder)

    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "experiment  squares (experiment.yaml)"
    line_names(answer.stdout, "workers", 7, 2)
    assert lines[-1] == "Plan: 2 clusters (4 nodes), 100 rows in 100 messages, 7 workers."
    assert contents(folder) == before


def test_a_plan_says_which_nodes_are_serverless_and_which_clusters_are_not_the_runs(hyperscale: Command, folder: Path):
    compute = "compute={serverless: true, tier: low_priority, control: {serverless: true}}"

    serverless = hyperscale("plan", "--set", compute, folder=folder).stdout.splitlines()
    existing = hyperscale("plan", "--set", "compute={existing: [a-b], control: {existing: cpu}}", folder=folder)

    assert "nodes       4 of Standard_DS3_v2, low_priority, serverless" in serverless
    assert "control     serverless, Standard_DS2_v2" in serverless
    assert not [line for line in serverless if line.startswith("cluster")]
    line_names(existing.stdout, "cluster", "a-b", "4 nodes")
    line_names(existing.stdout, "control", "cpu")


def test_a_plan_shows_its_workspace_and_who_named_it(hyperscale: Command, folder: Path):
    given = {"subscription_id": "6b1f1f4e-0000-4000-8000-000000000001", "workspace_name": "sums"}
    (folder / "config.json").write_text(json.dumps(given))
    (folder / "experiment.yaml").write_text(EXPERIMENT.partition("azure:")[0])

    lines = hyperscale("plan", "--set", "azure.resource_group=maths", folder=folder).stdout.splitlines()

    first = next(number for number, line in enumerate(lines) if line.startswith("workspace   sums"))
    names(lines[first + 1 : first + 4], "maths", given["subscription_id"], "resource_group: --set azure.resource_group")
    names(lines[first + 1 : first + 4], f"subscription_id, workspace_name: {folder / 'config.json'}")


def test_files_without_a_price_are_said_to_hold_no_limit_of_cost(hyperscale: Command, folder: Path):
    said = "rendered files without a price cannot hold limits.max_cost_usd"

    rendered = hyperscale("render", "--set", "limits.max_cost_usd=5", folder=folder)

    assert f"warning: {said}" in rendered.stderr
    assert f"note        {said}" in hyperscale("plan", "--set", "limits.max_cost_usd=5", folder=folder).stdout
    assert said not in hyperscale("render", folder=folder).stderr


def test_plan_as_json_is_one_document(hyperscale: Command, folder: Path):
    answer = hyperscale("plan", "--json", "--set", "parallelism.workers=500", folder=folder)

    document = json.loads(answer.stdout)
    assert document["workers"] == 100
    names(document["notes"], "workers", 500, "100 rows")


def test_a_plan_that_cannot_be_placed_exits_with_3_and_says_what_to_change(
    hyperscale: Command, folder: Path, wording: Wording
):
    answer = hyperscale("plan", "--set", "compute.max_nodes=3", folder=folder)

    assert answer.returncode == 3
    names(answer.stderr, "7 workers", "4 nodes", "compute.max_nodes is 3")
    names(answer.stderr, "compute.max_nodes")
    wording(answer.stderr)


def test_render_writes_files_that_its_check_finds_current(hyperscale: Command, folder: Path):
    rendered = hyperscale("render", folder=folder)
    checked = hyperscale("render", "--check", folder=folder)

    assert rendered.returncode == checked.returncode == 0, rendered.stderr + checked.stderr
    made = sorted(path for path in contents(folder) if not path.startswith("components/code/hyperscale/"))
    clusters = [path for path in made if path.startswith("compute/hs-squares-")]
    assert len(clusters) == 2
    assert {"pipelines/squares.yml", "components/consume.yml", "components/code/activity/square.py"} <= set(made)


def test_render_and_its_check_as_json_are_one_document(hyperscale: Command, folder: Path):
    rendered = json.loads(hyperscale("render", "--json", folder=folder).stdout)
    checked = json.loads(hyperscale("render", "--check", "--json", folder=folder).stdout)

    assert rendered == checked
    assert rendered["folder"] == str(folder)
    assert "pipelines/squares.yml" in rendered["files"]
    assert all((folder / file).is_file() for file in rendered["files"])


def test_rendering_again_changes_no_byte(hyperscale: Command, folder: Path):
    hyperscale("render", folder=folder)
    first = contents(folder)

    hyperscale("render", folder=folder)

    assert contents(folder) == first


def test_two_users_render_one_clone_for_two_workspaces_of_a_region_into_different_clusters(
    hyperscale: Command, folder: Path
):
    (folder / "experiment.yaml").write_text("".join(EXPERIMENT.splitlines(keepends=True)[:-1]))
    place = {"subscription_id": "11111111-1111-1111-1111-111111111111", "resource_group": "g"}
    clusters = []
    for workspace in ("ada", "bob"):
        (folder / "config.json").write_text(json.dumps({**place, "workspace_name": workspace}))
        hyperscale("render", folder=folder)
        clusters.append({file.stem for file in (folder / "compute").glob("*.yml")})

    assert [len(names) for names in clusters] == [4, 4]
    assert not clusters[0] & clusters[1]


def test_check_fails_and_names_the_files_once_the_experiment_has_changed(hyperscale: Command, folder: Path):
    hyperscale("render", folder=folder)
    (folder / "experiment.yaml").write_text(EXPERIMENT + "description: changed\n")
    before = contents(folder)

    answer = hyperscale("render", "--check", folder=folder)

    assert answer.returncode == 4
    assert "pipelines/squares.yml differs" in answer.stderr
    assert 'run "hyperscale render"' in answer.stderr
    assert contents(folder) == before


def test_render_refuses_to_overwrite_a_file_that_it_did_not_write(hyperscale: Command, folder: Path, wording: Wording):
    (folder / "components").mkdir()
    (folder / "components" / "seed.yml").write_text("mine: true\n")

    answer = hyperscale("render", folder=folder)

    assert answer.returncode == 2
    names(answer.stderr, "components/seed.yml")
    wording(answer.stderr)
    assert (folder / "components" / "seed.yml").read_text() == "mine: true\n"
    assert not (folder / "pipelines").exists()


def test_render_deletes_nothing_of_the_user_in_the_staged_code(hyperscale: Command, folder: Path, wording: Wording):
    (folder / "components" / "code").mkdir(parents=True)
    (folder / "components" / "code" / "notes.txt").write_text("mine")

    answer = hyperscale("render", folder=folder)

    assert answer.returncode == 2
    names(answer.stderr, "notes.txt")
    wording(answer.stderr)
    assert not (folder / "pipelines").exists()


def test_a_second_experiment_of_a_folder_says_that_it_took_the_components_of_the_first(
    hyperscale: Command, folder: Path
):
    hyperscale("render", folder=folder)
    (folder / "cubes.yaml").write_text(EXPERIMENT.replace("name: squares", "name: cubes"))

    answer = hyperscale("render", "cubes.yaml", folder=folder)

    assert answer.returncode == 0, answer.stderr
    line_names(answer.stderr, "warning: ", "pipelines/squares.yml", "components/")


def test_a_saved_plan_is_rendered_as_it_was_made(hyperscale: Command, folder: Path, tmp_path: Path):
    plan = tmp_path / "plan.json"
    saved = hyperscale("plan", "--out", plan, "--set", "parallelism.workers=3", folder=folder)

    rendered = hyperscale("render", plan, "--out", tmp_path / "out", folder=tmp_path)

    assert rendered.returncode == 0, rendered.stderr
    assert saved.stdout.splitlines()[-1] == "Plan: 1 cluster (2 nodes), 100 rows in 50 messages, 3 workers."
    assert len(list((tmp_path / "out" / "compute").glob("hs-squares-*"))) == 1


@pytest.mark.parametrize("changed", ["experiment.yaml", "grid.csv", "src/square.py"])
def test_a_saved_plan_is_refused_once_something_has_changed(
    changed: str, hyperscale: Command, folder: Path, tmp_path: Path, wording: Wording
):
    hyperscale("plan", "--out", tmp_path / "plan.json", folder=folder)
    with (folder / changed).open("a") as file:
        file.write("description: changed\n" if changed == "experiment.yaml" else "17\n")

    answer = hyperscale("render", tmp_path / "plan.json", folder=folder)

    assert answer.returncode == 4
    names(answer.stderr, "plan.json")
    wording(answer.stderr)


def test_a_read_only_checkout_is_rendered_into_another_folder(hyperscale: Command, folder: Path, tmp_path: Path):
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(folder)

    answers = [hyperscale("render", "--out", tmp_path / "out", folder=folder) for _ in range(2)]

    assert [answer.returncode for answer in answers] == [0, 0], answers
    assert contents(folder) == before
    assert (tmp_path / "out" / "components" / "code" / "activity" / "square.py").exists()
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_render_ends_with_the_lines_of_az_that_make_the_run(hyperscale: Command, folder: Path):
    place = "--subscription 11111111-1111-1111-1111-111111111111 -g g -w w"

    rendered = hyperscale("render", folder=folder)

    lines = rendered.stdout.splitlines()
    files, lines = lines[: lines.index("")], lines[lines.index("") + 1 :]
    computes = [Path(file).relative_to(folder) for file in files if "/compute/" in file]
    assert [path.name.partition("-w")[0] for path in computes[:2]] == ["hs-seed", "hs-control"]
    assert lines == [
        *(f"az ml compute create {place} -f {path}" for path in computes),
        f"az ml job create {place} -f pipelines/squares.yml",
    ]


def test_more_consumers_than_a_pipeline_takes_are_several_files_whose_lines_have_one_id(
    hyperscale: Command, folder: Path, tmp_path: Path
):
    few = ("--set", "compute.consumers_per_pipeline=2")

    lines = hyperscale("render", *few, "--out", tmp_path / "out", folder=folder).stdout.splitlines()[-2:]
    checked = hyperscale("render", *few, "--out", tmp_path / "out", "--check", folder=folder)
    planned = hyperscale("plan", *few, folder=folder).stdout
    fewer = hyperscale("render", "--out", tmp_path / "out", folder=folder)

    run = lines[0].rpartition("=")[2]
    assert run.startswith("squares-")
    assert [line.partition(" -f ")[2] for line in lines] == [
        f"{tmp_path}/out/pipelines/squares.yml --name {run} --set inputs.run_id={run}",
        f"{tmp_path}/out/pipelines/squares_p2.yml --name {run}-p2 --set inputs.run_id={run}",
    ]
    assert (checked.returncode, fewer.returncode) == (0, 0), checked.stderr + fewer.stderr
    line_names(planned, "jobs", "4 consume", "2 pipelines")
    assert sorted(file.name for file in (tmp_path / "out" / "pipelines").iterdir()) == ["squares.yml"]


def test_a_component_has_a_folder_of_its_own_and_leaves_the_files_of_pipelines_alone(hyperscale: Command, folder: Path):
    assert hyperscale("render", folder=folder).returncode == 0
    before = contents(folder)

    made = hyperscale("render", "--as-component", folder=folder)
    checked = hyperscale("render", "--as-component", "--check", folder=folder)

    assert made.returncode == 0, made.stderr
    own = folder / "components" / "squares-run"
    assert {path.name for path in own.glob("*.yml")} == {"component.yml", "seed.yml", "consume.yml", "teardown.yml"}
    assert (own / "code" / "activity" / "square.py").is_file()
    clusters = {path.stem for path in (own / "compute").glob("hs-squares-*.yml")}
    assert len(clusters) == 2
    assert not clusters & {path.stem for path in (folder / "compute").glob("*.yml")}
    assert {path: text for path, text in contents(folder).items() if "squares-run" not in path} == before
    assert checked.returncode == 0, checked.stderr
    # Other code, the same clusters; another size, others, and those of before are gone from the folder.
    (folder / "src" / "square.py").write_text("def square(row):\n    return {'square': 0}\n")
    hyperscale("render", "--as-component", folder=folder)
    assert {path.stem for path in (own / "compute").glob("hs-squares-*.yml")} == clusters
    hyperscale("render", "--as-component", "--set", "compute.size=Standard_F2s_v2", folder=folder)
    others = {path.stem for path in (own / "compute").glob("hs-squares-*.yml")}
    assert len(others) == 2
    assert not others & clusters
    assert hyperscale("render", "--check", folder=folder).returncode == 0

    ran = hyperscale("run", "--pipeline", str(own / "component.yml"), folder=folder)

    assert ran.returncode == 2
    names(ran.stderr, "component.yml", "is a component", "hyperscale run")
