"""Says what a plan would make: a table for people, and one countable line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hyperscale.control.azure.azure_lines import azure_pairs, expected_pairs, place_pairs
from hyperscale.control.planning import Planned
from hyperscale.control.remote.remote_data import RemoteData
from hyperscale.control.terminal_text import padded, width_of
from hyperscale.control.trial.figures import trial_times
from hyperscale.cost import estimate
from hyperscale.experiment import Limits
from hyperscale.figures import counted, size_text
from hyperscale.pipeline_parts import pipeline_count
from hyperscale.placement import SERVERLESS
from hyperscale.plan import Plan
from hyperscale.uris import without_query

#: Uploads above these get a note.
LARGE_UPLOAD_BYTES = 1024**3
LARGE_UPLOAD_FILES = 10_000


def plan_table(planned: Planned) -> list[str]:
    """Return the lines of a table: what would be made, and what should be known of it."""
    pairs = list(_pairs(planned))
    width = max(width_of(key) for key, _ in pairs)
    return [f"{padded(key, width)}  {value}" for key, value in pairs]


def plan_document(planned: Planned) -> dict[str, Any]:
    """Return the plan as one document for programs; what Azure was asked for stands under `azure`."""
    return {**planned.plan.to_document(), **({"azure": planned.azure.to_document()} if planned.azure else {})}


def plan_line(plan: Plan) -> str:
    """Return the last line of `plan`: what would be made, in figures."""
    clusters = f"{counted(len(plan.clusters), 'cluster')} ({counted(plan.nodes, 'node')})"
    where = counted(plan.nodes, "serverless node") if _is_serverless(plan) else clusters
    return (
        f"Plan: {where}, "
        f"{plan.rows_text} {'row' if plan.rows == 1 else 'rows'} in {counted(plan.messages, 'message')}, "
        f"{counted(plan.workers, 'worker')}."
    )


def _pairs(planned: Planned) -> Iterator[tuple[str, str]]:
    plan, loaded = planned.plan, planned.checked.loaded
    experiment = loaded.experiment
    compute = experiment.compute
    yield "experiment", f"{experiment.name} ({loaded.file.name})"
    yield "rows", f"{plan.rows_text}{_grouped(planned)} in {counted(plan.messages, 'message')}"
    yield "message", f"up to {counted(plan.rows_per_message, 'row')}, leased for {plan.lease_seconds:,} s"
    yield "workers", f"{plan.workers:,}, {plan.workers_per_node:,} on each node"
    kind = f" of {compute.size}, {compute.tier}"
    if compute.existing:
        kind = f" of {planned.azure.size}, {planned.azure.tier}" if planned.azure else ""
    yield "nodes", f"{plan.nodes:,}{kind}{', serverless' * _is_serverless(plan)}"
    for cluster in () if _is_serverless(plan) else plan.clusters:
        where = f" in {cluster.location}" if cluster.location else ""
        owned = "made and deleted by the run" if cluster.owned else "not touched"
        yield "cluster", f"{cluster.name}: {counted(cluster.nodes, 'node')}{where}, {owned}"
    pipelines = pipeline_count(experiment, plan.consumers)
    several = f", in {pipelines:,} pipelines" if pipelines > 1 else ""
    yield "jobs", f"{plan.consumers:,} consume ({plan.spare_consumers:,} spare), seed, teardown{several}"
    size = f"{compute.control.size}{', shared by the runs of the workspace' * (not compute.control.serverless)}"
    named = " and ".join(dict.fromkeys((plan.control_cluster, plan.seed_cluster)))
    yield "control", f"{named}, {'not touched' if compute.control.existing else size}"
    yield from _travelling(planned)
    yield "limits", _limits(experiment.limits)
    known = planned.azure
    if known is not None:
        yield from azure_pairs(known, plan.rows)
    else:
        yield from place_pairs(experiment.azure, loaded.azure_sources)
        yield from _tried(planned)
    yield "render id", plan.render_id
    for note in plan.notes:
        yield "note", note


def _grouped(planned: Planned) -> str:
    records = planned.checked.facts.grouped_records
    if records is None:
        return ""
    by = ", ".join(planned.checked.loaded.experiment.input.group_by)
    return f", which are groups by {by} of {counted(records, 'row')} of the input,"


def _tried(planned: Planned) -> Iterator[tuple[str, str]]:
    """Yield what a trial says of the run, as far as nobody has looked up prices; nothing where nobody has tried."""
    plan, experiment = planned.plan, planned.checked.loaded.experiment
    times, note = trial_times(planned.checked)
    if times is not None:
        yield from expected_pairs(estimate(experiment, plan, times), plan.rows)
    if note is not None:
        yield "note", note


def _is_serverless(plan: Plan) -> bool:
    return [cluster.name for cluster in plan.clusters] == [SERVERLESS]


def _travelling(planned: Planned) -> Iterator[tuple[str, str]]:
    staged, facts = planned.checked.staged, planned.checked.facts
    yield "code", f"{counted(len(staged.files), 'file')}, {size_text(staged.total_bytes)}, to every node"
    for data in planned.checked.loaded.remote.values():
        yield "remote", _remote(data)
    yield "upload", f"{counted(facts.upload_files, 'file')}, {size_text(facts.upload_bytes)}, once"
    if facts.upload_bytes > LARGE_UPLOAD_BYTES or facts.upload_files > LARGE_UPLOAD_FILES:
        yield "note", "the upload is large: data that is in the cloud already can be named by its URI"


def _remote(data: RemoteData) -> str:
    what = "the input" if data.key == "input" else data.key.replace("_", " ", 1)
    size = "" if data.bytes is None else f", {size_text(data.bytes)}"
    files = f", {counted(data.files, 'file')}" if data.is_folder and data.files is not None else ""
    return f"{what}: {without_query(data.uri)}{files}{size}, read where it is"


def _limits(limits: Limits) -> str:
    cost = [] if limits.max_cost_usd is None else [f"${limits.max_cost_usd:,.2f}"]
    failed = "any number of failed rows" if limits.max_failed is None else f"at most {limits.max_failed} failed rows"
    return ", ".join([*cost, f"{limits.max_hours:g} hours", failed])
