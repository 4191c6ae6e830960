"""The pure parts of the emulated Azure: order of steps, nodes and quota, expressions, and the body of a job."""

from __future__ import annotations

from typing import Any

import pytest
from emulator.execution.allocation import Pool, allocate
from emulator.execution.contents import Contents
from emulator.execution.data import BlobPlace, DataError, Storage
from emulator.execution.expressions import ExpressionError, fill
from emulator.execution.ordering import Decision, decide
from emulator.execution.submitted import Data, compute_name, seconds_of, steps_of
from emulator.world import World

pytestmark = pytest.mark.tools

NEEDS = {"seed": (), "consume": ("seed",), "teardown": ()}


@pytest.mark.parametrize(
    ("statuses", "options", "decision"),
    [
        (("NotStarted", "NotStarted", "NotStarted"), {}, Decision(start=("seed", "teardown"))),
        (("Running", "NotStarted", "Queued"), {}, Decision()),
        (("Completed", "NotStarted", "Running"), {}, Decision(start=("consume",))),
        (("Failed", "NotStarted", "Running"), {}, Decision()),
        (("Failed", "NotStarted", "Completed"), {}, Decision(ending="Failed")),
        (("Canceled", "NotStarted", "Completed"), {}, Decision(ending="Failed")),
        (("Completed", "Completed", "Completed"), {}, Decision(ending="Completed")),
        (("Failed", "NotStarted", "Running"), {"continues": False}, Decision(stop=("teardown", "consume"))),
        (("Failed", "Canceled", "Canceled"), {"continues": False}, Decision(ending="Failed")),
        (("Completed", "NotStarted", "Running"), {"cancelled": True}, Decision(stop=("teardown", "consume"))),
        (("Completed", "Canceled", "Canceled"), {"cancelled": True}, Decision(ending="Canceled")),
    ],
)
def test_what_happens_next_in_a_pipeline(
    statuses: tuple[str, ...], options: dict[str, bool], decision: Decision
) -> None:
    decided = decide(
        NEEDS,
        dict(zip(NEEDS, statuses, strict=True)),
        continues_on_failure=options.get("continues", True),
        is_cancelled=options.get("cancelled", False),
    )

    assert decided == decision


@pytest.mark.parametrize(
    ("optional", "statuses", "decision"),
    [
        (("maybe",), "Failed NotStarted NotStarted NotStarted", Decision(start=("maybe",))),
        (("maybe",), "Canceled NotStarted NotStarted NotStarted", Decision(start=("maybe",))),
        (("maybe",), "Running NotStarted NotStarted NotStarted", Decision()),
        (("maybe",), "Completed NotStarted NotStarted NotStarted", Decision(start=("must", "maybe"))),
        (("maybe",), "Failed NotStarted Completed NotStarted", Decision(ending="Failed")),
        (("maybe", "last"), "Failed NotStarted Completed NotStarted", Decision(start=("last",))),
        ((), "Failed NotStarted NotStarted NotStarted", Decision(ending="Failed")),
    ],
)
def test_only_steps_that_name_a_failed_one_in_optional_inputs_run_all_the_same(
    optional: tuple[str, ...], statuses: str, decision: Decision
) -> None:
    needs = {"seed": (), "must": ("seed",), "maybe": ("seed",), "last": ("must",)}

    decided = decide(
        needs,
        dict(zip(needs, statuses.split(), strict=True)),
        optional_needs={step: needs[step] for step in optional},
        continues_on_failure=True,
        is_cancelled=False,
    )

    assert decided == decision


QUOTA = ("westeurope", "LowPriority", "")


def pool(
    *idle: str, preparing: int = 0, busy: int = 0, most: int = 4, least: int = 0, cores: int = 4, is_up: bool = True
) -> Pool:
    return Pool(QUOTA, cores, least, most, idle, preparing, len(idle) + preparing + busy, is_up)


@pytest.mark.parametrize(
    ("waiting", "pools", "free", "nodes", "new", "short"),
    [
        ("a b", {"p": pool("n1")}, 8, {"a": "n1"}, ["p"], set()),
        ("a b c", {"p": pool(preparing=1, busy=1)}, 100, {}, ["p", "p"], set()),
        ("a b", {"p": pool(busy=4)}, 100, {}, [], set()),
        ("a b", {"p": pool()}, 7, {}, ["p"], {"p"}),
        ("a", {"p": pool("n1", is_up=False)}, 100, {}, [], set()),
        ("a", {}, 100, {}, [], set()),
        ("", {"p": pool("n1", least=2)}, 100, {}, ["p"], set()),
        ("", {"p": pool(least=3)}, 5, {}, ["p"], {"p"}),
    ],
)
def test_who_gets_a_node(
    waiting: str, pools: dict[str, Pool], free: int, nodes: dict[str, str], new: list[str], short: set[str]
) -> None:
    result = allocate([(step, "p") for step in waiting.split()], pools, {QUOTA: free})

    assert (result.nodes, result.new_nodes, result.short_of_quota) == (nodes, new, short)


def test_a_cluster_that_waits_for_quota_does_not_keep_another_one_waiting() -> None:
    pools = {"large": pool(cores=16), "small": pool(cores=4)}

    result = allocate([("a", "large"), ("b", "small")], pools, {QUOTA: 8})

    assert (result.new_nodes, result.short_of_quota) == (["small"], {"large"})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("x ${{inputs.a}} ${{ outputs.o }}", "x 1 /out"),
        ("x $[[--b ${{inputs.b}}]] y", "x  y"),
        ("x $[[--a ${{inputs.a}}]] y", "x --a 1 y"),
        ("$[[${{inputs.a}} ${{inputs.b}}]]", ""),
        ("$HOME $(date) ${x}", "$HOME $(date) ${x}"),
    ],
)
def test_expressions_are_filled(text: str, filled: str) -> None:
    assert fill(text, {"inputs.a": "1", "inputs.b": None, "outputs.o": "/out"}) == filled


@pytest.mark.parametrize("text", ["${{inputs.none}}", "${{inputs.b}}", "$[[${{inputs.none}}]]"])
def test_an_expression_without_a_value_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="inputs"):
        fill(text, {"inputs.a": "1", "inputs.b": None})


@pytest.mark.parametrize(
    ("duration", "seconds"), [("PT2H15M", 8100.0), ("PT1M", 60.0), ("P1DT1S", 86401.0), ("PT0.5S", 0.5), (None, None)]
)
def test_durations_are_read(duration: str | None, seconds: float | None) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize("written", ["c", "azureml:c", "/subscriptions/s/resourceGroups/g/computes/c"])
def test_a_compute_is_named_in_several_ways(written: str) -> None:
    assert compute_name(written) == "c"


SPEC: dict[str, Any] = {
    "command": "run",
    "code": "azureml:/subscriptions/s/codes/c/versions/1",
    "environment": "azureml:/subscriptions/s/environments/e/versions/1",
    "environment_variables": {"A": "component", "B": "component"},
    "inputs": {
        "n": {"type": "integer", "default": "3"},
        "maybe": {"type": "string", "optional": True},
        "rows": {"type": "uri_file"},
        "seeded": {"type": "uri_folder"},
    },
    "outputs": {"out": {"type": "uri_folder"}},
}


def test_the_body_that_the_sdk_sends_is_read() -> None:
    node = {
        "componentId": "component",
        "resources": {"instance_count": 1, "instance_type": "Standard_F4s_v2"},
        "queue_settings": {"job_tier": "Spot"},
        "limits": {"timeout": "PT1M", "job_limits_type": "Command"},
        "environment_variables": {"A": "job"},
        "identity": {"client_id": "11111111-2222-3333-4444-555555555555", "identity_type": "Managed"},
        "inputs": {
            "rows": {"value": "${{parent.inputs.f}}", "job_input_type": "literal"},
            "seeded": {"value": "${{parent.jobs.seed.outputs.seeded}}", "job_input_type": "literal"},
        },
        "outputs": {
            "out": {"uri": "azureml://datastores/d/paths/x/", "mode": "Upload", "job_output_type": "uri_folder"}
        },
    }
    properties = {
        "jobs": {"one": node},
        "inputs": {"f": {"uri": "wasbs://c@a.blob.core.windows.net/x.csv", "jobInputType": "uri_file"}},
        "settings": {"default_compute": "serverless"},
    }

    (step,) = steps_of(properties, {"component": SPEC}.__getitem__)

    assert step.inputs["rows"] == Data("uri_file", "wasbs://c@a.blob.core.windows.net/x.csv")
    assert (step.inputs["n"], step.inputs["maybe"]) == ("3", None)
    assert step.needs == {"seed"}
    assert (step.compute, step.size, step.tier) == ("serverless", "Standard_F4s_v2", "low_priority")
    assert (step.timeout_seconds, step.client_id) == (60, "11111111-2222-3333-4444-555555555555")
    assert step.variables == {"A": "job", "B": "component"}
    assert step.outputs["out"].uri == "azureml://datastores/d/paths/x/"


def test_needs_that_only_optional_inputs_name_are_told_apart() -> None:
    spec = {"command": "run", "inputs": {"a": {"type": "uri_folder"}, "b": {"type": "uri_folder", "optional": True}}}
    bound = {key: {"value": f"${{{{parent.jobs.{key}.outputs.out}}}}", "job_input_type": "literal"} for key in "ab"}
    both = {**bound, "b": {"value": "${{parent.jobs.a.outputs.out}}", "job_input_type": "literal"}}
    jobs = {name: {"componentId": "c", "inputs": inputs} for name, inputs in {"one": bound, "two": both}.items()}

    one, two = steps_of({"jobs": jobs}, {"c": spec}.__getitem__)

    assert (one.needs, one.optional_needs) == ({"a", "b"}, {"b"})
    assert (two.needs, two.optional_needs) == ({"a"}, frozenset())


def test_a_step_of_several_nodes_is_not_emulated() -> None:
    node = {"componentId": "component", "resources": {"instance_count": 2}}

    with pytest.raises(ValueError, match="one node"):
        steps_of({"jobs": {"one": node}}, {"component": SPEC}.__getitem__)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("azureml://datastores/workspaceblobstore/paths/a/b.csv", BlobPlace("of workspaceblobstore", "a/b.csv")),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/a%20b/",
            BlobPlace("of d", "a b/"),
        ),
        ("wasbs://c@labstore.blob.core.windows.net/x/y.csv", BlobPlace("c", "x/y.csv")),
        ("https://labstore.blob.core.windows.net/c/x/y.csv", BlobPlace("c", "x/y.csv")),
        ("https://labstore.blob.core.windows.net/c", BlobPlace("c", "")),
    ],
)
def test_an_address_of_data_is_a_place_in_storage(uri: str, place: BlobPlace, tmp_path: Any) -> None:
    assert Storage(None, World(), "of {}".format, tmp_path, Contents(tmp_path)).place_of(uri) == place


@pytest.mark.parametrize("uri", ["https://else.blob.core.windows.net/c/x", "s3://bucket/x", "/local/file"])
def test_other_addresses_of_data_are_refused(uri: str, tmp_path: Any) -> None:
    with pytest.raises(DataError):
        Storage(None, World(), str, tmp_path, Contents(tmp_path)).place_of(uri)
