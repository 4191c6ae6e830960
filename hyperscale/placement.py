"""Where a run works: its nodes, the clusters that hold them, and the control clusters that runs share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hyperscale import names
from hyperscale.cost import CONTROL_IDLE_SECONDS
from hyperscale.errors import PlanError
from hyperscale.experiment import Compute, Experiment
from hyperscale.node_sizes import Capacity

#: What `compute:` says for a serverless step.
SERVERLESS = "serverless"
#: A guard against a mistyped number: jobs of a run, in all of its pipelines.
MAX_CONSUMERS = 29_998
#: Teardowns hold their node for a whole run, seeds for minutes. Idle clusters count with all of their nodes as used
#: (quota.Amount.used): they are few.
CONTROL_CLUSTER_NODES = 4
SEED_CLUSTER_NODES = 2
#: How people say parts of a whole.
_PARTS = {
    Fraction(1, 4): "a quarter",
    Fraction(1, 3): "a third",
    Fraction(1, 2): "half",
    Fraction(2, 3): "two thirds",
    Fraction(3, 4): "three quarters",
}


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


def workers_on_node(experiment: Experiment, capacity: Capacity | None, notes: list[str]) -> int:
    """Return how many workers share a node: as the file says, or one for each core (or GPU) of its size.

    On existing clusters auto is 1, because other jobs may use their nodes; so it is on serverless nodes.

    Args:
        experiment: says how many, or "auto".
        capacity: of a node; None when it is not known.
        notes: takes what should be known.
    """
    asked, compute = experiment.parallelism.workers_per_node, experiment.compute
    if asked != "auto":
        return asked
    where = "existing clusters" if compute.existing else "serverless nodes" if compute.serverless else ""
    if capacity and not where:
        return capacity.busy_workers
    number = (
        f"{capacity.busy_workers:,}, the {capacity.unit}s of {compute.size}," if capacity else "the cores of a node"
    )
    if where:
        notes.append(f"parallelism.workers_per_node: auto is 1 on {where}; set it to {number} to use whole nodes")
    else:
        why = f"the cores of {compute.size} are not known without --azure"
        notes.append(f"parallelism.workers_per_node: auto is 1, as {why}; set it to use whole nodes")
    return 1


def idle_capacity(
    experiment: Experiment, capacity: Capacity | None, nodes: int, workers: int, rows: int
) -> Iterator[str]:
    """Yield which part of the nodes' cores (or GPUs) is idle, or shared; nothing when each has one worker.

    Args:
        experiment: says how many workers share a node.
        capacity: of a node; None when it is not known.
        nodes: of the run.
        workers: on each node.
        rows: of the run: where each row has a worker, more workers would do nothing.
    """
    asked, compute = experiment.parallelism.workers_per_node, experiment.compute
    if capacity is None or (asked == "auto" and (compute.existing or compute.serverless)):
        return
    count, kind = capacity.busy_workers, capacity.unit
    what = f"{count:,} {kind}{'s' * (count > 1)}"
    shape = f"{nodes:,} node{'s' * (nodes > 1)} x {what}, {workers:,} worker{'s' * (workers > 1)} each"
    if workers > count:
        yield f"{shape}: {workers:,} workers share {what}"
    elif workers < count and nodes * workers < rows:
        idle = Fraction(count - workers, count)
        part = f"{_PARTS[idle]} of the" if idle in _PARTS else f"{count - workers:,} of {count:,}"
        key, value = ("workers_per_node", count) if asked == workers else ("workers", nodes * count)
        yield f"{shape}: {part} {kind}s idle; set parallelism.{key}: {value}"


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
        PlanError: when they and those of the `nodes` are more jobs than a run takes.
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
            f"{nodes:,} nodes and {spare:,} spare consumers are {nodes + spare:,} jobs, a run takes {MAX_CONSUMERS:,}",
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


def control_clusters(experiment: Experiment, place: tuple[str | None, ...], notes: list[str]) -> tuple[str, str]:
    """Return where teardowns (and gates) run, and where seeds do: two clusters that the workspace's runs share.

    They are two because a teardown holds its node for as long as its run lives, and a gate until its run is seeded:
    as many as their cluster has nodes would leave none for the seeds that they wait for. Seeds end by themselves.

    Args:
        experiment: may name one compute for all of them.
        place: subscription, resource group and workspace.
        notes: takes what should be known.
    """
    control = experiment.compute.control
    serverless_nodes = control.serverless or experiment.compute.serverless
    if serverless_nodes and experiment.compute.identity:
        notes.append("serverless nodes have a user-assigned identity of the workspace, not compute.identity")
    if control.serverless or control.existing:
        shared = control.existing or SERVERLESS
        notes.append(sharing_note(shared))
        return shared, shared
    settings = control_settings(experiment.compute, CONTROL_CLUSTER_NODES)
    for_seeds = control_settings(experiment.compute, SEED_CLUSTER_NODES)
    return (
        names.control_cluster_name("control", place, settings),
        names.control_cluster_name("seed", place, for_seeds),
    )


def control_settings(compute: Compute, nodes: int) -> dict[str, Any]:
    """Return what the file of a control cluster says beside its name and tags.

    Args:
        compute: of the experiment; what is left out, as its idle_seconds, would only give every experiment clusters of
            its own, all of whose nodes count as used.
        nodes: that the cluster may have.
    """
    return {
        "size": compute.control.size,
        "tier": "dedicated",
        "nodes": nodes,
        "idle_seconds": CONTROL_IDLE_SECONDS,
        "network": dataclasses.asdict(compute.network) if compute.network else None,
        "enable_node_public_ip": compute.enable_node_public_ip,
        "identity": compute.control_identity,
    }


def runs_at_once(nodes: int, pipelines: int) -> int:
    """Return how many runs can share `nodes` nodes for seeds, gates and teardowns without waiting for each other.

    Args:
        nodes: that there may be.
        pipelines: of each run: its teardown holds a node, and each further pipeline's gate holds one until the run is
            seeded; one node more must be left for the seeds that they wait for.
    """
    return max(0, (nodes - 1) // pipelines)


def sharing_note(shared: str, runs: int | None = None) -> str:
    """Return the note on seeds and teardowns that share the compute `shared`; `runs` fit at once, if that is known."""
    at_once = "as many runs fit at once as it has nodes, less one" if runs is None else f"{_runs(runs)} at once"
    what = "the quota of serverless nodes" if shared == SERVERLESS else shared
    return f"seeds and teardowns share {what}: {at_once}"


def _runs(count: int) -> str:
    return f"{count:,} run{'s fit' if count != 1 else ' fits'}"


def even_sizes(total: int, count: int) -> list[int]:
    """Return `count` sizes that sum to `total` and differ by at most one, the larger ones first."""
    size, larger = divmod(total, count)
    return [size + 1] * larger + [size] * (count - larger)
