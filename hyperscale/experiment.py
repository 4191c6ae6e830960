"""An experiment: what experiment.yaml describes, as frozen values.

The fields carry the names of the file's keys; descriptions, units and defaults are in schema.json and there
alone. A field that may be None has no default in the schema and was not given. The value `"auto"` is resolved
by the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hyperscale.documents import build

Auto = Literal["auto"]


@dataclass(frozen=True)
class Input:
    """Where the rows come from; exactly one of csv, jsonl, parquet, files, sweep is given."""

    csv: str | None
    jsonl: str | None
    parquet: str | None
    files: str | None
    sweep: Mapping[str, Any] | None
    mode: str | None
    key: str | None
    columns: Mapping[str, str]
    row_schema: str | None
    rows: int | None
    limit: int | None
    group_by: tuple[str, ...]

    @property
    def form(self) -> str:
        """Return which form is given: "csv", "jsonl", "parquet", "files" or "sweep"."""
        return next(form for form in ("csv", "jsonl", "parquet", "files", "sweep") if getattr(self, form) is not None)

    @property
    def key_column(self) -> str | None:
        """Return the column of a message that names its rows, or None; a group is named by its values."""
        return "group" if self.group_by else self.key

    @property
    def place(self) -> str:
        """Return the path of the rows' file, or the pattern of `files`, as the user wrote it; "sweep" of a sweep."""
        return "sweep" if self.form == "sweep" else str(getattr(self, self.form))


@dataclass(frozen=True)
class Activity:
    """The user's code; exactly one of entry, command, parallel_script is given."""

    code: str
    entry: str | None
    command: str | None
    parallel_script: str | None
    arguments: Mapping[str, Any]
    environment_variables: Mapping[str, str]
    secrets: Mapping[str, str]
    rows_per_call: int
    concurrency: int
    timeout_seconds: float
    set_up_timeout_seconds: float
    max_attempts: int
    retry_delay_seconds: float
    no_retry_on: tuple[str, ...]
    error_on_missing: bool


@dataclass(frozen=True)
class Mount:
    """A read-only folder or file for the activity."""

    path: str
    mode: Literal["ro_mount", "download"]


@dataclass(frozen=True)
class Parallelism:
    """How many rows are worked on at the same time, and how they travel."""

    workers: int
    workers_per_node: int | Auto
    rows_per_message: int | Auto
    lease_seconds: int | Auto


@dataclass(frozen=True)
class ControlCompute:
    """Where seed and teardown run; existing and serverless exclude size."""

    size: str
    existing: str | None
    serverless: bool
    identity: str | None
    identity_client_id: str | None


@dataclass(frozen=True)
class Network:
    """The virtual network of the clusters."""

    vnet_name: str
    subnet: str


@dataclass(frozen=True)
class Compute:
    """Which machines work; existing and serverless exclude clusters of the run's own."""

    size: str
    tier: Literal["dedicated", "low_priority"]
    max_nodes: int
    max_nodes_per_cluster: int
    locations: tuple[str, ...]
    idle_seconds: int
    spare_consumers: int | str
    consumers_per_pipeline: int
    identity: str | None
    identity_client_id: str | None
    network: Network | None
    enable_node_public_ip: bool
    shm_size: str
    control: ControlCompute
    existing: tuple[str, ...]
    serverless: bool

    @property
    def control_identity(self) -> str | None:
        """Return the identity of seed and teardown: their own, or else that of the consumers."""
        return self.control.identity or self.identity

    @property
    def control_client_id(self) -> str | None:
        """Return the client id that seed and teardown sign in with; an identity of their own brings its own."""
        if self.control.identity or self.control.identity_client_id:
            return self.control.identity_client_id
        return self.identity_client_id


@dataclass(frozen=True)
class Environment:
    """The image and packages of the consumers."""

    image: str
    conda_file: str | None
    requirements: str | None
    environment: str | None
    python: str
    install_at_start: bool


@dataclass(frozen=True)
class Azure:
    """Which workspace and storage a submitted run uses."""

    subscription_id: str | None
    resource_group: str | None
    workspace_name: str | None
    storage_account: str | None
    queue_account: str | None
    container: str


@dataclass(frozen=True)
class Limits:
    """When a run stops handing out rows."""

    max_cost_usd: float | None
    max_hours: float
    max_failed: int | str | None


@dataclass(frozen=True)
class Register:
    """The data asset that complete results become; without a version, that is the id of their run."""

    name: str
    version: str | None


@dataclass(frozen=True)
class Output:
    """What is collected, and how."""

    format: tuple[str, ...]
    include_input: bool
    path: str | None
    logs: Literal["failed", "all", "none"]
    event_queues: bool
    register: Register | None = None


@dataclass(frozen=True)
class Experiment:
    """One experiment; see the module's first lines for the rules of its fields."""

    name: str
    description: str
    tags: Mapping[str, str]
    input: Input
    activity: Activity
    mounts: Mapping[str, Mount]
    parallelism: Parallelism
    compute: Compute
    environment: Environment
    azure: Azure
    limits: Limits
    output: Output
    log_level: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a valid `document` whose defaults are filled in."""
        return build(cls, document)

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class NodeExperiment:
    """The part of an experiment that nodes need; it travels in the pipeline's input `experiment`, as JSON."""

    name: str
    input: Input
    activity: Activity
    limits: Limits
    output: Output
    log_level: str
    idle_seconds: int

    @classmethod
    def of(cls, experiment: Experiment) -> NodeExperiment:
        """Return the part of `experiment` that nodes need."""
        return cls(
            name=experiment.name,
            input=experiment.input,
            activity=experiment.activity,
            limits=experiment.limits,
            output=experiment.output,
            log_level=experiment.log_level,
            idle_seconds=experiment.compute.idle_seconds,
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> NodeExperiment:
        """Return what `to_document` was called on."""
        return build(cls, document)

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)
