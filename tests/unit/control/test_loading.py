from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.control.reading.loading import load_experiment
from hyperscale.errors import ExperimentError
from hyperscale.experiment import ControlCompute, Experiment, Mount

SHORTEST = "name: digits\ninput: {csv: grid.csv}\nactivity: {entry: sweep:fit}\n"
EVERYTHING = """
# yaml-language-server: $schema=./schema.json
name: digits-sweep
description: Which settings read handwritten digits best?
tags: {team: vision}
input:
  csv: grid.csv
  key: id
  columns: {depth: integer, learning_rate: number}
  row_schema: row.schema.json
  rows: 20000
  limit: 100
activity:
  code: src
  entry: sweep:fit
  arguments: {seed: 7, rate: 1e-3, names: [a, b], deep: {deeper: null}}
  environment_variables: {OMP_NUM_THREADS: "1"}
  rows_per_call: 1
  timeout_seconds: 600
  set_up_timeout_seconds: 600.5
  max_attempts: 3
  retry_delay_seconds: 5
  no_retry_on: [ValueError]
mounts:
  model: models/
  data: {path: data, mode: download}
parallelism: {workers: 500, workers_per_node: 1, rows_per_message: auto, lease_seconds: 300}
compute:
  size: Standard_NC4as_T4_v3
  tier: low_priority
  max_nodes: 980
  max_nodes_per_cluster: 100
  locations: [westeurope]
  idle_seconds: 120
  spare_consumers: 50%
  identity: /subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hyperscale
  identity_client_id: 11111111-1111-1111-1111-111111111111
  network: {vnet_name: v, subnet: s}
  enable_node_public_ip: true
  shm_size: 8g
  control: {size: Standard_DS2_v2}
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
  conda_file: conda.yml
  python: /usr/bin/python3
  install_at_start: false
azure:
  subscription_id: 11111111-1111-1111-1111-111111111111
  resource_group: group
  workspace_name: workspace
  storage_account: mystorage
  queue_account: mystorage
  container: hyperscale
limits: {max_hours: 24, max_failed: 5%}
output: {format: [parquet, csv], include_input: true}
log_level: info
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "experiment.yaml"


def loaded(file: Path, text: str, *overrides: str) -> Experiment:
    file.write_text(text, encoding="utf-8")
    return load_experiment(file, overrides).experiment


def problems(file: Path, text: str, *overrides: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError) as caught:
        load_experiment(file, overrides)
    return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]


def test_every_key_that_is_available_is_read(file: Path):
    experiment = loaded(file, EVERYTHING)

    assert experiment.activity.arguments == {"seed": 7, "rate": 0.001, "names": ["a", "b"], "deep": {"deeper": None}}
    assert experiment.mounts == {"model": Mount("models/", "ro_mount"), "data": Mount("data", "download")}
    assert experiment.compute.locations == ("westeurope",)
    assert experiment.limits.max_failed == "5%"
    assert experiment.activity.set_up_timeout_seconds == 600.5


def test_three_keys_are_enough(file: Path):
    experiment = loaded(file, SHORTEST)

    assert (experiment.name, experiment.input.csv, experiment.activity.entry) == ("digits", "grid.csv", "sweep:fit")
    assert experiment.compute.control == ControlCompute(
        "Standard_DS2_v2", None, serverless=False, identity=None, identity_client_id=None
    )
    assert experiment.compute.network is None
    assert experiment.parallelism.rows_per_message == "auto"


def test_an_experiment_survives_its_document(file: Path):
    experiment = loaded(file, EVERYTHING)

    assert Experiment.from_document(experiment.to_document()) == experiment


def test_relative_paths_start_from_the_folder_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch):
    file.write_text(SHORTEST)
    monkeypatch.chdir(file.parent)

    found = load_experiment(Path("experiment.yaml"))

    assert (found.file, found.folder) == (file, file.parent)


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"---\n", b"%YAML 1.2\n---\n"])
def test_a_byte_order_mark_and_a_yaml_header_are_no_problem(file: Path, prefix: bytes):
    file.write_bytes(prefix + SHORTEST.encode())

    assert load_experiment(file).experiment.name == "digits"


def test_windows_line_ends_are_no_problem(file: Path):
    file.write_bytes(EVERYTHING.replace("\n", "\r\n").encode())

    assert load_experiment(file).experiment == loaded(file, EVERYTHING)


def test_aliases_and_merge_keys_mean_what_they_do_in_yaml(file: Path):
    text = SHORTEST + (
        "tags: &tags {team: vision, stage: test}\n"
        "mounts: {a: &place {path: here, mode: download}, b: {<<: *place, path: there}, c: *place}\n"
    )

    experiment = loaded(file, text)

    assert experiment.mounts["b"] == Mount("there", "download")
    assert experiment.mounts["c"] == experiment.mounts["a"]


def test_the_first_of_several_merged_mappings_wins(file: Path):
    text = SHORTEST.replace(
        "entry: sweep:fit",
        "entry: sweep:fit, arguments: {a: &a {x: 1, y: 1}, b: &b {x: 2, z: 2}, c: {<<: [*a, *b], z: 3}}",
    )

    experiment = loaded(file, text)

    assert experiment.activity.arguments["c"] == {"x": 1, "y": 1, "z": 3}


def test_the_hash_is_that_of_the_meaning_not_of_the_text(file: Path):
    file.write_text(SHORTEST)
    first = load_experiment(file).experiment_hash
    file.write_text(
        "# a comment\nactivity:\n  entry: 'sweep:fit'\ninput: {csv: grid.csv}\nname: digits\nlog_level: info\n"
    )

    assert load_experiment(file).experiment_hash == first
    assert load_experiment(file, ["log_level=debug"]).experiment_hash != first


def test_set_overrides_a_key_of_the_file(file: Path):
    experiment = loaded(
        file,
        EVERYTHING,
        "parallelism.workers=8",
        "compute.locations=[northeurope, westeurope]",
        "activity.arguments.fresh=1e-5",
        "description=a=b",
        "parallelism.workers=9",
    )

    assert experiment.parallelism.workers == 9
    assert experiment.compute.locations == ("northeurope", "westeurope")
    assert experiment.activity.arguments["fresh"] == 0.00001
    assert experiment.description == "a=b"


def test_set_makes_the_sections_that_are_missing(file: Path):
    experiment = loaded(file, SHORTEST, "compute.control.existing=cpu", "limits={max_hours: 2}")

    assert experiment.compute.control.existing == "cpu"
    assert experiment.limits.max_hours == 2


def test_set_mends_what_is_wrong_in_the_file(file: Path):
    text = SHORTEST + "compute: {tier: spot}\nlog_level: no\n"

    experiment = loaded(file, text, "compute.tier=low_priority", "log_level=debug")

    assert (experiment.compute.tier, experiment.log_level) == ("low_priority", "debug")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("compute.tier=spot", ("--set compute.tier", "'spot'", "dedicated, low_priority")),
        ("compute.teir=spot", ("--set compute.teir", "'tier'")),
        ("parallelism.workers", ("--set", "KEY=VALUE")),
        ("=8", ("--set", "KEY=VALUE")),
        ("name.first=a", ("--set name.first", "name")),
        (
            "tags={a: b",
            ("--set tags", "YAML", "',' or '}'"),
        ),
        (
            "activity.arguments.a=no",
            ("--set activity.arguments.a", "no", "false", '"no"'),
        ),
        (
            "activity.no_retry_on=[numpy.linalg.LinAlgError]",
            ("--set activity.no_retry_on", "activity.no_retry_on[0]", "'numpy.linalg.LinAlgError'", "ValueError"),
        ),
        (
            "activity.retry_delay_seconds=301",
            ("--set activity.retry_delay_seconds", 301, 300),
        ),
        ("parallelism={workers: 0}", ("--set parallelism", "parallelism.workers", 0, 1)),
        ("log_level=", ("--set log_level", "debug, info, warning, error")),
        ("output.path=here", ("--set output.path",)),
    ],
)
def test_a_wrong_override_is_named_by_its_key(
    file: Path, override: str, expected: tuple[object, ...], wording: Wording
):
    (said,) = problems(file, SHORTEST, override)

    names(said, *expected)
    wording(said)


def test_serverless_machines_have_a_size_and_a_tier(file: Path):
    compute = "{serverless: true, size: Standard_F4s_v2, tier: low_priority, control: {serverless: true, size: A_b}}"

    found = loaded(file, SHORTEST, f"compute={compute}").compute

    assert (found.serverless, found.size, found.tier) == (True, "Standard_F4s_v2", "low_priority")
    assert (found.control.serverless, found.control.size) == (True, "A_b")


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(file: Path, wording: Wording):
    said = problems(file, SHORTEST, "azure.storage_account=x;AccountKey=c2VjcmV0c2VjcmV0;")

    assert len(said) == 1
    names(said[0], "--set azure.storage_account", "connection string")
    wording(said[0])
    assert "c2VjcmV0" not in said[0]


def test_problems_of_the_file_come_in_its_order_and_those_of_the_command_line_last(file: Path):
    said = problems(file, SHORTEST + "log_level: loud\ncompute: {tier: spot}\n", "limits.max_hours=0")

    assert [line.partition(": ")[0] for line in said] == [
        "experiment.yaml:4:12",
        "experiment.yaml:5:17",
        "--set limits.max_hours",
    ]


def test_a_missing_file_says_how_to_make_one(tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as caught:
        load_experiment(tmp_path / "experiment.yaml")
    names(caught, "experiment.yaml")
    wording(caught)

    assert "hyperscale init" in str(caught.value.hint)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as refused:
        load_experiment(tmp_path)
    names(refused, "Is a directory")
    wording(refused)


def test_a_file_that_no_human_wrote_is_refused_unread(file: Path, wording: Wording):
    said = problems(file, "#" * 1024 * 1024 + "\n")

    names(said, "experiment.yaml", "1,048,576 bytes")
    wording(said)


NO_EFFECT = [
    ("input.rows=10", "input.rows", "is for remote inputs alone; the rows of a local input are counted"),
    (
        "compute.spare_consumers=2",
        "compute.spare_consumers",
        "has no effect on dedicated nodes: they are not taken away",
    ),
    (
        "compute={serverless: true, tier: low_priority, spare_consumers: 2}",
        "compute.spare_consumers",
        "has no effect on serverless nodes: a spare job would not wait, but get a node of its own",
    ),
    (
        "compute={existing: [gpu-a], locations: [westeurope]}",
        "compute.locations",
        "has no effect: the run makes no clusters of its own",
    ),
    (
        "environment={conda_file: conda.yml, python: /usr/bin/python3}",
        "environment.python",
        "has no effect beside conda_file, which brings an interpreter of its own",
    ),
]


@pytest.mark.parametrize(("override", "path", "message"), NO_EFFECT, ids=[override for override, _, _ in NO_EFFECT])
def test_what_has_no_effect_is_a_warning(file: Path, override: str, path: str, message: str):
    file.write_text(SHORTEST)

    warnings = load_experiment(file, [override]).warnings

    assert [warning.message for warning in warnings] == [message]
    assert path in f"{warnings[0].file} {warnings[0].path}"


def test_a_warning_stands_where_its_key_does(file: Path):
    file.write_text(SHORTEST + "compute: {spare_consumers: 2}\n")

    (warning,) = load_experiment(file).warnings

    assert (warning.line, warning.column, warning.path) == (4, 28, "compute.spare_consumers")


@pytest.mark.parametrize("name", ["billion-laughs", "alias-of-itself", "too-deep"])
def test_a_yaml_bomb_takes_two_seconds_and_200_megabytes_at_most(name: str):
    bomb = Path(__file__).parents[2] / "broken" / "experiments" / f"{name}.yaml"
    code = (
        "import resource, sys, pathlib\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (2, 2))\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, 200 << 20))\n"
        "from hyperscale.control.reading.loading import load_experiment\n"
        "from hyperscale.errors import ExperimentError\n"
        "try: load_experiment(pathlib.Path(sys.argv[1]))\n"
        "except ExperimentError: print('refused')\n"
    )

    answer = subprocess.run([sys.executable, "-c", code, bomb], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "refused\n"


@pytest.mark.parametrize("tag", ["hyperscale_run", "hyperscale_control", "hyperscale_anything"])
def test_tags_that_say_whose_a_cluster_is_are_not_the_users_to_give(file: Path, tag: str):
    (problem,) = problems(file, f"{SHORTEST}tags: {{{tag}: other, team: vision}}\n")

    names(problem, f"tags.{tag}", "hyperscale_", "whose a cluster is")
