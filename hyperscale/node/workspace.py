"""Asks a workspace of Azure Machine Learning: its computes, its jobs, the steps of a job, quota and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hyperscale.errors import AzureError
from hyperscale.node.resource_manager import ResourceManager
from hyperscale.node.workspace_facts import (
    ComputeFacts,
    JobFacts,
    StepFacts,
    WorkspaceFacts,
    compute_facts,
    job_facts,
    step_facts,
    workspace_facts,
)

#: Of workspaces, computes, jobs, usages and sizes.
API_VERSION = "2024-04-01"


@dataclass(frozen=True)
class WorkspaceName:
    """Where a workspace is."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def path(self) -> str:
        """Return its path in Azure Resource Manager."""
        parts = (
            f"/subscriptions/{quote(self.subscription_id)}/resourceGroups/{quote(self.resource_group)}",
            f"providers/Microsoft.MachineLearningServices/workspaces/{quote(self.name)}",
        )
        return "/".join(parts)


class Workspace:
    """Asks one workspace; every method raises RefusedError or AzureError as ResourceManager does."""

    def __init__(self, azure: ResourceManager, name: WorkspaceName) -> None:
        """Ask `azure` about the workspace `name`."""
        self.azure, self.name = azure, name
        self._history_url: str | None = None
        self._facts: WorkspaceFacts | None = None

    def facts(self) -> WorkspaceFacts | None:
        """Return what the workspace says of itself, asked once; None when there is no such workspace."""
        if self._facts is None:
            document = self.azure.get(self.name.path, api_version=API_VERSION)
            self._facts = workspace_facts(document) if document else None
        return self._facts

    def computes(self) -> list[ComputeFacts]:
        """Return its computes."""
        found = self.azure.pages(f"{self.name.path}/computes", api_version=API_VERSION)
        return [compute_facts(document) for document in found]

    def compute(self, name: str) -> ComputeFacts | None:
        """Return one compute, or None."""
        document = self.azure.get(self._of("computes", name), api_version=API_VERSION)
        return compute_facts(document) if document else None

    def delete_compute(self, name: str) -> None:
        """Have a compute deleted; returns when Azure has agreed to. One that is gone is no error."""
        query = {"api_version": API_VERSION, "underlyingResourceAction": "Delete"}
        self.azure.send("DELETE", self._of("computes", name), query, missing=(404,))

    def job(self, name: str) -> JobFacts | None:
        """Return one job, or None."""
        document = self.azure.get(self._of("jobs", name), api_version=API_VERSION)
        return job_facts(document) if document else None

    def jobs(self, tag: str) -> Iterator[JobFacts]:
        """Yield the jobs that have the tag `tag`, newest first."""
        found = self.azure.pages(f"{self.name.path}/jobs", api_version=API_VERSION, listViewType="ActiveOnly", tag=tag)
        return (job_facts(document) for document in found)

    def cancel_job(self, name: str) -> None:
        """Ask for the end of a job; one that is over, or gone, is no error."""
        path = f"{self._of('jobs', name)}/cancel"
        self.azure.send("POST", path, {"api_version": API_VERSION}, missing=(404, 409))

    def steps(self, job: str) -> list[StepFacts]:
        """Return the steps of the pipeline job `job`, as far as they exist yet."""
        found = self.azure.pages(f"{self._history()}/runs/{quote(job)}/children")
        return [step_facts(document) for document in found]

    def usages(self, location: str) -> list[dict[str, Any]]:
        """Return quota and usage in `location`, in Azure's words: currentValue, limit, name {value, localizedValue}."""
        return list(self.azure.pages(self._at(location, "usages"), api_version=API_VERSION))

    def sizes(self, location: str) -> list[dict[str, Any]]:
        """Return the sizes of nodes in `location`, in Azure's words: name, family, vCPUs, estimatedVMPrices ..."""
        document = self.azure.get(self._at(location, "vmSizes"), api_version=API_VERSION) or {}
        return list(document.get("value") or ())

    def _of(self, kind: str, name: str) -> str:
        return f"{self.name.path}/{kind}/{quote(name)}"

    def _at(self, location: str, kind: str) -> str:
        provider = f"/subscriptions/{quote(self.name.subscription_id)}/providers/Microsoft.MachineLearningServices"
        return f"{provider}/locations/{quote(location)}/{kind}"

    def _history(self) -> str:
        """Return the address of the workspace in run history."""
        if self._history_url is None:
            facts = self.facts()
            if facts is None:
                raise AzureError(f"there is no workspace {self.name.name}")
            told = self.azure.get(facts.discovery_url) or {}
            self._history_url = f"{told['api'].rstrip('/')}/history/v1.0{self.name.path}"
        return self._history_url
