"""The state of the emulated Azure, under one lock: all that there is, its quota, and how long things take."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.catalogue import Catalogue, Size
from emulator.principals import Directory
from emulator.resources import STORAGE_ACCOUNT, TENANT_ID, Asset, Compute, Failure, Job, Operation, Step, Workspace


@dataclass
class Timing:
    """How long the service takes for what it does; seconds. Nothing is instant in Azure: tests set what they need."""

    provision_seconds: float = 0
    delete_seconds: float = 0
    cancel_seconds: float = 0


class Execution(Protocol):
    """Runs the jobs of the world; `emulator.execution.Execution(azure)` is the one that does."""

    def submit(self, job: Job) -> None:
        """Begin with a job that was accepted; returns at once."""

    def cancel(self, job_name: str) -> None:
        """Begin to end a job; returns at once. One that is over stays what it is."""

    def compute_deleted(self, name: str) -> None:
        """End what runs on a compute, which is being deleted; returns at once."""

    def close(self) -> None:
        """End all processes and threads, and wait for that."""


class World:
    """All that the emulated Azure knows. Whoever reads or changes it holds `lock`, and calls `notify` after a change.

    Attributes:
        lock: of everything in here.
        workspace: the one that there is.
        directory: who there is, and what they may do.
        catalogue: sizes and quota of every location.
        timing: how long the service takes.
        computes: by name.
        foreign_names: (location, name) of computes in other workspaces of the region.
        assets: by (kind, name, version).
        jobs, steps: by name, by run id.
        shared_keys: whether the storage account takes its own keys.
        identity_datastores: whether datastores hold no key, and their users' own identity is used.
        has_code_of_others: whether a code counts as known that nodes of another emulator of this process have had.
        cancels_steps: whether Resource Manager cancels single steps of a pipeline, or run history alone (not recorded).
        page_size: how many entries a page of a list has.
        history_page_size: how many steps a page of run history has: 50 (azure-cli issue 27502).
    """

    def __init__(self, storage_account: str = STORAGE_ACCOUNT) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.workspace = Workspace(storage_account=storage_account)
        self.directory = Directory(self.workspace.group_path, TENANT_ID)
        self.directory.assign_as_documented(self.workspace.places)
        self.catalogue = Catalogue()
        self.timing = Timing()
        self.computes: dict[str, Compute] = {}
        self.foreign_names: set[tuple[str, str]] = set()
        self.assets: dict[tuple[str, str, str], Asset] = {}
        self.jobs: dict[str, Job] = {}
        self.steps: dict[str, Step] = {}
        self.operations: dict[str, Operation] = {}
        self.shared_keys = True
        self.identity_datastores = False
        self.has_code_of_others = False
        self.cancels_steps = True
        self.page_size = 100
        self.history_page_size = 50

    def notify(self) -> None:
        """Wake up whoever waits for a change."""
        with self.lock:
            self.changed.notify_all()

    def wait_until(self, true: Callable[[], Any], timeout_seconds: float = 60) -> None:
        """Wait until `true()`, which is asked under the lock after each change.

        Raises:
            TimeoutError: when it did not become true.
        """
        with self.lock:
            deadline = time.monotonic() + timeout_seconds
            # Provisioning and deletes end by the clock alone: nobody notifies of those.
            while not true():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not in {timeout_seconds} seconds: {true}")
                self.changed.wait(0.05)
                self.settle()

    def settle(self) -> None:
        """Carry out what is due by now: deletes that end."""
        now = time.time()
        for operation in list(self.operations.values()):
            if operation.then and now >= operation.ends_at:
                then, operation.then = operation.then, None
                then()

    def add_compute(self, name: str, size: str = "Standard_F4s_v2", **fields: Any) -> Compute:
        """Put a cluster that nobody submitted into the workspace; `fields` are those of Compute."""
        with self.lock:
            made = Compute(name, fields.pop("location", self.workspace.location), size, **fields)
            self.computes[name] = made
            self.changed.notify_all()
            return made

    def begin(
        self,
        seconds: float,
        failure: Failure | None = None,
        then: Callable[[], None] | None = None,
        *,
        called: str | None = None,
    ) -> Operation:
        """Begin something that takes `seconds`; `then` is called at its end. Without a name it gets one."""
        operation = Operation(called or str(uuid.uuid4()), time.time() + seconds, failure, then)
        self.operations[operation.id] = operation
        return operation

    def asset_of(self, reference: str) -> Asset | None:
        """Return the asset that an id of Azure Resource Manager names, or azureml:NAME:VERSION of its kind."""
        parts = reference.removeprefix("azureml:").split("/")
        if len(parts) > 4 and parts[-2] == "versions":
            return self.assets.get((parts[-4], parts[-3], parts[-1]))
        return None

    def versions(self, kind: str, name: str) -> list[Asset]:
        """Return all versions of an asset, the newest last."""
        return [asset for (its_kind, its_name, _), asset in self.assets.items() if (its_kind, its_name) == (kind, name)]

    def size_of(self, compute: Compute) -> Size | None:
        return self.catalogue.size(compute.location, compute.size)

    def clusters_in(self, location: str) -> Iterator[Compute]:
        """Yield the clusters that count for the quota of a location, failed ones and those on their way out too."""
        return (found for found in self.computes.values() if found.location == location and found.kind == "AmlCompute")

    def cores_held(self, location: str, tier: str, family: str | None = None) -> int:
        """Return the cores that clusters hold of a quota.

        Nodes that a cluster could have count too: "unprovisioned nodes contribute to your quota usage"
        (how-to-create-attach-compute-cluster.md).
        """
        total = 0
        for compute in self.clusters_in(location):
            size = self.size_of(compute)
            if size and compute.tier == tier and family in (None, size.family):
                total += size.cores * compute.max_nodes
        return total

    def cores_running(self, location: str, tier: str, family: str | None = None) -> int:
        """Return the cores of the nodes that are there: no more than the quota ever are."""
        total = 0
        for compute in self.clusters_in(location):
            size = self.size_of(compute)
            if size and compute.tier == tier and family in (None, size.family):
                total += size.cores * sum(state not in ("preempted", "left") for state in compute.nodes.values())
        return total

    def cores_limit(self, compute: Compute) -> int:
        """Return the quota, in cores, that the nodes of a compute come out of."""
        size = self.size_of(compute)
        return self.catalogue.limit(compute.location, compute.tier, size.family) if size else 0
