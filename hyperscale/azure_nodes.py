"""Which nodes a run has on Azure: of clusters that it makes where quota is, of existing ones, or serverless."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hyperscale.azure_placement import Choice, check_control, choose
from hyperscale.azure_plan import LocationUse, QuotaUse
from hyperscale.errors import PlanError
from hyperscale.existing_clusters import find_clusters, share_existing
from hyperscale.experiment import Experiment
from hyperscale.locations import Control, Location, Wanted, control_bounds
from hyperscale.node_sizes import Capacity, find_size
from hyperscale.pipeline_parts import pipeline_count
from hyperscale.placement import CONTROL_CLUSTER_NODES, SERVERLESS, Cluster, even_sizes, runs_at_once, sharing_note
from hyperscale.plan import Plan
from hyperscale.quota import Compute


@dataclass(frozen=True)
class Site:
    """A workspace, and what it has around it.

    Attributes:
        subscription_id, resource_group, workspace_name: of the workspace.
        location: of the workspace.
        sources: key of `azure` to who gave its value.
        locations: that a run might use, the workspace's own among them, by name.
        computes: of the workspace.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    location: str
    sources: Mapping[str, str]
    locations: Mapping[str, Location]
    computes: tuple[Compute, ...]


def locations_of(experiment: Experiment, home: str, computes: Sequence[Compute]) -> tuple[str, ...]:
    """Return the locations whose nodes the experiment may use, the workspace's own, `home`, first if it is among them.

    Raises:
        PlanError: when a cluster of compute.existing is not there.
    """
    compute = experiment.compute
    if compute.existing:
        clusters = find_clusters(compute.existing, computes, "compute.existing")
        found = tuple(dict.fromkeys(cluster.location for cluster in clusters))
    else:
        found = (home,) if compute.serverless else compute.locations or (home,)
    return tuple(sorted(found, key=lambda name: name != home))


def as_existing(experiment: Experiment, site: Site) -> Experiment:
    """Return the experiment with the size and tier of its existing clusters, if it names some: they say them then.

    Raises:
        PlanError: when one of them is not there.
    """
    compute = experiment.compute
    if not compute.existing:
        return experiment
    clusters = find_clusters(compute.existing, site.computes, "compute.existing")
    # Jobs on low priority end after 7 days, and need spare ones: where both tiers are, its rules hold for all.
    is_low_priority = any(cluster.tier == "low_priority" for cluster in clusters)
    tier: Literal["dedicated", "low_priority"] = "low_priority" if is_low_priority else "dedicated"
    sizes = " and ".join(dict.fromkeys(cluster.size for cluster in clusters))
    return dataclasses.replace(experiment, compute=dataclasses.replace(compute, tier=tier, size=sizes))


def capacity_of(experiment: Experiment, site: Site) -> Capacity | None:
    """Return what a node has to work with, the smallest one where they differ; None when Azure does not say.

    Raises:
        PlanError: when a cluster of compute.existing is not there.
    """
    compute = experiment.compute
    asked = [(name, compute.size) for name in locations_of(experiment, site.location, site.computes)]
    if compute.existing:
        clusters = find_clusters(compute.existing, site.computes, "compute.existing")
        asked = [(cluster.location, cluster.size) for cluster in clusters]
    found = [find_size(site.locations[place].sizes, size) for place, size in asked if place in site.locations]
    return min((size.capacity for size in found if size), key=lambda each: each.busy_workers, default=None)


def place_nodes(
    experiment: Experiment, plan: Plan, control: Control | None, site: Site
) -> tuple[list[Cluster], tuple[LocationUse, ...]]:
    """Return the clusters of the nodes of `plan`, and what each location was used for; those to be made have no names.

    Raises:
        PlanError: when they find no room.
    """
    compute = experiment.compute
    if compute.existing:
        return _existing(experiment, plan, site)
    uses = _chosen(experiment, plan, control, site)
    if compute.serverless:
        return [Cluster(SERVERLESS, None, plan.nodes, owned=False)], uses
    # Without compute.locations, files need not say the workspace's own.
    sizes = [(use.location, size) for use in uses if use.nodes for size in even_sizes(use.nodes, use.clusters)]
    return [Cluster("", place if compute.locations else None, size, owned=True) for place, size in sizes], uses


def wanted_nodes(experiment: Experiment, plan: Plan) -> Wanted:
    """Return what the nodes of `plan` ask of a location."""
    compute = experiment.compute
    return Wanted(
        compute.size,
        compute.tier,
        plan.nodes,
        max(1, plan.nodes) if compute.serverless else compute.max_nodes_per_cluster,
        plan.workers_per_node,
        needs_clusters=not compute.serverless,
    )


def control_of(experiment: Experiment, plan: Plan, site: Site) -> Control | None:
    """Return what seed and teardown need that is not there; None when nothing is missing.

    What clusters that exist may grow to counts already.

    Raises:
        PlanError: when they cannot have it.
    """
    compute, pipelines = experiment.compute.control, pipeline_count(experiment, plan.consumers)
    if compute.existing:
        (cluster,) = find_clusters([compute.existing], site.computes, "compute.control.existing")
        _check_shared(cluster, pipelines)
        return None
    home = site.locations[site.location]
    if compute.serverless:
        return check_control(home, compute.size, nodes=1 + pipelines, clusters=0)
    there = {other.name.lower() for other in site.computes}
    missing = [name for name in (plan.control_cluster, plan.seed_cluster) if name.lower() not in there]
    return check_control(home, compute.size, nodes=len(missing), clusters=len(missing)) if missing else None


def sharing_notes(experiment: Experiment, plan: Plan, site: Site) -> list[str]:
    """Return how many runs at once find nodes for seeds and teardowns, where their two clusters do not see to that."""
    control, pipelines = experiment.compute.control, pipeline_count(experiment, plan.consumers)
    if control.existing:
        (cluster,) = find_clusters([control.existing], site.computes, "compute.control.existing")
        return [sharing_note(cluster.name, runs_at_once(cluster.max_nodes, pipelines))]
    home = site.locations[site.location]
    size = find_size(home.sizes, control.size)
    limits = [(bound.amount.limit or 0) // size.cores for bound in control_bounds(home, size)] if size else []
    nodes = min(limits, default=None)
    # With more, the control cluster is full before the quota is: a node is left for a seed.
    if nodes is None or (nodes > CONTROL_CLUSTER_NODES and not control.serverless):
        return []
    return [sharing_note(f"a quota of {nodes:,} nodes of {control.size}", runs_at_once(nodes, pipelines))]


def _check_shared(cluster: Compute, pipelines: int) -> None:
    """See that one run alone finds room in a cluster that seeds, gates and teardowns share.

    Raises:
        PlanError: when its teardown and gates could take each node, and leave none for the seed they wait for.
    """
    if runs_at_once(cluster.max_nodes, pipelines) < 1:
        gates = f", and a node for each of {pipelines - 1:,} further pipelines" if pipelines > 1 else ""
        raise PlanError(
            f"compute.control.existing {cluster.name}: a run needs {pipelines + 1:,} nodes, one for its teardown, one "
            f"for its seed{gates}; it may have {cluster.max_nodes:,}",
            hint=f"raise that number to {pipelines + 1:,}, or name another cluster"
            + ("; or raise compute.consumers_per_pipeline" if pipelines > 1 else ""),
        )


def control_use(control: Control | None, site: Site) -> LocationUse | None:
    """Return what seed and teardown use of their location."""
    if control is None:
        return None
    bounds = control_bounds(site.locations[control.location], control.size)
    quotas = tuple(QuotaUse.of(bound, control.nodes) for bound in bounds)
    prices = dict(control.size.usd_per_hour)
    return LocationUse(
        control.location, control.nodes, control.clusters, prices.get("dedicated"), prices, quotas, control.size.name
    )


def mean_price(uses: Sequence[LocationUse]) -> float | None:
    """Return the mean list price of the nodes that work; None when one is unknown."""
    prices = [(use.nodes, use.usd_per_node_hour) for use in uses if use.nodes]
    known = [nodes * price for nodes, price in prices if price is not None]
    if len(known) < len(prices) or not known:
        return None
    return round(sum(known) / sum(nodes for nodes, _ in prices), 6)


def control_price(experiment: Experiment, name: str, site: Site) -> float | None:
    """Return the list price of a node of teardown."""
    if name != SERVERLESS:
        existing = next((other for other in site.computes if other.name.lower() == name.lower()), None)
        if existing is not None:
            return _price(site, existing)
    size = find_size(site.locations[site.location].sizes, experiment.compute.control.size)
    return size.usd_per_hour.get("dedicated") if size else None


def _existing(experiment: Experiment, plan: Plan, site: Site) -> tuple[list[Cluster], tuple[LocationUse, ...]]:
    found = find_clusters(experiment.compute.existing, site.computes, "compute.existing")
    shared = share_existing(found, plan.nodes, plan.workers_per_node)
    by_name = {cluster.name: cluster.nodes for cluster in shared}
    uses = tuple(
        LocationUse(
            own.location,
            by_name.get(own.name, 0),
            1 if own.name in by_name else 0,
            _price(site, own),
            {},
            (),
            f"{own.name} exists: {own.size}, {own.tier}",
        )
        for own in found
    )
    return list(shared), uses


def _chosen(experiment: Experiment, plan: Plan, control: Control | None, site: Site) -> tuple[LocationUse, ...]:
    wanted = wanted_nodes(experiment, plan)
    locations = [site.locations[name] for name in locations_of(experiment, site.location, site.computes)]
    choices = choose(wanted, locations, control)
    return tuple(_use(choice, wanted) for choice in sorted(choices, key=lambda choice: choice.nodes == 0))


def _use(choice: Choice, wanted: Wanted) -> LocationUse:
    found = choice.candidate
    prices = dict(found.size.usd_per_hour) if found.size else {}
    quotas = tuple(QuotaUse.of(bound, choice.nodes or wanted.nodes) for bound in found.bounds)
    return LocationUse(
        found.location, choice.nodes, choice.clusters, prices.get(wanted.tier), prices, quotas, choice.reason
    )


def _price(site: Site, cluster: Compute) -> float | None:
    location = site.locations.get(cluster.location)
    size = find_size(location.sizes, cluster.size) if location else None
    return size.usd_per_hour.get(cluster.tier) if size else None
