"""Every answer of Azure that was recorded is understood: its shape is real (recorded.yaml), its values are invented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from answer_shapes import invented
from answering_service import Login, Service
from recordings import Recorded, load_table

from hyperscale.node.azure import resource_manager
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node_sizes import node_sizes
from hyperscale.quota import quota_of

TABLE = {name: each for name, each in load_table().items() if not each.is_example}
#: Both ways to fill a shape: all that may be there, and what always is.
FULL, SPARE = True, False


def named(*starts: str) -> list[str]:
    """Return the recordings whose names start so."""
    return [name for name in TABLE if name.startswith(starts)]


def body_of(recorded: Recorded, *, is_full: bool = FULL) -> bytes:
    if recorded.exactly is not None:
        return recorded.exactly.encode()
    return json.dumps(invented(recorded.body, is_full=is_full)).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(running.authority))
        patch.setenv("NO_PROXY", "*")
        patch.setattr(resource_manager, "URL", running.url(""))
        yield running
    running.close()


@pytest.fixture
def workspace(service: Service) -> Iterator[Workspace]:
    with closing(ResourceManager(Login(), who="the test", retries=0)) as azure:
        service.answers.clear()
        service.asked.clear()
        yield Workspace(azure, WorkspaceName("s", "g", "lab"))


@pytest.fixture
def answers(service: Service) -> Callable[..., None]:
    """Have the service answer the next request as one that was recorded."""

    def answer(name: str, *, is_full: bool = FULL) -> None:
        service.answer(TABLE[name].status, body_of(TABLE[name], is_full=is_full))

    return answer


@pytest.fixture
def knows_history(service: Service) -> Callable[[], None]:
    """Have the service answer the two requests by which run history is found."""

    def tell() -> None:
        found = invented(TABLE["09-workspace-get-2023"].body)
        found["properties"]["discoveryUrl"] = service.url("/discovery")
        service.answer(200, found)
        service.answer(200, {**invented(TABLE["03-discovery-get"].body), "api": service.url("")})

    return tell


@pytest.mark.parametrize("name", named("09-workspace-get"))
@pytest.mark.parametrize("is_full", [FULL, SPARE])
def test_a_workspace_tells_where_everything_is(workspace: Workspace, answers: Any, name: str, is_full: bool):
    answers(name, is_full=is_full)

    facts = workspace.facts()

    assert facts is not None
    assert (facts.storage_account, facts.key_vault.rpartition("/")[2]) == ("thing", "thing")
    assert facts.discovery_url.startswith("https://")
    assert facts.workspace_id
    assert facts.public_network


@pytest.mark.parametrize(
    "name", [name for name in named("01-") if TABLE[name].method == "GET" and name != "01-step-get-by-arm"]
)
def test_a_job_has_the_state_that_was_recorded(workspace: Workspace, answers: Any, name: str):
    answers(name)
    job = workspace.job("j")

    assert job is not None
    assert job.status == next(
        state for state in ("Completed", "Failed", "Canceled", "Running") if state.lower() in name
    )
    assert job.is_over == (job.status != "Running")
    assert job.studio_url.startswith("https://")


def test_a_step_has_the_state_that_run_history_tells(workspace: Workspace, answers: Any, knows_history: Any):
    answers("01-step-get-by-arm")
    knows_history()
    answers("03-run-get-2023")

    step = workspace.job("s")

    assert step is not None
    assert (step.status, step.is_over) == ("Completed", True)


def test_a_list_of_jobs_ends_where_no_further_page_is_named(workspace: Workspace, answers: Any):
    answers("12-jobs-list-2024")

    (job,) = workspace.jobs("a-tag")

    assert (job.status, job.tags, job.experiment) == (
        "Completed",
        {"_aml_system_ComputeTargetStatus": '{"a": 1}'},
        "words",
    )


@pytest.mark.parametrize("name", [name for name in named("02-job-cancel") if "location" not in name])
def test_a_cancel_that_was_taken_is_no_error(workspace: Workspace, service: Service, answers: Any, name: str):
    answers(name)

    workspace.cancel_job("j")

    assert service.asked == ["POST /subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices"
                             "/workspaces/lab/jobs/j/cancel?api-version=2024-04-01"]  # fmt: skip


@pytest.mark.parametrize("is_full", [FULL, SPARE])
def test_the_steps_of_a_pipeline_are_told_by_run_history(
    workspace: Workspace, answers: Any, knows_history: Any, is_full: bool
):
    knows_history()
    answers("03-run-children-get-2023", is_full=is_full)

    (step,) = workspace.steps("j")

    assert (step.name, step.status, step.error, step.is_over) == ("words", "Completed", "", True)
    assert step.run_id
    assert step.cancel_url.startswith("https://")


def test_the_steps_of_twenty_pages_are_all_seen(workspace: Workspace, service: Service, knows_history: Any):
    knows_history()
    page = invented(TABLE["03-run-children-get-2023"].body)
    for number in range(20):
        steps = [{**page["value"][0], "runId": f"{number}-{place}"} for place in range(50)]
        token = {"continuationToken": f"after {number}"} if number < 19 else {}
        service.answer(200, {"value": steps, **token})

    assert len({step.run_id for step in workspace.steps("j")}) == 1_000


@pytest.mark.parametrize("name", [name for name in named("04-compute") if "operation" not in name])
@pytest.mark.parametrize("is_full", [FULL, SPARE])
def test_a_cluster_is_understood_while_it_is_made_and_after(
    workspace: Workspace, answers: Any, name: str, is_full: bool
):
    answers(name, is_full=is_full)
    if "delete" in name:
        workspace.delete_compute("c")
        return
    found = workspace.computes() if "list" in name else [workspace.compute("c")]
    kinds = [compute.kind for compute in found if compute]

    assert kinds == (["AmlCompute", "ComputeInstance"] if "list" in name else ["AmlCompute"])
    assert found[0] is not None
    assert found[0].state == ("Creating" if "-put-" in name else "Succeeded")
    assert (found[0].tier, found[0].max_nodes, found[0].errors) == ("dedicated", 3, ())
    assert found[0].nodes == (0 if "-put-" in name else 3)


def test_a_compute_that_is_not_there_has_no_body_and_is_none(workspace: Workspace, answers: Any):
    answers("13-compute-get-404")
    answers("13-compute-get-404")

    assert workspace.compute("c") is None
    workspace.delete_compute("c")


def test_quota_and_sizes_are_read(workspace: Workspace, answers: Any):
    answers("10-usages-2025")
    answers("10-vmsizes-2025")

    quota = quota_of(
        {**row, "type": kind}
        for row in workspace.usages("here")
        for kind in TABLE["10-usages-2025"].body["value"][0]["type"].replace("=", "").split(" or ")
    )
    (size,) = node_sizes(workspace.sizes("here"))

    assert None not in (quota.clusters, quota.dedicated, quota.low_priority)
    assert (size.cores, size.memory_gb) == (3, 2.5)


def test_a_component_is_there_or_not(workspace: Workspace, answers: Any):
    answers("05-component-get-by-label-200")
    answers("05-component-get-404")

    assert workspace.has_component("c", "1")
    assert not workspace.has_component("c", "1")


def test_tags_and_metrics_are_taken(workspace: Workspace, service: Service, answers: Any, knows_history: Any):
    answers("01-pipeline-get-completed-2023")
    knows_history()
    answers("03-run-modify-patch-2024")
    answers("14-mlflow-log-metric")

    workspace.tag_job("j", {"succeeded": "3"})
    workspace.log_metrics("j", {"rows": 3.0}, 1_800_000_000)

    assert [asked.split(" ")[0] for asked in service.asked] == ["GET", "GET", "GET", "PATCH", "POST"]


@pytest.mark.parametrize("name", [name for name, each in TABLE.items() if each.status >= 400 and each.exactly is None])
def test_each_refusal_is_said_with_its_status_and_code(workspace: Workspace, answers: Any, name: str):
    answers(name)
    with pytest.raises(RefusedError) as refused:
        workspace.azure.send("POST", "/thing", {})

    assert refused.value.status == TABLE[name].status
    assert refused.value.code == TABLE[name].body["error"]["code"].removeprefix("=")
    assert "words" in str(refused.value)


def test_a_step_is_cancelled_by_its_own_address_where_resource_manager_says_that_it_is_no_job(
    workspace: Workspace, service: Service, answers: Any, knows_history: Any
):
    answers("05-component-put-400-immutable")
    knows_history()
    answers("02-job-cancel-of-a-finished-job-200")

    workspace.cancel_step(StepFacts("s-1", "consume_0", "Queued", "", service.url("/runs/s-1/Cancel")))

    assert service.asked[-1] == "POST /runs/s-1/Cancel"
