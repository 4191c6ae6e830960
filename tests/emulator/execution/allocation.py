"""Which waiting step gets which node, and where nodes are added: first come, first served, within the quota. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: What a quota is of: location, tier, and the family of sizes ("" where all families share it).
QuotaKey = tuple[str, str, str]


@dataclass(frozen=True)
class Pool:
    """A cluster, as far as it matters who gets its nodes.

    Attributes:
        quota: that its nodes come out of.
        cores: of one node.
        min_nodes, max_nodes: it scales between.
        idle: ids of the nodes that wait for a step.
        preparing: how many nodes are on their way.
        present: how many nodes there are, whatever they do.
        is_up: whether it takes steps at all.
    """

    quota: QuotaKey
    cores: int
    min_nodes: int
    max_nodes: int
    idle: tuple[str, ...]
    preparing: int
    present: int
    is_up: bool = True


@dataclass
class Allocation:
    """What becomes of nodes and steps now.

    Attributes:
        nodes: step to the idle node that it gets.
        new_nodes: name of a cluster, once for each node that is added to it.
        short_of_quota: clusters that would have more nodes if the quota let them.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    new_nodes: list[str] = field(default_factory=list)
    short_of_quota: set[str] = field(default_factory=set)


def allocate(
    waiting: Sequence[tuple[str, str]], pools: Mapping[str, Pool], free_cores: Mapping[QuotaKey, int]
) -> Allocation:
    """Return who gets what.

    Args:
        waiting: (step, cluster), who waits longest first.
        pools: by name of the cluster; steps of one that is missing wait.
        free_cores: of each quota.
    """
    result = Allocation()
    free = dict(free_cores)
    idle = {name: list(pool.idle) for name, pool in pools.items()}
    coming = {name: pool.preparing for name, pool in pools.items()}
    present = {name: pool.present for name, pool in pools.items()}

    def add(name: str) -> None:
        pool = pools[name]
        if free.get(pool.quota, 0) < pool.cores:
            result.short_of_quota.add(name)
            return
        free[pool.quota] -= pool.cores
        present[name] += 1
        result.new_nodes.append(name)

    for step, name in waiting:
        if name not in pools or not pools[name].is_up:
            continue
        if idle[name]:
            result.nodes[step] = idle[name].pop(0)
        elif coming[name]:
            coming[name] -= 1
        elif present[name] < pools[name].max_nodes:
            add(name)
    for name, pool in pools.items():
        while pool.is_up and present[name] < pool.min_nodes and name not in result.short_of_quota:
            add(name)
    return result
