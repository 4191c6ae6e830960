from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from experiments import WORKSPACE, make_experiment, make_facts
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples

from hyperscale.control.rendered.data_inputs import fixed_folder
from hyperscale.control.rendered.rendering import HEADER, RunInputs, azure_inputs, render
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Experiment, NodeExperiment
from hyperscale.plan import make_plan, plan_for_this_machine

FOLDER = Path("/project")
PIPELINE = PurePosixPath("pipelines/digits.yml")
CONSUME = PurePosixPath("components/consume.yml")


def rendered(
    experiment: Experiment, *, folder: Path = FOLDER, out: Path | None = None, rows: int = 1_000
) -> dict[PurePosixPath, str]:
    """Return the files that would be committed for `experiment`."""
    plan = make_plan(experiment, make_facts(rows), version="1", templates_hash="t")
    return render(experiment, plan, folder=folder, out=out or folder, run=azure_inputs(experiment.azure))


def pipeline_of(experiment: Experiment) -> dict[str, Any]:
    return yaml.safe_load(rendered(experiment)[PurePosixPath(f"pipelines/{experiment.name}.yml")])


def computes_of(experiment: Experiment) -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for path, text in rendered(experiment).items() if path.parts[0] == "compute"]


def test_the_same_experiment_and_plan_give_the_same_bytes():
    experiment = make_experiment(tags={"b": "1", "a": "2"}, mounts={"model": "models/"}, azure=WORKSPACE)

    assert rendered(experiment) == rendered(experiment)


def test_every_file_says_where_it_comes_from_and_ends_with_one_line_break():
    files = rendered(make_experiment(azure=WORKSPACE))

    assert len(files) == 10
    assert not [path for path, text in files.items() if not text.startswith(f"{HEADER}\n")]
    assert not [path for path, text in files.items() if not text.endswith("\n") or text.endswith("\n\n")]


def test_no_file_knows_a_run():
    inputs = pipeline_of(make_experiment())["inputs"]

    assert {inputs[name] for name in ("run_id", "queue", "store")} == {"auto"}


def test_a_named_storage_account_is_where_queue_and_store_are():
    azure = {"storage_account": "mystorage", "queue_account": "myqueues", "container": "hyper"}

    inputs = pipeline_of(make_experiment(azure=azure))["inputs"]

    assert inputs["queue"] == "https://myqueues.queue.core.windows.net"
    assert inputs["store"] == "https://mystorage.blob.core.windows.net/hyper"


def test_queues_may_have_an_account_while_the_store_has_none():
    inputs = pipeline_of(make_experiment(azure={"queue_account": "myqueues"}))["inputs"]

    assert (inputs["queue"], inputs["store"]) == ("https://myqueues.queue.core.windows.net", "auto")


def test_the_container_travels_where_the_account_is_the_workspaces_own():
    assert pipeline_of(make_experiment(azure={"container": "mine"}))["inputs"]["store"] == "auto/mine"


def test_what_is_deleted_at_the_end_has_the_tag_of_the_files_and_its_price_is_told_as_far_as_known():
    experiment = make_experiment(azure=WORKSPACE)
    plan = make_plan(experiment, make_facts(1_000), version="1", templates_hash="t")
    priced = dataclasses.replace(plan, usd_per_node_hour=0.192, usd_per_control_hour=0.136)

    files = render(experiment, priced, folder=FOLDER, out=FOLDER, run=RunInputs())

    inputs = yaml.safe_load(files[PIPELINE])["inputs"]

    assert inputs["owner_tag"] == f"hyperscale_render={plan.render_id}"
    assert (inputs["control_cluster"], inputs["seed_cluster"]) == (plan.control_cluster, plan.seed_cluster)
    unpriced = pipeline_of(experiment)["inputs"]
    assert (inputs["usd_per_node_hour"], inputs["usd_per_control_hour"]) == ("0.192", "0.136")
    assert (unpriced["usd_per_node_hour"], unpriced["usd_per_control_hour"]) == ("unknown", "unknown")


def test_queues_are_in_the_storage_account_unless_another_is_named():
    inputs = pipeline_of(make_experiment(azure={"storage_account": "mystorage"}))["inputs"]

    assert inputs["queue"] == "https://mystorage.queue.core.windows.net"


def test_the_pipeline_is_a_seed_then_a_consume_for_each_place_and_a_teardown_that_waits_for_none():
    experiment = make_experiment(
        parallelism={"workers": 6, "workers_per_node": 2},
        compute={"max_nodes_per_cluster": 2, "tier": "low_priority", "spare_consumers": 1},
        azure=WORKSPACE,
    )

    document = pipeline_of(experiment)

    jobs = document["jobs"]
    assert list(jobs) == ["seed", "consume_0", "consume_1", "consume_2", "consume_3", "teardown"]
    clusters = document["inputs"]["clusters"].split(",")
    assert [jobs[f"consume_{number}"]["compute"].removeprefix("azureml:") for number in range(4)] == [
        clusters[0],
        clusters[0],
        clusters[1],
        clusters[0],
    ]
    assert {jobs[f"consume_{n}"]["inputs"]["seeded"] for n in range(4)} == {"${{parent.jobs.seed.outputs.seeded}}"}
    assert "parent.jobs" not in json.dumps(jobs["teardown"])
    assert document["inputs"]["consumers"] == 4


def test_a_run_that_owns_no_cluster_says_none_because_the_sdk_drops_an_empty_text():
    inputs = pipeline_of(make_experiment(compute={"existing": ["cpu"]}))["inputs"]

    assert inputs["clusters"] == "none"


def test_command_lines_are_those_of_the_design():
    experiment = make_experiment(input={"files": "images/*.png"}, mounts={"model": "models/"})

    files = rendered(experiment)

    commands = {
        path.stem: yaml.safe_load(text)["command"]
        for path, text in files.items()
        if path.parent == PurePosixPath("components")
    }
    common = (
        "--run-id '${{inputs.run_id}}' --queue '${{inputs.queue}}' --store '${{inputs.store}}' "
        "--experiment '${{inputs.experiment}}'"
    )
    owned = (
        "--clusters '${{inputs.clusters}}' --owner-tag '${{inputs.owner_tag}}' "
        "--control-cluster '${{inputs.control_cluster}}' --seed-cluster '${{inputs.seed_cluster}}' "
        "--usd-per-node-hour '${{inputs.usd_per_node_hour}}' --usd-per-control-hour '${{inputs.usd_per_control_hour}}'"
    )
    assert commands == {
        "seed": f"python -m hyperscale.node seed {common} --input '${{{{inputs.input}}}}' "
        "--rows-per-message '${{inputs.rows_per_message}}' --workers-per-node '${{inputs.workers_per_node}}' "
        "--consumers '${{inputs.consumers}}' --lease-seconds '${{inputs.lease_seconds}}' "
        f"{owned} --seeded '${{{{outputs.seeded}}}}'",
        "gate": f"python -m hyperscale.node gate {common} --seeded '${{{{outputs.seeded}}}}'",
        "consume": f"python -m hyperscale.node consume {common} --workers '${{{{inputs.workers_per_node}}}}' "
        "--lease-seconds '${{inputs.lease_seconds}}' --seeded '${{inputs.seeded}}' --input '${{inputs.input}}' "
        "--mount 'model=${{inputs.mount_model}}'",
        "teardown": f"python -m hyperscale.node teardown {common} --input '${{{{inputs.input}}}}' "
        "--consumers '${{inputs.consumers}}' --lease-seconds '${{inputs.lease_seconds}}' "
        f"{owned} --results '${{{{outputs.results}}}}'",
    }


def test_consumers_get_the_input_only_when_rows_are_files():
    table, files = make_experiment(), make_experiment(input={"files": "images/**/*.png"})

    reads = ["input" in yaml.safe_load(rendered(experiment)[CONSUME])["inputs"] for experiment in (table, files)]

    assert reads == [False, True]


def test_files_are_an_input_folder_and_their_pattern_is_in_the_experiment():
    inputs = pipeline_of(make_experiment(input={"files": "images/**/*.png"}))["inputs"]

    assert inputs["input"] == {"type": "uri_folder", "path": "../images"}
    assert json.loads(inputs["experiment"])["input"]["files"] == "images/**/*.png"


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("images/**/*.png", "images"),
        ("a/b/*.png", "a/b"),
        ("*.png", "."),
        ("a/one.png", "a"),
        ("a/[xy]/c.png", "a"),
        ("/data/*.png", "/data"),
        ("/*.png", "/"),
    ],
)
def test_the_fixed_folder_of_a_pattern_is_what_comes_before_its_first_wildcard(pattern: str, folder: str):
    assert fixed_folder(pattern) == folder


def test_paths_are_relative_to_the_file_that_holds_them_wherever_it_lies():
    experiment = make_experiment(input={"csv": "data/grid.csv"})

    files = rendered(experiment, out=FOLDER / ".hyperscale" / "runs" / "r" / "rendered")

    assert yaml.safe_load(files[PIPELINE])["inputs"]["input"]["path"] == "../../../../../data/grid.csv"


def test_mounts_are_data_inputs_with_their_mode(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "words.txt").touch()
    mounts = {"model": {"path": "models", "mode": "download"}, "words": "words.txt"}

    document = yaml.safe_load(rendered(make_experiment(mounts=mounts), folder=tmp_path)[PIPELINE])

    assert document["inputs"]["mount_model"] == {"type": "uri_folder", "path": "../models"}
    assert document["inputs"]["mount_words"] == {"type": "uri_file", "path": "../words.txt"}
    bound = document["jobs"]["consume_0"]["inputs"]
    assert bound["mount_words"] == "${{parent.inputs.mount_words}}"
    assert bound["mount_model"] == {
        "type": "uri_folder",
        "mode": "download",
        "path": "${{parent.inputs.mount_model}}",
    }


@settings(max_examples=examples(50))
@given(
    st.text(),
    st.dictionaries(st.text(min_size=1, max_size=100), st.text(), max_size=3),  # as long as the schema allows
    st.dictionaries(st.text(), st.text()),
)
def test_texts_of_the_user_come_back_from_the_pipeline_file(
    description: str, tags: dict[str, str], arguments: dict[str, str]
):
    activity = {"entry": "sweep:fit", "arguments": arguments}
    experiment = make_experiment(description=description, tags=tags, activity=activity)

    document = pipeline_of(experiment)

    assert document.get("description", "") == description
    assert tags.items() <= document["tags"].items()
    read = NodeExperiment.from_document(json.loads(document["inputs"]["experiment"]))
    assert read == NodeExperiment.of(experiment)


def test_a_tag_of_the_user_cannot_replace_one_that_teardown_trusts():
    experiment = make_experiment(tags={"hyperscale_render": "mine"}, azure=WORKSPACE)

    tags = [compute["tags"].get("hyperscale_render") for compute in computes_of(experiment)]

    assert "mine" not in tags


def test_a_cluster_file_says_all_that_was_asked_for():
    experiment = make_experiment(
        parallelism={"workers": 7},
        tags={"team": "vision"},
        compute={
            "size": "Standard_NC4as_T4_v3",
            "tier": "low_priority",
            "locations": ["eastus"],
            "idle_seconds": 300,
            "identity": "/subscriptions/s/userAssignedIdentities/hyper",
            "network": {"vnet_name": "v", "subnet": "s"},
            "enable_node_public_ip": False,
        },
        azure=WORKSPACE,
    )

    seeds, control, cluster = computes_of(experiment)

    assert cluster == {
        "$schema": "https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json",
        "type": "amlcompute",
        "name": cluster["name"],
        "location": "eastus",
        "size": "Standard_NC4as_T4_v3",
        "tier": "low_priority",
        "min_instances": 0,
        "max_instances": 7,
        "idle_time_before_scale_down": 300,
        "network_settings": {"vnet_name": "v", "subnet": "s"},
        "enable_node_public_ip": False,
        "identity": {
            "type": "user_assigned",
            "user_assigned_identities": [{"resource_id": "/subscriptions/s/userAssignedIdentities/hyper"}],
        },
        "tags": {
            "team": "vision",
            "hyperscale_render": cluster["name"].split("-")[-2],
            "hyperscale_experiment": "digits",
        },
    }
    assert [(each["tier"], each["max_instances"], each["size"]) for each in (seeds, control)] == [
        ("dedicated", 2, "Standard_DS2_v2"),
        ("dedicated", 4, "Standard_DS2_v2"),
    ]
    for each in (seeds, control):
        assert "location" not in each
        assert (each["min_instances"], each["network_settings"]) == (0, cluster["network_settings"])


def test_the_shared_control_clusters_carry_no_tag_that_a_teardown_deletes_by():
    seeds, control, _ = computes_of(make_experiment(azure=WORKSPACE))

    assert seeds["name"].startswith("hs-seed-")
    assert control["name"].startswith("hs-control-")
    assert seeds["tags"] == control["tags"] == {"hyperscale_control": "shared"}


@pytest.mark.parametrize(
    ("compute", "is_another"),
    [
        ({"control": {"size": "Standard_D4s_v5"}}, True),
        ({"network": {"vnet_name": "v", "subnet": "s"}}, True),
        ({"enable_node_public_ip": False}, True),
        ({"identity": "/subscriptions/s/userAssignedIdentities/other"}, True),
        ({"idle_seconds": 7}, False),
        ({"size": "Standard_F2s_v2", "tier": "low_priority", "max_nodes_per_cluster": 3}, False),
    ],
)
def test_a_file_of_a_control_cluster_never_changes_one_that_other_settings_made(
    compute: dict[str, Any], is_another: bool
):
    usual, changed = (
        {each["name"]: each for each in computes_of(make_experiment(compute=given, azure=WORKSPACE))[:2]}
        for given in ({}, compute)
    )

    assert not (usual.keys() & changed.keys()) if is_another else usual == changed


def test_existing_and_serverless_computes_have_no_files():
    existing = make_experiment(compute={"existing": ["gpu"], "control": {"existing": "cpu"}})
    serverless = make_experiment(compute={"serverless": True, "control": {"serverless": True}})

    assert computes_of(existing) == computes_of(serverless) == []


def test_serverless_steps_say_what_machine_they_want():
    spot = make_experiment(compute={"serverless": True, "size": "Standard_NC4as_T4_v3", "tier": "low_priority"})
    standard = make_experiment(compute={"serverless": True, "shm_size": "8g", "control": {"serverless": True}})

    jobs, standard_jobs = pipeline_of(spot)["jobs"], pipeline_of(standard)["jobs"]

    consume = jobs["consume_0"]
    assert consume["compute"] == "azureml:serverless"
    assert consume["resources"] == {"instance_type": "Standard_NC4as_T4_v3", "instance_count": 1, "shm_size": "2g"}
    assert consume["queue_settings"] == {"job_tier": "Spot"}
    assert standard_jobs["consume_0"]["resources"]["shm_size"] == "8g"
    assert standard_jobs["teardown"]["resources"] == {"instance_type": "Standard_DS2_v2", "instance_count": 1}
    assert standard_jobs["teardown"]["queue_settings"] == {"job_tier": "Standard"}


def identities(**compute: object) -> dict[str, object]:
    """Return the identity that the pipeline names for each step, by the step's name without its number."""
    jobs = pipeline_of(make_experiment(compute=compute))["jobs"]
    return {name.partition("_")[0]: job.get("identity") for name, job in jobs.items()}


def test_steps_name_the_identity_they_work_as_and_always_on_serverless():
    one, other = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
    managed = {"type": "managed"}
    first, second = ({**managed, "client_id": client} for client in (one, other))
    control = {"identity_client_id": other}

    assert identities() == {"seed": None, "consume": None, "teardown": None}
    assert identities(identity_client_id=one) == {"seed": first, "consume": first, "teardown": first}
    two = identities(identity_client_id=one, control=control)
    assert two == {"seed": second, "consume": first, "teardown": second}
    assert identities(serverless=True, control=control) == {"seed": second, "consume": managed, "teardown": second}
    assert identities(serverless=True, identity_client_id=one)["consume"] == first
    assert identities(control={"serverless": True}) == {"seed": managed, "consume": None, "teardown": managed}


def test_clusters_of_consumers_and_of_seed_and_teardown_have_their_own_identities():
    ids = [f"/subscriptions/s/resourceGroups/g/providers/M/userAssignedIdentities/{name}" for name in ("runs", "rules")]
    both = make_experiment(compute={"identity": ids[0], "control": {"identity": ids[1]}})
    one = make_experiment(compute={"identity": ids[0]})

    def given(experiment: Experiment) -> list[str]:
        clusters = sorted(
            computes_of(experiment), key=lambda cluster: cluster["name"].startswith(("hs-control", "hs-seed"))
        )
        return [cluster["identity"]["user_assigned_identities"][0]["resource_id"] for cluster in clusters]

    assert given(both)[0] == ids[0]
    assert set(given(both)[1:]) == {ids[1]}
    assert set(given(one)) == {ids[0]}


@pytest.mark.parametrize(
    ("tier", "hours", "seconds"),
    [("dedicated", 2, (7_200, 8_100, 10_800)), ("low_priority", 168, (604_800, 604_800, 608_400))],
)
def test_steps_end_soon_after_the_hours_of_the_run(tier: str, hours: float, seconds: tuple[int, ...]):
    jobs = pipeline_of(make_experiment(compute={"tier": tier}, limits={"max_hours": hours}))["jobs"]

    assert tuple(jobs[name]["limits"]["timeout"] for name in ("seed", "consume_0", "teardown")) == seconds


def test_steps_are_never_taken_from_an_earlier_run():
    files = rendered(make_experiment())

    components = [yaml.safe_load(text) for path, text in files.items() if path.parent.name == "components"]

    assert [component["is_deterministic"] for component in components] == [False] * 4


def test_consumers_of_a_failed_seed_never_begin_as_what_they_are_bound_to_is_a_required_input():
    seeded = yaml.safe_load(rendered(make_experiment())[CONSUME])["inputs"]["seeded"]

    assert seeded == {"type": "uri_folder"}


def test_a_local_run_has_the_same_components_as_a_submitted_one():
    experiment = make_experiment(parallelism={"workers": 4}, azure=WORKSPACE)
    local = plan_for_this_machine(experiment, make_facts(), cores=2)
    run = RunInputs("digits-20261122-120000-0a1b", "/runs it's", "/runs it's")

    files = render(experiment, local, folder=FOLDER, out=FOLDER / "rendered", run=run)

    submitted = rendered(experiment)
    components = {path for path in files if path.parts[0] == "components"}
    assert {path: files[path] for path in components} == {
        path: text for path, text in submitted.items() if path.parts[0] == "components"
    }
    inputs = yaml.safe_load(files[PIPELINE])["inputs"]
    assert (inputs["run_id"], inputs["queue"], inputs["clusters"]) == (run.run_id, run.queue, "none")
    assert not [path for path in files if path.parts[0] == "compute"]


REFUSED = [
    ({"input": {"csv": "bob's.csv"}}, "\"bob's.csv\" is no name of a file or folder of the input: a '"),
    ({"mounts": {"model": "it's"}}, "\"it's\" is no name of a file or folder of the input: a '"),
    ({"environment": {"python": "python; rm -rf"}}, "environment.python: 'python; rm -rf' holds characters"),
    ({"environment": {"image": "a\nRUN"}}, "environment.image: 'a\\nRUN' holds characters"),
]


@pytest.mark.parametrize(("parts", "message"), REFUSED)
def test_what_a_command_line_cannot_hold_is_refused(parts: dict[str, Any], message: str):
    with pytest.raises(ExperimentError) as raised:
        rendered(make_experiment(**parts))

    assert message in str(raised.value)
