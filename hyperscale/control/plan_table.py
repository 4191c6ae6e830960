"""Says what a plan would make: a table for people, and one countable line."""

from __future__ import annotations

from collections.abc import Iterator

from hyperscale.control.planning import Planned
from hyperscale.placement import SERVERLESS
from hyperscale.plan import Plan, rows_text

#: Uploads above these are asked about before a run is submitted.
LARGE_UPLOAD_BYTES = 1024**3
LARGE_UPLOAD_FILES = 10_000


def plan_table(planned: Planned) -> list[str]:
    """Return the lines of a table: what would be made, and what should be known of it."""
    pairs = list(_pairs(planned))
    width = max(len(key) for key, _ in pairs)
    return [f"{key:<{width}}  {value}" for key, value in pairs]


def plan_line(plan: Plan) -> str:
    """Return the last line of `plan`: what would be made, in figures."""
    return (
        f"Plan: {counted(len(plan.clusters), 'cluster')} ({counted(plan.nodes, 'node')}), "
        f"{rows_text(plan)} row{_s(plan.rows)} in {counted(plan.messages, 'message')}, "
        f"{counted(plan.workers, 'worker')}."
    )


def counted(count: int, noun: str) -> str:
    """Return `count` and its noun, such as `1 node` or `2,000 nodes`."""
    return f"{count:,} {noun}{_s(count)}"


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return counted(size, "byte")


def _pairs(planned: Planned) -> Iterator[tuple[str, str]]:
    plan, loaded = planned.plan, planned.checked.loaded
    experiment = loaded.experiment
    compute = experiment.compute
    yield "experiment", f"{experiment.name} ({loaded.file.name})"
    yield "rows", f"{rows_text(plan)} in {counted(plan.messages, 'message')}"
    yield "message", f"up to {counted(plan.rows_per_message, 'row')}, leased for {plan.lease_seconds:,} s"
    yield "workers", f"{plan.workers:,}, {plan.workers_per_node:,} on each node"
    kind = "" if compute.existing else f" of {compute.size}, {compute.tier}"
    yield "nodes", f"{plan.nodes:,}{kind}"
    for cluster in plan.clusters:
        where = f" in {cluster.location}" if cluster.location else ""
        owned = "made and deleted by the run" if cluster.owned else "not touched"
        yield "cluster", f"{cluster.name}: {counted(cluster.nodes, 'node')}{where}, {owned}"
    yield "jobs", f"{plan.consumers:,} consume ({plan.spare_consumers:,} spare), seed, teardown"
    size = "" if plan.control_cluster in (SERVERLESS, compute.control.existing) else f", {compute.control.size}"
    yield "control", f"{plan.control_cluster}{size}, shared by the runs of the workspace"
    yield from _travelling(planned)
    yield "limits", f"{experiment.limits.max_hours:g} hours, {_failed_limit(experiment.limits.max_failed)}"
    yield "render id", plan.render_id
    for note in plan.notes:
        yield "note", note


def _travelling(planned: Planned) -> Iterator[tuple[str, str]]:
    staged, facts = planned.checked.staged, planned.checked.facts
    yield "code", f"{counted(len(staged.files), 'file')}, {size_text(staged.total_bytes)}, to every node"
    yield "upload", f"{counted(facts.upload_files, 'file')}, {size_text(facts.upload_bytes)}, once"
    if facts.upload_bytes > LARGE_UPLOAD_BYTES or facts.upload_files > LARGE_UPLOAD_FILES:
        yield "note", "the upload is large: data that is in the cloud already can be named by its URI"


def _failed_limit(limit: int | str | None) -> str:
    return "any number of failed rows" if limit is None else f"at most {limit} failed rows"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
