"""Asks a workspace of Azure Machine Learning: its computes, its jobs, the steps of a job, quota and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.resource_manager import ResourceManager, is_same_service
from hyperscale.node.azure.workspace_facts import (
    ComputeFacts,
    DataAsset,
    JobFacts,
    StepFacts,
    WorkspaceFacts,
    compute_facts,
    job_facts,
    run_facts,
    step_facts,
    workspace_facts,
)

#: Of computes, jobs, usages and sizes.
API_VERSION = "2024-04-01"
#: Of the workspace itself: the first one that tells `systemDatastoresAuthMode` (Azure/bicep-types-az, 2024-10-01).
WORKSPACE_API_VERSION = "2024-10-01"


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
        self._api_url: str | None = None
        self._facts: WorkspaceFacts | None = None

    def facts(self) -> WorkspaceFacts | None:
        """Return what the workspace says of itself, asked once; None when there is no such workspace."""
        if self._facts is None:
            document = self.azure.get(self.name.path, api_version=WORKSPACE_API_VERSION)
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
        if document and not document.get("properties"):  # a step, or a component: run history alone knows how it is
            run = self._run(name)
            return run_facts(run) if run else None
        return job_facts(document) if document else None

    def parent(self, run_id: str) -> str:
        """Return the run id of what a step is in: a pipeline job, or a component of it; empty when nobody knows."""
        return str((self._run(run_id) or {}).get("parentRunId") or "")

    def jobs(self, tag: str, *, archived: bool = False) -> Iterator[JobFacts]:
        """Yield the jobs that have the tag `tag`, newest first; those that people have archived only if `archived`."""
        view = "All" if archived else "ActiveOnly"
        found = self.azure.pages(f"{self.name.path}/jobs", api_version=API_VERSION, listViewType=view, tag=tag)
        return (job_facts(document) for document in found)

    def cancel_job(self, name: str) -> None:
        """Ask for the end of a job; one that is over, or gone, is no error."""
        self._cancel(name, missing=(404, 409))

    def cancel_step(self, step: StepFacts) -> None:
        """Ask for the end of one step of a pipeline job; one that is over, or gone, is no error.

        That Resource Manager cancels single steps is not documented; where it refuses, or knows no such job, the
        address is asked that run history gives each run for that (`cancelUri`).
        """
        refused: RefusedError | None = None
        try:
            if self._cancel(step.run_id, missing=(404,)) is not None:
                return
        except RefusedError as error:
            if error.status == 409:
                return
            refused = error
        if not step.cancel_url:
            if refused:
                raise refused
            return
        if not is_same_service(step.cancel_url, self._api()):
            raise AzureError(f"step {step.name}: its cancel address is not in the workspace's region") from refused
        self.azure.send("POST", step.cancel_url, {}, missing=(404, 409))

    def tag_job(self, name: str, tags: Mapping[str, str]) -> None:
        """Give a job further tags; those that it has stay. One that is gone is no error."""
        job = self.job(name)
        if job:
            # Run history does not name the experiment of a component; the other address is that of every run.
            address = f"{self._run_address(name)}/modify"
            if job.experiment:
                address = f"{self._history()}/experiments/{quote(job.experiment)}/runs/{quote(name, safe='')}"
            self.azure.send("PATCH", address, {}, body={"tags": dict(tags)})

    def log_metrics(self, name: str, figures: Mapping[str, float], at: float) -> None:
        """Add a point to the metrics of a job, which the studio shows as curves.

        Azure ML takes them as MLflow's REST API has them (Log Batch); no library is needed for that.

        Args:
            name: of the job.
            figures: metric to value.
            at: Unix seconds.
        """
        path = f"{self._api()}/mlflow/v1.0{self.name.path}/api/2.0/mlflow/runs/log-batch"
        milliseconds = int(at * 1000)
        metrics = [
            {"key": key, "value": value, "timestamp": milliseconds, "step": int(at)} for key, value in figures.items()
        ]
        self.azure.send("POST", path, {}, body={"run_id": name, "metrics": metrics})

    def steps(self, job: str) -> list[StepFacts]:
        """Return the steps of the pipeline job `job`, as far as they exist yet."""
        found = self.azure.pages(f"{self._run_address(job)}/children")
        return [step_facts(document) for document in found]

    def step_log(self, run_id: str, name: str) -> str | None:
        """Return the log of a step whose file is called `name`, such as 20_image_build_log.txt; None without one."""
        details = self.azure.get(f"{self._run_address(run_id)}/details") or {}
        logs = details.get("logFiles") or {}
        url = next((logs[file] for file in logs if file.rpartition("/")[2] == name), None)
        return self.azure.signed_text(url) if url else None

    def has_component(self, name: str, version: str) -> bool:
        """Return whether the component `name` is registered in that version."""
        path = f"{self._of('components', name)}/versions/{quote(version)}"
        return self.azure.get(path, api_version=API_VERSION) is not None

    def register_folder(self, asset: DataAsset) -> None:
        """Register a folder as a version of a data asset; one that is registered already with this data is no error.

        A version never changes (how-to-create-data-assets.md), so that it is looked at before.

        Raises:
            AzureError: when that version is of other data.
        """
        path = f"{self._of('data', asset.name)}/versions/{quote(asset.version)}"
        known = self.azure.get(path, api_version=API_VERSION)
        if known is not None:
            uri = (known.get("properties") or {}).get("dataUri")
            if str(uri).rstrip("/") != asset.uri.rstrip("/"):
                said = f"version {asset.version} of the data asset {asset.name} exists with other data"
                raise AzureError(said, hint="leave out output.register.version: it is the run's id then")
            return
        properties = {
            "dataType": "uri_folder",
            "dataUri": asset.uri,
            "description": asset.description,
            "tags": dict(asset.tags),
        }
        self.azure.send("PUT", path, {"api_version": API_VERSION}, body={"properties": properties})

    def usages(self, location: str) -> list[dict[str, Any]]:
        """Return quota and usage in `location`, in Azure's words: currentValue, limit, name {value, localizedValue}."""
        return list(self.azure.pages(self._at(location, "usages"), api_version=API_VERSION))

    def sizes(self, location: str) -> list[dict[str, Any]]:
        """Return the sizes of nodes in `location`, in Azure's words: name, family, vCPUs, estimatedVMPrices ..."""
        document = self.azure.get(self._at(location, "vmSizes"), api_version=API_VERSION) or {}
        return list(document.get("value") or ())

    def _of(self, kind: str, name: str) -> str:
        return f"{self.name.path}/{kind}/{quote(name, safe='')}"

    def _at(self, location: str, kind: str) -> str:
        provider = f"/subscriptions/{quote(self.name.subscription_id)}/providers/Microsoft.MachineLearningServices"
        return f"{provider}/locations/{quote(location)}/{kind}"

    def _cancel(self, name: str, *, missing: tuple[int, ...]) -> dict[str, Any] | None:
        """Ask Resource Manager for the end of a job or step; None when the status of its answer is one of `missing`."""
        return self.azure.send(
            "POST", f"{self._of('jobs', name)}/cancel", {"api_version": API_VERSION}, missing=missing
        )

    def _run(self, run_id: str) -> dict[str, Any] | None:
        """Return what run history tells of a job, a step or a component; None when it knows none of that id."""
        return self.azure.get(self._run_address(run_id))

    def _run_address(self, run_id: str) -> str:
        return f"{self._history()}/runs/{quote(run_id, safe='')}"

    def _history(self) -> str:
        """Return the address of the workspace in run history."""
        return f"{self._api()}/history/v1.0{self.name.path}"

    def _api(self) -> str:
        """Return the address of the services behind Azure Resource Manager."""
        if self._api_url is None:
            facts = self.facts()
            if facts is None:
                raise AzureError(f"there is no workspace {self.name.name}")
            told = (self.azure.get(facts.discovery_url) or {}).get("api")
            if not told:
                raise AzureError(f"the workspace {self.name.name} does not tell where its run history is")
            self._api_url = str(told).rstrip("/")
        return self._api_url
