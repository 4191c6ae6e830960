"""The job of Azure ML that a step is part of: by its environment, and by its pipeline's inputs."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.azure_run import AzureRun
from hyperscale.errors import HyperscaleError
from hyperscale.node.azure.azure_job import AzureJob, find_job, run_of
from hyperscale.node.storing.places import resolved

JOB = {
    "AZUREML_ARM_SUBSCRIPTION": "s",
    "AZUREML_ARM_RESOURCEGROUP": "g",
    "AZUREML_ARM_WORKSPACE_NAME": "w",
    "AZUREML_ROOT_RUN_ID": "loud_cat_1",
}


def test_a_step_knows_its_workspace_and_its_pipeline() -> None:
    assert find_job(JOB) == AzureJob("s", "g", "w", "loud_cat_1")


@pytest.mark.parametrize("lacking", JOB)
def test_where_one_of_them_is_not_told_there_is_no_job(lacking: str) -> None:
    assert find_job({**JOB, lacking: ""}) is None


def test_what_a_run_owns_is_said_by_the_inputs_of_its_pipeline() -> None:
    inputs = {"owner_tag": "hyperscale_render=099923", "control_cluster": "hs-control", "usd_per_node_hour": "0.192"}
    inputs["seed_cluster"] = "hs-seed"
    inputs["usd_per_control_hour"] = "0.136"

    run = run_of(AzureJob("s", "g", "w", "loud_cat_1"), clusters="hs-a-c00,hs-a-c01", **inputs)

    clusters = ("hs-a-c00", "hs-a-c01")
    owned = ("hyperscale_render", "099923", "hs-control", 0.192, "hs-seed", 0.136)
    assert run == AzureRun("s", "g", "w", ("loud_cat_1",), clusters, *owned)


def test_a_run_may_own_nothing_and_its_price_be_unknown() -> None:
    inputs = {"owner_tag": "hyperscale_render=099923", "control_cluster": "cpu", "usd_per_node_hour": "unknown"}
    inputs["seed_cluster"] = "cpu"
    inputs["usd_per_control_hour"] = "unknown"

    run = run_of(AzureJob("s", "g", "w", "j"), clusters="none", **inputs)

    assert (run.clusters, run.usd_per_node_hour, run.usd_per_control_hour) == ((), None, None)


def test_places_that_are_given_are_not_looked_up() -> None:
    assert resolved("/runs", "https://a.blob.core.windows.net/c", {}) == ("/runs", "https://a.blob.core.windows.net/c")


@pytest.mark.parametrize("places", [("auto", "/runs"), ("/runs", "auto/mine")])
def test_auto_outside_of_a_job_says_what_is_missing(places: tuple[str, str], wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        resolved(*places, {})
    names(refused, "AZUREML_ARM_SUBSCRIPTION")
    wording(refused)

    assert "azure.storage_account" in str(refused.value.hint)
