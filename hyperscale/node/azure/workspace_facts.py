"""What Azure Machine Learning says of workspaces, computes, jobs and steps, and is told of data, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.node.azure.azure_times import unix_seconds
from hyperscale.ownership import run_of_job

#: A job in one of these states does nothing more. NotResponding is not among them: Azure ML documents it as the one
#: state from which a job may return to any earlier one (JobStatus).
FINAL_STATES = frozenset({"Completed", "Failed", "Canceled"})


@dataclass(frozen=True)
class IdentityFacts:
    """A user-assigned managed identity, as the resource tells it that has it.

    Attributes:
        path: its resource id.
        principal_id: by which roles are assigned; empty when that is not told.
        client_id: that it signs in with; empty when that is not told.
    """

    path: str
    principal_id: str = ""
    client_id: str = ""


@dataclass(frozen=True)
class WorkspaceFacts:
    """What a workspace says of itself.

    Attributes:
        location: its region, such as westeurope.
        workspace_id: a GUID.
        storage_account: name of its own storage account.
        key_vault, container_registry: resource ids; empty when it has none.
        discovery_url: where the address of run history is told.
        public_network: whether it takes requests from outside of its network.
        storage_account_id: resource id of its own storage account.
        by_identity: whether its own datastores hold no key: who uses them needs roles on its storage.
        identities: its user-assigned identities, which serverless steps may have.
    """

    location: str
    workspace_id: str
    storage_account: str
    key_vault: str
    container_registry: str
    discovery_url: str
    public_network: bool
    storage_account_id: str = ""
    by_identity: bool = False
    identities: tuple[IdentityFacts, ...] = ()

    @property
    def own_containers(self) -> tuple[str, ...]:
        """Return the containers of its two datastores: outputs and data of steps, and their logs."""
        return f"azureml-blobstore-{self.workspace_id}", "azureml"


@dataclass(frozen=True)
class ComputeFacts:
    """A compute of a workspace.

    Attributes:
        name: of it.
        kind: AmlCompute, ComputeInstance, ...
        location: its region, which need not be the workspace's.
        size: such as Standard_F4s_v2; empty for what has none.
        tier: dedicated or low_priority.
        state: Creating, Updating, Succeeded, Failed, Deleting ...
        errors: why provisioning failed, and why nodes cannot be had.
        max_nodes: it scales up to.
        nodes: how many it has now.
        node_states: how many are idle, running, preparing, unusable, leaving, preempted.
        tags: of it.
        created_at: as Azure tells it (ISO 8601); empty when it does not.
        identity_ids: resource ids of the user-assigned identities that its nodes have.
        own_principal_id: of the identity that is the compute's own; empty when it has none.
    """

    name: str
    kind: str
    location: str
    size: str
    tier: str
    state: str
    errors: tuple[str, ...]
    max_nodes: int
    nodes: int
    node_states: Mapping[str, int]
    tags: Mapping[str, str]
    created_at: str = ""
    identity_ids: tuple[str, ...] = ()
    own_principal_id: str = ""


@dataclass(frozen=True)
class DataAsset:
    """A version of a data asset that is a folder.

    Attributes:
        name, version: of it.
        uri: where its data is: `wasbs://`, which holds no secret.
        description, tags: for people.
    """

    name: str
    version: str
    uri: str
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class JobFacts:
    """A job of a workspace.

    Attributes:
        name: of it.
        status: as Azure ML says it: Running, Completed, Failed, Canceled ...
        tags: of it.
        experiment: its experiment's name.
        created_at: as Azure tells it (ISO 8601); empty when it does not.
        studio_url: where people look at it; empty when that is not told.
        run_input: its input `run_id`; empty when it has none.
    """

    name: str
    status: str
    tags: Mapping[str, str]
    experiment: str
    created_at: str
    studio_url: str
    run_input: str = ""

    @property
    def is_over(self) -> bool:
        """Return whether it does nothing any more."""
        return self.status in FINAL_STATES

    @property
    def run_id(self) -> str:
        """Return the id of the run that it is part of."""
        return run_of_job(self.name, self.tags, self.run_input)


@dataclass(frozen=True)
class StepFacts:
    """A step of a pipeline job, as run history tells it.

    Attributes:
        run_id: the job's own name.
        name: of the pipeline's job, or of its component: seed, gate, consume_3, consume, teardown.
        status: NotStarted, Queued, Preparing, Provisioning, Starting, Running, NotResponding, Finalizing, or a final
            one.
        error: why it failed; empty when it did not, or nobody knows.
        cancel_url: where run history has it cancelled; empty when that is not told.
        started_at, ended_at: on its node, Unix seconds; None while it has not, or where that is not told.
    """

    run_id: str
    name: str
    status: str
    error: str
    cancel_url: str = ""
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def role(self) -> str:
        """Return seed, gate, consume or teardown: run history may name the step, or its component."""
        return next((role for role in ("seed", "gate", "teardown") if self.name.startswith(role)), "consume")

    @property
    def is_at_work(self) -> bool:
        """Return whether its process runs, as far as is known: one that does not respond may be heard of again."""
        return self.status in ("Running", "NotResponding")

    @property
    def is_over(self) -> bool:
        """Return whether it does nothing any more."""
        return self.status in FINAL_STATES


def workspace_facts(document: Mapping[str, Any]) -> WorkspaceFacts:
    """Return what a workspace says of itself."""
    properties, identity = document.get("properties") or {}, document.get("identity") or {}
    return WorkspaceFacts(
        location=str(document.get("location") or ""),
        workspace_id=str(properties.get("workspaceId") or ""),
        storage_account=str(properties.get("storageAccount") or "").rpartition("/")[2],
        key_vault=str(properties.get("keyVault") or ""),
        container_registry=str(properties.get("containerRegistry") or ""),
        discovery_url=str(properties.get("discoveryUrl") or ""),
        public_network=properties.get("publicNetworkAccess") != "Disabled",
        storage_account_id=str(properties.get("storageAccount") or ""),
        # accessKey, identity or userDelegationSAS: the case of these words differs between answers.
        by_identity=str(properties.get("systemDatastoresAuthMode") or "").lower() == "identity",
        identities=tuple(_identity(*each) for each in (identity.get("userAssignedIdentities") or {}).items()),
    )


def compute_facts(document: Mapping[str, Any]) -> ComputeFacts:
    """Return what a compute is; those that are no clusters lack most of it."""
    properties = document.get("properties") or {}
    inner = properties.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    states = inner.get("nodeStateCounts") or {}
    identity = document.get("identity") or {}
    errors = [*(properties.get("provisioningErrors") or ()), *(inner.get("errors") or ())]
    return ComputeFacts(
        name=str(document["name"]),
        kind=str(properties.get("computeType") or ""),
        location=str(properties.get("computeLocation") or document.get("location") or ""),
        size=str(inner.get("vmSize") or ""),
        tier="low_priority" if inner.get("vmPriority") == "LowPriority" else "dedicated",
        state=str(properties.get("provisioningState") or ""),
        errors=tuple(_error(error) for error in errors),
        max_nodes=int(scale.get("maxNodeCount") or 0),
        nodes=int(inner.get("currentNodeCount") or 0),
        node_states={name.removesuffix("NodeCount"): int(count or 0) for name, count in states.items()},
        tags=dict(document.get("tags") or {}),
        created_at=str(properties.get("createdOn") or ""),
        identity_ids=tuple(identity.get("userAssignedIdentities") or ()),
        own_principal_id=str(identity.get("principalId") or ""),
    )


def job_facts(document: Mapping[str, Any]) -> JobFacts:
    """Return what a job is."""
    properties = document.get("properties") or {}
    studio = (properties.get("services") or {}).get("Studio") or {}
    run_input = (properties.get("inputs") or {}).get("run_id") or {}
    return JobFacts(
        name=str(document["name"]),
        status=str(properties.get("status") or ""),
        tags=dict(properties.get("tags") or {}),
        experiment=str(properties.get("experimentName") or ""),
        created_at=str((document.get("systemData") or {}).get("createdAt") or ""),
        studio_url=str(studio.get("endpoint") or ""),
        run_input=str(run_input.get("value") or ""),
    )


def run_facts(document: Mapping[str, Any]) -> JobFacts:
    """Return what run history says of a run that is no job of its own."""
    return JobFacts(
        name=str(document.get("runId") or ""),
        status=str(document.get("status") or ""),
        tags=dict(document.get("tags") or {}),
        experiment=str(document.get("experimentName") or ""),
        created_at=str(document.get("createdUtc") or ""),
        studio_url="",
    )


def step_facts(document: Mapping[str, Any]) -> StepFacts:
    """Return what a step is, from its record in run history."""
    return StepFacts(
        run_id=str(document.get("runId") or ""),
        name=str(document.get("displayName") or ""),
        status=str(document.get("status") or ""),
        error=_error(document.get("error") or {}),
        cancel_url=str(document.get("cancelUri") or ""),
        started_at=unix_seconds(str(document.get("startTimeUtc") or "")),
        ended_at=unix_seconds(str(document.get("endTimeUtc") or "")),
    )


def _error(error: Mapping[str, Any]) -> str:
    """Return the words of an error, however deep Azure has packed them."""
    inner = error.get("error") or error
    return ": ".join(str(inner[key]) for key in ("code", "message") if inner.get(key))


def _identity(path: str, told: Mapping[str, Any] | None) -> IdentityFacts:
    ids = told or {}
    return IdentityFacts(path, str(ids.get("principalId") or ""), str(ids.get("clientId") or ""))
