"""Where the consumers of a run work: nodes, the clusters that hold them, and the control cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hyperscale import names
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment

#: What `compute:` says for a serverless step.
SERVERLESS = "serverless"
#: Azure ML takes 30,000 steps in a pipeline (how-to-manage-quotas.md); seed and teardown are two of them.
MAX_CONSUMERS = 29_998


@dataclass(frozen=True)
class Cluster:
    """A compute that works for the run.

    Attributes:
        name: of the compute.
        location: Azure region; None is the workspace's.
        nodes: how many of its nodes work at the same time.
        owned: whether the run makes and deletes it.
    """

    name: str
    location: str | None
    nodes: int
    owned: bool


def node_count(experiment: Experiment, workers: int, workers_per_node: int, notes: list[str]) -> int:
    """Return how many nodes the workers need; `notes` takes what should be known.

    Raises:
        PlanError: when that is more than `compute.max_nodes`, a guard of clusters of the run's own.
    """
    nodes = math.ceil(workers / workers_per_node)
    compute = experiment.compute
    possible = compute.max_nodes
    if nodes > possible and not (compute.serverless or compute.existing):
        raise PlanError(
            f"{workers:,} workers at {workers_per_node:,} a node need {nodes:,} nodes, "
            f"compute.max_nodes is {possible:,}",
            hint=f"raise compute.max_nodes to {nodes:,}, lower parallelism.workers to {possible * workers_per_node:,}, "
            f"or raise parallelism.workers_per_node to {math.ceil(workers / possible):,}",
        )
    if nodes * workers_per_node > workers:
        notes.append(
            f"{nodes:,} nodes of {workers_per_node:,} workers have room for {nodes * workers_per_node:,} workers, "
            f"{workers:,} were asked for"
        )
    return nodes


def spare_consumers(experiment: Experiment, nodes: int) -> int:
    """Return how many jobs wait in a cluster's queue to take the place of preempted ones: none on dedicated nodes.

    Raises:
        PlanError: when they and those of the `nodes` are more jobs than a pipeline takes.
    """
    compute = experiment.compute
    spare = compute.spare_consumers
    if isinstance(spare, str):
        spare = math.ceil(nodes * float(spare.removesuffix("%")) / 100)
    # Nothing bounds the nodes of serverless jobs: a spare one would not wait, but get a node of its own.
    if compute.tier != "low_priority" or compute.serverless:
        spare = 0
    if nodes + spare > MAX_CONSUMERS:
        raise PlanError(
            f"{nodes:,} nodes and {spare:,} spare consumers are {nodes + spare:,} jobs, "
            f"a pipeline of Azure ML takes {MAX_CONSUMERS:,} beside seed and teardown",
            hint="raise parallelism.workers_per_node, or lower parallelism.workers or compute.spare_consumers",
        )
    return spare


def clusters_for(experiment: Experiment, nodes: int, render: str, notes: list[str]) -> tuple[Cluster, ...]:
    """Return the computes of `nodes` nodes: the fewest clusters, whose sizes differ by at most one.

    Args:
        experiment: says which kind, and how large they may be.
        nodes: of all together.
        render: the render id, for names.
        notes: takes what should be known.

    Raises:
        PlanError: when there are more clusters than names.
    """
    compute = experiment.compute
    if compute.serverless:
        return (Cluster(SERVERLESS, None, nodes, owned=False),)
    if compute.existing:
        used = compute.existing[:nodes]
        sizes = even_sizes(nodes, len(used))
        return tuple(Cluster(name, None, size, owned=False) for name, size in zip(used, sizes, strict=True))
    count = math.ceil(nodes / compute.max_nodes_per_cluster)
    if count > names.MAX_CLUSTERS:
        raise PlanError(
            f"{nodes:,} nodes at {compute.max_nodes_per_cluster:,} a cluster need {count:,} clusters, "
            f"{names.MAX_CLUSTERS:,} can be named",
            hint=f"raise compute.max_nodes_per_cluster to {math.ceil(nodes / names.MAX_CLUSTERS):,}",
        )
    unused = compute.locations[count:]
    if unused:
        notes.append(f"{', '.join(unused)} not used: {count} cluster{'s' * (count > 1)} will do")
    made = names.cluster_names(experiment.name, render, count)
    places = compute.locations or (None,)
    return tuple(
        Cluster(name, places[number % len(places)], size, owned=True)
        for number, (name, size) in enumerate(zip(made, even_sizes(nodes, count), strict=True))
    )


def control_cluster(experiment: Experiment, place: tuple[str | None, ...], notes: list[str]) -> str:
    """Return where seed and teardown run; `place` is subscription, resource group and workspace."""
    control = experiment.compute.control
    serverless_nodes = control.serverless or experiment.compute.serverless
    if serverless_nodes and experiment.compute.identity:
        notes.append("serverless nodes take the workspace's own identity, not compute.identity")
    if control.serverless:
        return SERVERLESS
    return control.existing or names.control_cluster_name(place)


def even_sizes(total: int, count: int) -> list[int]:
    """Return `count` sizes that sum to `total` and differ by at most one, the larger ones first."""
    size, larger = divmod(total, count)
    return [size + 1] * larger + [size] * (count - larger)
