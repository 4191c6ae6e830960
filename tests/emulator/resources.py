"""What there is in the emulated Azure: the workspace, its computes, assets, jobs and steps, and how things fail."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.principals import Places, Principal

#: Names of the resources that every emulator has. They look like those of Azure, and belong to nobody.
SUBSCRIPTION_ID = "10000000-0000-0000-0000-00000000000a"
TENANT_ID = "20000000-0000-0000-0000-00000000000b"
RESOURCE_GROUP = "science"
WORKSPACE = "lab"
LOCATION = "westeurope"
STORAGE_ACCOUNT = "labstore"
KEY_VAULT = "lab-vault"
REGISTRY = "labimages"
#: What a job may be at its end, and never leaves again.
FINAL_STATES = frozenset({"Completed", "Failed", "Canceled"})
#: What a job is called that the service has lost contact with: it may be anything again (JobStatus).
NOT_RESPONDING = "NotResponding"


@dataclass(frozen=True)
class Failure:
    """Why something failed, as Azure tells it: a code for programs, a message for people."""

    code: str
    message: str

    def document(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message}


@dataclass
class Compute:
    """A cluster (or another compute) of the workspace.

    Attributes:
        name, location, size: of it.
        tier: Dedicated or LowPriority.
        min_nodes, max_nodes: it scales between.
        idle_seconds: how long a node may be idle before it leaves.
        tags: of it.
        identity: as it was sent: {"type": "UserAssigned", "userAssignedIdentities": {resource id: {}}}, or None.
        description: as it was sent.
        sent: the properties of AmlCompute, as they were sent.
        kind: AmlCompute, or ComputeInstance and such for what is in the way.
        created_at, modified_at: Unix seconds; nobody has changed it where the second is None.
        ready_at: when provisioning ends, well or not.
        failure: how provisioning ends, if not well.
        deleted_at: when a delete that has begun ends; None as long as nobody deletes it.
        nodes: state of each node by its id: idle, running, preparing, unusable, leaving, preempted. The execution
            keeps it.
        errors: what keeps it from having the nodes that it needs; the execution keeps it.
    """

    name: str
    location: str
    size: str
    tier: str = "Dedicated"
    min_nodes: int = 0
    max_nodes: int = 1
    idle_seconds: float = 120
    tags: dict[str, str] = field(default_factory=dict)
    identity: dict[str, Any] | None = None
    description: str | None = None
    sent: dict[str, Any] = field(default_factory=dict)
    kind: str = "AmlCompute"
    created_at: float = field(default_factory=time.time)
    modified_at: float | None = None
    ready_at: float = 0
    failure: Failure | None = None
    deleted_at: float | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    errors: list[Failure] = field(default_factory=list)

    def state(self, now: float) -> str:
        """Return its provisioning state: Creating, Succeeded, Failed or Deleting."""
        if self.deleted_at is not None:
            return "Deleting"
        if now < self.ready_at:
            return "Creating"
        return "Failed" if self.failure else "Succeeded"

    def takes_jobs(self, now: float) -> bool:
        """Return whether jobs that wait for it may start on it."""
        return self.state(now) == "Succeeded"

    @property
    def identity_ids(self) -> list[str]:
        """The resource ids of its user-assigned identities."""
        return list((self.identity or {}).get("userAssignedIdentities") or {})


@dataclass(frozen=True)
class Asset:
    """A version of a code, an environment, a component or a data asset.

    Attributes:
        kind: codes, environments, components or data.
        name, version: of it.
        properties: as they were sent.
        files: a folder with the files of a code whose upload another emulator has seen; None where they are in storage.
        owner: who has registered it; None is Azure itself.
        created_at, changed_at: Unix seconds; nobody has put it again where the second is None.
    """

    kind: str
    name: str
    version: str
    properties: dict[str, Any]
    files: Path | None = None
    owner: Principal | None = None
    created_at: float = field(default_factory=time.time)
    changed_at: float | None = None

    @property
    def content_hash(self) -> str | None:
        """The hash of its files, as whoever sent them says."""
        properties = self.properties.get("properties") or {}
        found = properties.get("hash_sha256") or properties.get("hash")
        return str(found) if found else None


@dataclass
class Job:
    """A job of the workspace that was submitted: a pipeline, or a single command.

    Attributes:
        name: of it; also its id in run history.
        properties: as they were sent: jobType, jobs (by name), inputs, settings, computeId ...
        owner: who submitted it.
        status: Preparing, Running, CancelRequested, Completed, Failed, Canceled. The execution keeps it.
        is_silent: the service has lost contact with it, and calls it NotResponding for now.
        error: why it failed.
        steps: its steps, in the order in which they came to be; the execution adds them.
        logs, outputs, metrics: as those of Step.
    """

    name: str
    properties: dict[str, Any]
    owner: Principal
    status: str = "Preparing"
    error: Failure | None = None
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    steps: list[Step] = field(default_factory=list)
    logs: dict[str, Path] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    is_archived: bool = False
    is_silent: bool = False

    @property
    def experiment(self) -> str:
        return str(self.properties.get("experimentName") or "Default")

    @property
    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = self.properties.setdefault("tags", {})
        return tags

    @property
    def is_over(self) -> bool:
        return self.status in FINAL_STATES

    @property
    def shown_status(self) -> str:
        """What the service says of it."""
        return NOT_RESPONDING if self.is_silent and not self.is_over else self.status


@dataclass
class Step:
    """One step of a pipeline job, which is a run of its own in run history; the execution makes and changes it.

    Attributes:
        run_id: its own name.
        job: the pipeline job's name.
        name: the key under `jobs` of the pipeline: seed, consume_3, teardown.
        status: NotStarted, Queued, Preparing, Provisioning, Starting, Running, Finalizing, CancelRequested, or final.
        is_silent: as that of Job.
        compute: name of the cluster that it runs on; serverless is the empty text.
        node: on which it runs, once it does.
        error: why it failed.
        logs: of it, by the name that the service gives them: user_logs/std_log.txt.
        outputs: where its outputs are, by name: azureml://datastores/... or a URL.
        metrics: (step number, Unix seconds, value) by name of the metric.
        parent: run id of the pipeline component that it is in; None when it is a node of the job itself.
        children: of a node that is a pipeline component, its steps that have come to be; None of another.
    """

    run_id: str
    job: str
    name: str
    status: str = "NotStarted"
    compute: str = ""
    node: str | None = None
    error: Failure | None = None
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    logs: dict[str, Path] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    parent: str | None = None
    children: list[Step] | None = None
    is_silent: bool = False

    @property
    def is_over(self) -> bool:
        return self.status in FINAL_STATES

    @property
    def shown_status(self) -> str:
        """What the service says of it."""
        return NOT_RESPONDING if self.is_silent and not self.is_over else self.status


@dataclass
class Operation:
    """Something that takes its time, and is asked after at its own address: it ends at `ends_at`, well or not."""

    id: str
    ends_at: float
    failure: Failure | None = None
    then: Callable[[], None] | None = None


@dataclass
class Workspace:
    """What the workspace says of itself; `identities` are its user-assigned ones, which serverless steps may have."""

    subscription_id: str = SUBSCRIPTION_ID
    resource_group: str = RESOURCE_GROUP
    name: str = WORKSPACE
    location: str = LOCATION
    workspace_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    principal_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: float = field(default_factory=time.time)
    storage_account: str = STORAGE_ACCOUNT
    key_vault: str = KEY_VAULT
    registry: str | None = REGISTRY
    public_network: bool = True
    identities: list[Principal] = field(default_factory=list)

    @property
    def group_path(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    @property
    def path(self) -> str:
        return f"{self.group_path}/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"

    @property
    def storage_path(self) -> str:
        return f"{self.group_path}/providers/Microsoft.Storage/storageAccounts/{self.storage_account}"

    @property
    def api_url(self) -> str:
        """Where run history and its neighbours are."""
        return f"https://{self.location}.api.azureml.ms"

    @property
    def places(self) -> Places:
        """The resources that roles are assigned on."""
        group = self.group_path
        return Places(
            subscription=f"/subscriptions/{self.subscription_id}",
            workspace=self.path,
            account=self.storage_path,
            registry=f"{group}/providers/Microsoft.ContainerRegistry/registries/{self.registry}",
            vault=f"{group}/providers/Microsoft.KeyVault/vaults/{self.key_vault}",
        )

    def container_path(self, container: str) -> str:
        """Return the path of a container of its storage account."""
        return f"{self.storage_path}/blobServices/default/containers/{container}"
