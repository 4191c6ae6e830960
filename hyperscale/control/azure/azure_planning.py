"""Plans an experiment with what Azure says of quota, sizes and prices, and checks that a saved plan still fits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import hyperscale
from hyperscale.azure_nodes import Site, locations_of
from hyperscale.azure_planner import misfits, plan_on_azure
from hyperscale.control.azure.place import find_place
from hyperscale.control.azure.session import Session, open_session
from hyperscale.control.doctor.preflight import refuse_in_vain, refuse_without_identity
from hyperscale.control.planning import Planned
from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.rendered.rendering import templates_hash
from hyperscale.control.trial.figures import trial_times
from hyperscale.cost import RowTimes
from hyperscale.errors import PlanError, RunStateError
from hyperscale.experiment import Experiment
from hyperscale.locations import Location
from hyperscale.node.azure.resource_manager import RefusedError
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.node_sizes import node_sizes
from hyperscale.quota import Compute, quota_of, with_claims


def plan_for_azure(checked: CheckedExperiment, session: Session, *, seconds_per_row: float | None = None) -> Planned:
    """Return the plan of `checked` with clusters that find quota now, and with prices.

    Args:
        checked: the experiment.
        session: a login to its workspace.
        seconds_per_row: how long a row takes; None takes the figures of a trial, if there are any.

    Raises:
        PlanError: when it does not fit: quota, sizes, limits.
        AzureError: when Azure refuses, or does not answer.
    """
    experiment = checked.loaded.experiment
    times, note = trial_times(checked)
    if seconds_per_row is not None:
        times, note = RowTimes(seconds_per_row, seconds_per_row, 0, f"{seconds_per_row:g} s a row, as given"), None
    plan, known = plan_on_azure(
        experiment,
        checked.facts,
        read_site(experiment, session),
        times,
        version=hyperscale.__version__,
        templates_hash=templates_hash(),
        more_notes=[note] if note else [],
    )
    return Planned(checked, plan, known)


def plan_from_azure(planned: Planned, environ: Mapping[str, str], seconds_per_row: float | None) -> Planned:
    """Log in, and return the plan of the same experiment with what Azure says; one that was saved with it is checked.

    Raises:
        PlanError: when it does not fit: quota, sizes, limits.
        RunStateError: when a saved plan does not fit any more.
        AzureError: when nobody is logged in, Azure refuses or does not answer, or the run lacks an identity or roles.
    """
    experiment = planned.checked.loaded.experiment
    refuse_without_identity(experiment)
    place = find_place(planned.checked.loaded, environ)
    session = open_session(place)
    with contextlib.closing(session.workspace.azure):
        refuse_in_vain(session, experiment, tries_storage=True)
        if planned.azure is None:
            return plan_for_azure(planned.checked, session, seconds_per_row=seconds_per_row)
        check_placement(planned, session)
        return planned


def check_placement(planned: Planned, session: Session) -> None:
    """See that a saved plan still fits: the workspace, quota, sizes and existing clusters as they are now.

    Raises:
        RunStateError: when it does not, saying what has changed.
        AzureError: when Azure refuses, or does not answer.
    """
    known, name = planned.azure, session.place.workspace
    here = (name.subscription_id, name.resource_group, name.name)
    if known is not None and (known.subscription_id, known.resource_group, known.workspace_name) != here:
        found = [f"it is of workspace {known.workspace_name} in resource group {known.resource_group}"]
    else:
        experiment = planned.checked.loaded.experiment
        found = misfits(experiment, planned.plan, read_site(experiment, session))
    if found:
        raise RunStateError(
            f"the plan of {planned.checked.loaded.file} does not fit any more: {'; '.join(found)}",
            hint="make the plan again: hyperscale plan --azure --out",
        )


def read_site(experiment: Experiment, session: Session) -> Site:
    """Ask Azure what a plan needs: the computes once, then quota and sizes of each location.

    Raises:
        PlanError: when a cluster of compute.existing is not there.
        AzureError: when Azure refuses, or does not answer.
    """
    name, home = session.place.workspace, _short(session.facts.location)
    computes = tuple(_compute(facts, home) for facts in session.workspace.computes() if facts.state != "Deleting")
    names = dict.fromkeys((home, *locations_of(experiment, home, computes)))
    locations = {location: _location(session, location, computes) for location in names}
    return Site(
        subscription_id=name.subscription_id,
        resource_group=name.resource_group,
        workspace_name=name.name,
        location=home,
        sources=session.place.sources,
        locations=locations,
        computes=_with_usual_names(computes, locations.values()),
    )


def _with_usual_names(computes: Iterable[Compute], locations: Iterable[Location]) -> tuple[Compute, ...]:
    """Return `computes` with sizes as lists of sizes write them: computes have them in capitals (recorded)."""
    known = {size.name.lower(): size.name for location in locations for size in location.sizes}
    return tuple(replace(compute, size=known.get(compute.size.lower(), compute.size)) for compute in computes)


def _location(session: Session, name: str, computes: tuple[Compute, ...]) -> Location:
    # azure-ai-ml leaves most fields of both None (Usage and VmSize of 1.35.2): they are read by REST.
    try:
        sizes = node_sizes(session.workspace.sizes(name))
    except RefusedError as error:
        if error.status != 400:
            raise
        sizes = ()
    if not sizes:
        raise PlanError(
            f"Azure ML has no nodes in a location {name}",
            hint="give the short names of regions in compute.locations, such as westeurope",
        )
    here = tuple(compute for compute in computes if compute.location == name)
    return Location(
        name,
        sizes,
        with_claims(quota_of(session.workspace.usages(name), session.workspace.name.path), here, sizes),
        here,
    )


def _compute(facts: ComputeFacts, home: str) -> Compute:
    # A compute instance is one node, and holds its quota even while it is stopped (concept-compute-instance.md).
    most = facts.max_nodes if facts.kind == "AmlCompute" else int(facts.kind == "ComputeInstance")
    return Compute(
        name=facts.name,
        kind=facts.kind,
        state=facts.state,
        location=_short(facts.location) or home,
        size=facts.size,
        tier=facts.tier,
        max_nodes=most,
        nodes=facts.nodes,
    )


def _short(location: str) -> str:
    """Return the short name of a region: some answers have West Europe for westeurope."""
    return location.replace(" ", "").lower()
