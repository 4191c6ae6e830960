"""The job of Azure ML that a step is part of, by what is set in its environment, and what its run owns."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from hyperscale.azure_run import NO_CLUSTERS, UNKNOWN_PRICE, AzureRun

#: Assumed: no page of the documentation lists what is set in a job.
WORKSPACE_VARIABLES = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
PIPELINE_VARIABLE, STEP_VARIABLE = "AZUREML_ROOT_RUN_ID", "AZUREML_RUN_ID"


@dataclass(frozen=True)
class AzureJob:
    """A job of Azure ML.

    Attributes:
        subscription_id, resource_group, workspace_name: of the workspace that it is in.
        pipeline: name of the pipeline job that it is a step of.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    pipeline: str


def find_job(environ: Mapping[str, str]) -> AzureJob | None:
    """Return the job that this process is part of; None outside of Azure ML."""
    values = [environ.get(variable, "") for variable in (*WORKSPACE_VARIABLES, PIPELINE_VARIABLE)]
    return AzureJob(*values) if all(values) else None


def step_name(environ: Mapping[str, str]) -> str:
    """Return the name that Azure ML knows this step by; empty outside of Azure ML."""
    return environ.get(STEP_VARIABLE, "")


def run_of(
    job: AzureJob,
    *,
    clusters: str,
    owner_tag: str,
    control_cluster: str,
    seed_cluster: str,
    usd_per_node_hour: str,
    usd_per_control_hour: str,
) -> AzureRun:
    """Return what the run of `job` owns, by the inputs of its pipeline.

    Args:
        job: that seed or teardown is part of.
        clusters: names, separated by commas; `none` when the run made none.
        owner_tag: NAME=VALUE, which its clusters are tagged with.
        control_cluster: where teardown runs, and gates.
        seed_cluster: where seed runs.
        usd_per_node_hour: a number, or `unknown`.
        usd_per_control_hour: the same.
    """
    tag, _, value = owner_tag.partition("=")
    return AzureRun(
        subscription_id=job.subscription_id,
        resource_group=job.resource_group,
        workspace_name=job.workspace_name,
        jobs=(job.pipeline,),
        clusters=named_clusters(clusters),
        tag=tag,
        tag_value=value,
        control_cluster=control_cluster,
        usd_per_node_hour=_price(usd_per_node_hour),
        seed_cluster=seed_cluster,
        usd_per_control_hour=_price(usd_per_control_hour),
    )


def named_clusters(clusters: str) -> tuple[str, ...]:
    """Return the names that the pipeline's input `clusters` holds."""
    return () if clusters == NO_CLUSTERS else tuple(name for name in clusters.split(",") if name)


def inputs_of(values: argparse.Namespace) -> dict[str, str]:
    """Return what `run_of` takes, from the words of the command line of seed or teardown."""
    names = (
        "clusters",
        "owner_tag",
        "control_cluster",
        "seed_cluster",
        "usd_per_node_hour",
        "usd_per_control_hour",
    )
    return {name: getattr(values, name) for name in names}


def _price(text: str) -> float | None:
    return None if text == UNKNOWN_PRICE else float(text)
