"""Shares the nodes of a run over clusters that exist already, each of which has an end."""

from __future__ import annotations

from collections.abc import Sequence

from hyperscale.errors import PlanError
from hyperscale.placement import Cluster
from hyperscale.quota import Compute

CLUSTER = "AmlCompute"


def find_clusters(names: Sequence[str], computes: Sequence[Compute], key: str) -> list[Compute]:
    """Return the clusters `names`, in that order.

    Args:
        names: as the experiment gives them.
        computes: of the workspace.
        key: of the experiment that names them, for messages.

    Raises:
        PlanError: when one of them is not there, is no cluster, or cannot be used.
    """
    by_name = {compute.name.lower(): compute for compute in computes}
    found = []
    for name in names:
        compute = by_name.get(name.lower())
        if compute is None or compute.kind != CLUSTER:
            what = "the workspace has no such compute" if compute is None else f"it is no cluster: {compute.kind}"
            clusters = ", ".join(sorted(other.name for other in computes if other.kind == CLUSTER)) or "none"
            raise PlanError(f"{key} {name}: {what}", hint=f"the workspace's clusters are: {clusters}")
        if compute.state in ("Failed", "Deleting") or not compute.max_nodes:
            state = "it may have no nodes" if not compute.max_nodes else f"its state is {compute.state}"
            raise PlanError(f"{key} {name} cannot be used: {state}", hint="name another cluster")
        found.append(compute)
    return found


def share_existing(clusters: Sequence[Compute], nodes: int, workers_per_node: int) -> tuple[Cluster, ...]:
    """Return how many nodes of each cluster work: evenly, as far as each may grow.

    Raises:
        PlanError: when they may not grow to `nodes` together.
    """
    possible = sum(cluster.max_nodes for cluster in clusters)
    if nodes > possible:
        each = ", ".join(f"{cluster.name} {cluster.max_nodes:,}" for cluster in clusters)
        raise PlanError(
            f"{nodes:,} nodes are asked for, the clusters of compute.existing may grow to {possible:,} ({each})",
            hint=f"{possible:,} nodes fit: --set parallelism.workers={possible * workers_per_node}; "
            "or name more clusters, or raise their largest number of nodes",
        )
    shares = dict.fromkeys((cluster.name for cluster in clusters), 0)
    for _ in range(nodes):
        growing = (cluster for cluster in clusters if shares[cluster.name] < cluster.max_nodes)
        shares[min(growing, key=lambda cluster: shares[cluster.name]).name] += 1
    return tuple(Cluster(name, None, share, owned=False) for name, share in shares.items() if share)
