"""Which nodes a run has on Azure: of clusters that it makes where quota is, of existing ones, or serverless."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hyperscale.azure_placement import Choice, check_control, choose
from hyperscale.azure_plan import LocationUse, QuotaUse
from hyperscale.existing_clusters import find_clusters, share_existing
from hyperscale.experiment import Experiment
from hyperscale.locations import CONTROL_NODES, Control, Location, Wanted, control_bounds
from hyperscale.node_sizes import find_size
from hyperscale.placement import SERVERLESS, Cluster, even_sizes
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


def place_nodes(
    experiment: Experiment, nodes: int, control: Control | None, site: Site
) -> tuple[list[Cluster], tuple[LocationUse, ...]]:
    """Return the clusters of `nodes` nodes, and what each location was used for; clusters to be made have no names.

    Raises:
        PlanError: when they find no room.
    """
    compute = experiment.compute
    if compute.existing:
        return _existing(experiment, nodes, site)
    uses = _chosen(experiment, nodes, control, site)
    if compute.serverless:
        return [Cluster(SERVERLESS, None, nodes, owned=False)], uses
    # Without compute.locations, files need not say the workspace's own.
    sizes = [(use.location, size) for use in uses if use.nodes for size in even_sizes(use.nodes, use.clusters)]
    return [Cluster("", place if compute.locations else None, size, owned=True) for place, size in sizes], uses


def wanted_nodes(experiment: Experiment, nodes: int) -> Wanted:
    """Return what `nodes` nodes of the experiment ask of a location."""
    compute = experiment.compute
    return Wanted(
        compute.size,
        compute.tier,
        nodes,
        max(1, nodes) if compute.serverless else compute.max_nodes_per_cluster,
        experiment.parallelism.workers_per_node,
        needs_clusters=not compute.serverless,
    )


def control_of(experiment: Experiment, name: str, site: Site) -> Control | None:
    """Return what seed and teardown need; None when their cluster `name` exists: what it may grow to counts already.

    Raises:
        PlanError: when they cannot have it.
    """
    compute = experiment.compute.control
    if compute.existing:
        find_clusters([compute.existing], site.computes, "compute.control.existing")
        return None
    if any(other.name.lower() == name.lower() for other in site.computes):
        return None
    return check_control(site.locations[site.location], compute.size, 0 if compute.serverless else 1)


def control_use(control: Control | None, site: Site) -> LocationUse | None:
    """Return what seed and teardown use of their location."""
    if control is None:
        return None
    bounds = control_bounds(site.locations[control.location], control.size)
    quotas = tuple(QuotaUse.of(bound, CONTROL_NODES) for bound in bounds)
    prices = dict(control.size.usd_per_hour)
    return LocationUse(
        control.location, CONTROL_NODES, control.clusters, prices.get("dedicated"), prices, quotas, control.size.name
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


def _existing(experiment: Experiment, nodes: int, site: Site) -> tuple[list[Cluster], tuple[LocationUse, ...]]:
    found = find_clusters(experiment.compute.existing, site.computes, "compute.existing")
    shared = share_existing(found, nodes, experiment.parallelism.workers_per_node)
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


def _chosen(experiment: Experiment, nodes: int, control: Control | None, site: Site) -> tuple[LocationUse, ...]:
    wanted = wanted_nodes(experiment, nodes)
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
