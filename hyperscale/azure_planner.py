"""Makes the plan of an experiment from what Azure has answered: quota, sizes, prices, existing clusters; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from hyperscale import names
from hyperscale.azure_nodes import (
    Site,
    as_existing,
    capacity_of,
    control_of,
    control_price,
    control_use,
    mean_price,
    place_nodes,
    sharing_notes,
)
from hyperscale.azure_plan import AzurePlan, LocationUse
from hyperscale.cost import RowTimes, check_limits, estimate
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.input_facts import InputFacts
from hyperscale.locations import candidate
from hyperscale.placement import Cluster, clusters_for, sharing_note
from hyperscale.plan import Plan, make_plan


def plan_on_azure(
    experiment: Experiment,
    facts: InputFacts,
    site: Site,
    times: RowTimes | None,
    *,
    version: str,
    templates_hash: str,
    more_notes: Sequence[str] = (),
) -> tuple[Plan, AzurePlan]:
    """Return the plan of `experiment`, and what it knows from Azure; the same arguments give the same plan.

    Args:
        experiment: valid.
        facts: of its input.
        site: its workspace.
        times: how long its rows take; None when nobody knows.
        version: of hyperscale.
        templates_hash: of the templates that will be rendered.
        more_notes: what else should be known, of the times for example.

    Raises:
        PlanError: when it does not fit, or costs or takes more than its limits.
    """
    asked = as_existing(experiment, site)
    capacity = capacity_of(asked, site)
    draft = make_plan(asked, facts, version=version, templates_hash=templates_hash, capacity=capacity)
    control = control_of(asked, draft, site)
    clusters, uses = place_nodes(asked, draft, control, site)
    usd = mean_price(uses)
    plan = dataclasses.replace(
        _named(asked, draft, clusters),
        usd_per_node_hour=usd,
        usd_per_control_hour=control_price(asked, draft.control_cluster, site),
    )
    notes = [*(note for note in draft.notes if note not in _offline_notes(asked, draft)), *more_notes]
    notes += sharing_notes(asked, draft, site)
    expected = None if times is None else estimate(asked, plan, times)
    if expected is None:
        notes.append("time and cost are unknown: `hyperscale trial` measures how long rows take, or --seconds-per-row")
    notes += [*_quota_notes(uses, site, asked), *check_limits(asked, plan, expected, usd is not None)]
    known = AzurePlan(
        site.subscription_id,
        site.resource_group,
        site.workspace_name,
        site.location,
        dict(site.sources),
        asked.compute.size,
        asked.compute.tier,
        uses,
        control_use(control, site),
        expected,
        capacity,
    )
    return dataclasses.replace(plan, notes=tuple(notes)), known


def _named(experiment: Experiment, draft: Plan, clusters: Sequence[Cluster]) -> Plan:
    """Return `draft` with these `clusters`; those that are to be made get names."""
    if not all(cluster.owned for cluster in clusters):
        return dataclasses.replace(draft, clusters=tuple(clusters))
    shape = [(cluster.location, cluster.nodes) for cluster in clusters]
    if shape == [(cluster.location, cluster.nodes) for cluster in draft.clusters]:
        return draft
    # Other clusters than those of the plan for which nobody was asked: other names.
    render = names.render_id(draft.render_id, shape)
    made = zip(clusters, names.cluster_names(experiment.name, render, len(clusters)), strict=True)
    named = tuple(dataclasses.replace(cluster, name=name) for cluster, name in made)
    return dataclasses.replace(draft, clusters=named, render_id=render)


def _offline_notes(experiment: Experiment, draft: Plan) -> list[str]:
    """Return the notes that a plan has on clusters when nobody is asked for quota."""
    notes: list[str] = [sharing_note(draft.control_cluster)]
    clusters_for(experiment, draft.nodes, draft.render_id, notes)
    return notes


def _quota_notes(uses: Sequence[LocationUse], site: Site, experiment: Experiment) -> Iterator[str]:
    compute = experiment.compute
    for name in dict.fromkeys(use.location for use in uses if use.nodes):
        location = site.locations[name]
        if not compute.existing:
            for what in candidate(location, compute.size, compute.tier, None).unlisted:
                yield f"Azure lists no quota of {what} in {name}: nodes may have to wait for it"
        low = location.quota.low_priority if compute.existing and compute.tier == "low_priority" else None
        if low is not None and low.limit is not None and low.used > low.limit:
            yield (
                f"nodes may have to wait: computes may use {low.used:,} low-priority cores in {name}, "
                f"the limit is {low.limit:,}"
            )
    unknown = dict.fromkeys(use.location for use in uses if use.nodes and use.usd_per_node_hour is None)
    if unknown:
        yield f"the price of {compute.size}, {compute.tier}, is unknown in {', '.join(unknown)}: so is the cost"


def misfits(experiment: Experiment, plan: Plan, site: Site) -> list[str]:
    """Return what keeps a plan that was made before from being executed now; nothing when it still fits."""
    try:
        asked = as_existing(experiment, site)
        control = control_of(asked, plan, site)
        if experiment.compute.existing:
            place_nodes(asked, plan, control, site)
            return []
    except PlanError as error:
        return [str(error)]
    compute = experiment.compute
    found = []
    for name in dict.fromkeys(cluster.location or site.location for cluster in plan.clusters):
        here = [cluster for cluster in plan.clusters if (cluster.location or site.location) == name]
        nodes, made = sum(cluster.nodes for cluster in here), sum(cluster.owned for cluster in here)
        offered = candidate(site.locations[name], compute.size, compute.tier, control)
        possible = offered.room(nodes).nodes
        if offered.problem is not None:
            found.append(f"{compute.size} is {offered.problem} in {name}")
        elif possible < nodes:
            tight = offered.bounds[0]
            free = f"{tight.free:,} {tight.what} are free"
            found.append(f"quota has room for {possible:,} of {nodes:,} nodes in {name} ({free})")
        elif made > offered.free_clusters:
            found.append(f"{offered.free_clusters:,} of {made:,} clusters can be made in {name}")
    return found
