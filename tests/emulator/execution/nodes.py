"""The nodes of clusters and of serverless: they come when steps need them, within the quota, and leave when idle."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emulator.catalogue import DEDICATED, LOW_PRIORITY
from emulator.execution.allocation import Allocation, Pool, QuotaKey, allocate
from emulator.execution.submitted import SERVERLESS, SubmittedStep
from emulator.resources import Compute, Failure
from emulator.world import World

#: States of nodes that are not there any more, and are counted all the same.
GONE = ("preempted", "left")
#: What serverless takes where a step names no size.
SERVERLESS_SIZE = "Standard_DS3_v2"
#: What a cluster says that would have more nodes if it could.
SHORT_OF_QUOTA = "ClusterCoreQuotaReached"
#: More than any quota has.
_NO_LIMIT = 1_000_000


@dataclass
class NodeTimes:
    """When a node that is on its way is there, and since when one does nothing (monotonic seconds)."""

    ready_at: float
    idle_since: float | None = None


class Nodes:
    """All nodes of the world. Whoever calls holds the world's lock.

    Attributes:
        start_seconds: how long a new node takes.
    """

    def __init__(self, world: World) -> None:
        self.start_seconds = 0.0
        self._world = world
        self._times: dict[tuple[str, str], NodeTimes] = {}
        self._serverless: dict[str, Compute] = {}

    def pool_of(self, plan: SubmittedStep) -> str:
        """Return where a step runs."""
        if plan.compute != SERVERLESS:
            return plan.compute
        size = plan.size or SERVERLESS_SIZE
        tier = LOW_PRIORITY if plan.tier == "low_priority" else DEDICATED
        name = f"{SERVERLESS}/{size}/{tier}"
        if name not in self._serverless:
            location = self._world.workspace.location
            made = Compute(name, location, size, tier, max_nodes=_NO_LIMIT, idle_seconds=0)
            self._serverless[name] = made
        return name

    def compute(self, pool: str) -> Compute | None:
        """Return the cluster of that name, or what serverless has under it."""
        return self._world.computes.get(pool) or self._serverless.get(pool)

    def assign(self, waiting: Sequence[tuple[str, str]], now: float, clock: float) -> dict[str, str]:
        """Add the nodes that are needed, and return which step gets which; its node is running from now on.

        Args:
            waiting: (step, pool), who waits longest first.
            now: monotonic seconds.
            clock: Unix seconds.
        """
        given: dict[str, str] = {}
        while True:
            self._arrive(now)
            left = [(step, pool) for step, pool in waiting if step not in given]
            allocation = allocate(left, self._pools(clock), self._free_cores())
            pools = dict(left)
            for step, node in allocation.nodes.items():
                self._set(pools[step], node, "running", now)
            for name in allocation.new_nodes:
                self._add(name, now)
            given |= allocation.nodes
            # A node that takes no time to come is there at once: look again.
            if not allocation.new_nodes or self.start_seconds:
                self._tell_shortage(allocation)
                return given

    def release(self, pool: str, node: str, becomes: str, now: float) -> None:
        """Take a node back from its step; it becomes idle, preempted, or gone."""
        compute = self.compute(pool)
        if compute is None or node not in compute.nodes:
            return
        if becomes == "preempted":
            compute.nodes[node] = "preempted"
            del self._times[pool, node]
        elif becomes == "gone" or pool in self._serverless:
            del compute.nodes[node]
            del self._times[pool, node]
        else:
            self._set(pool, node, "idle", now)

    def clear(self, pool: str) -> None:
        """Take all nodes off a cluster that is being deleted."""
        if compute := self.compute(pool):
            compute.nodes.clear()
        self._times = {key: times for key, times in self._times.items() if key[0] != pool}

    def let_idle_ones_leave(self, now: float) -> bool:
        """Free nodes that did nothing for as long as their cluster allows; return whether any left."""
        leaving = [key for key, at in self._leave_times() if at <= now]
        for pool, node in leaving:
            self.release(pool, node, "gone", now)
        return bool(leaving)

    def next_change(self, now: float, clock: float) -> list[float]:
        """Return when something happens here by itself (monotonic seconds)."""
        arriving = [times.ready_at for times in self._times.values() if times.ready_at > now]
        provisioned = [
            now + compute.ready_at - clock for compute in self._world.computes.values() if compute.ready_at > clock
        ]
        return arriving + provisioned + [at for _, at in self._leave_times()]

    def _leave_times(self) -> Iterable[tuple[tuple[str, str], float]]:
        spare = {name: self._present(compute) - compute.min_nodes for name, compute in self._world.computes.items()}
        for (pool, node), times in list(self._times.items()):
            compute = self.compute(pool)
            if compute and times.idle_since is not None and spare.get(pool, 0) > 0:
                spare[pool] -= 1
                yield (pool, node), times.idle_since + compute.idle_seconds

    def _arrive(self, now: float) -> None:
        for (pool, node), times in self._times.items():
            compute = self.compute(pool)
            if compute and compute.nodes.get(node) == "preparing" and times.ready_at <= now:
                self._set(pool, node, "idle", now)

    def _add(self, pool: str, now: float) -> None:
        compute = self.compute(pool)
        assert compute is not None
        node = f"tvmps_{uuid.uuid4().hex}_{'p' if compute.tier == LOW_PRIORITY else 'd'}"
        compute.nodes[node] = "preparing"
        self._times[pool, node] = NodeTimes(now + self.start_seconds)

    def _set(self, pool: str, node: str, state: str, now: float) -> None:
        compute = self.compute(pool)
        assert compute is not None
        compute.nodes[node] = state
        self._times[pool, node].idle_since = now if state == "idle" else None

    def _present(self, compute: Compute) -> int:
        return sum(state not in GONE for state in compute.nodes.values())

    def _all(self) -> Mapping[str, Compute]:
        return {**self._world.computes, **self._serverless}

    def _pools(self, clock: float) -> dict[str, Pool]:
        return {
            name: self._pool(compute, clock)
            for name, compute in self._all().items()
            if compute.kind == "AmlCompute" and self._world.size_of(compute)
        }

    def _pool(self, compute: Compute, clock: float) -> Pool:
        size = self._world.size_of(compute)
        assert size is not None
        return Pool(
            quota=self._quota_key(compute),
            cores=size.cores,
            min_nodes=compute.min_nodes,
            max_nodes=compute.max_nodes,
            idle=tuple(node for node, state in compute.nodes.items() if state == "idle"),
            preparing=sum(state == "preparing" for state in compute.nodes.values()),
            present=self._present(compute),
            is_up=compute.takes_jobs(clock),
        )

    def _quota_key(self, compute: Compute) -> QuotaKey:
        size = self._world.size_of(compute)
        assert size is not None
        return (compute.location, compute.tier, "" if compute.tier == LOW_PRIORITY else size.family)

    def _free_cores(self) -> dict[QuotaKey, int]:
        free: dict[QuotaKey, int] = {}
        used: dict[QuotaKey, int] = {}
        for compute in self._all().values():
            size = self._world.size_of(compute)
            if size and compute.kind == "AmlCompute":
                key = self._quota_key(compute)
                used[key] = used.get(key, 0) + size.cores * self._present(compute)
                free[key] = self._world.catalogue.limit(compute.location, compute.tier, size.family)
        for key in free:
            location, _, family = key
            elsewhere = self._world.catalogue.quotas[location].used_elsewhere.get(family or LOW_PRIORITY, 0)
            own = self._world.catalogue.quotas[location].workspace_cores.get(family, free[key])
            free[key] = min(free[key] - elsewhere, own) - used[key]
        return free

    def _tell_shortage(self, allocation: Allocation) -> None:
        for name, compute in self._world.computes.items():
            others = [error for error in compute.errors if error.code != SHORT_OF_QUOTA]
            said = [Failure(SHORT_OF_QUOTA, f"{name} waits for cores: the quota is used up")]
            compute.errors = others + (said if name in allocation.short_of_quota else [])
