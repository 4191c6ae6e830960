"""A look at a run as lines for people: what `status` prints, and what stands beside and below the bar of `watch`."""

from __future__ import annotations

from dataclasses import asdict, replace

from hyperscale.control.follow.look import ClusterLook, Look
from hyperscale.control.progress import Progress
from hyperscale.control.summary import group_text
from hyperscale.figures import counted, rate_text, usd

#: More clusters than this are counted, not listed, below a bar.
SHOWN_CLUSTERS = 8


def shown_progress(look: Look) -> Progress:
    """Return the progress of `look` as a display takes it: its phase with the bottleneck, figures and lines."""
    # Of a run that is over, the summary or the error below says why it ended so.
    phase = f"{look.phase}: {look.bottleneck}" if look.bottleneck and not look.is_over else look.phase
    if look.progress.phase == look.phase and look.nodes is not None:
        phase = look.phase  # the figures below say how many nodes are up
    return replace(look.progress, phase=phase, figures=tuple(_figures(look)), details=tuple(detail_lines(look)))


def status_lines(look: Look) -> list[str]:
    """Return everything of `look`, as `status` prints it."""
    progress = look.progress
    phase = f"{look.phase} ({look.bottleneck})" if look.bottleneck else look.phase
    lines = [f"run       {look.run_id}", f"phase     {phase}"]
    if progress.total is not None:
        percent = 100 * progress.done // progress.total if progress.total else 100
        parts = [f"{progress.done:,}/{progress.total:,} ({percent}%)", f"{progress.failed:,} failed"]
        if progress.rows_per_second is not None:
            parts.append(f"{rate_text(progress.rows_per_second)} rows/s")
        lines.append(f"rows      {'  '.join(parts)}")
    lines += [f"figures   {'  '.join(_figures(look))}"] if _figures(look) else []
    lines += detail_lines(look)
    lines += [f"job       {name}: {status or 'not there'}" for name, status in (look.jobs or {}).items()]
    lines += [f"studio    {look.studio_url}"] if look.studio_url else []
    return [*lines, *(f"warning: {warning}" for warning in look.warnings)]


def detail_lines(look: Look) -> list[str]:
    """Return a line for each cluster and for each of the largest failure groups."""
    lines = [_cluster_line(cluster) for cluster in look.clusters[:SHOWN_CLUSTERS]]
    if len(look.clusters) > SHOWN_CLUSTERS:
        lines.append(f"cluster   and {counted(len(look.clusters) - SHOWN_CLUSTERS, 'more cluster')}")
    return [*lines, *(f"failures  {group_text(asdict(group))}" for group in look.groups)]


def come_back(run: str, program: str) -> str:
    """Return what to say when somebody leaves a watch."""
    return f"left; the run goes on. Come back: {program} watch {run}"


def _figures(look: Look) -> list[str]:
    parts = []
    if look.nodes is not None and not look.is_over:
        parts.append("nodes {:,}/{:,} up".format(*look.nodes))
    if look.preempted:
        parts.append(f"{look.preempted:,} preempted")
    if look.cost_usd is not None:
        parts.append(usd(look.cost_usd) if look.is_over else f"{usd(look.cost_usd)} so far")
    return parts


def _cluster_line(cluster: ClusterLook) -> str:
    parts = [f"cluster   {cluster.name}", cluster.location, f"{cluster.up:,}/{cluster.wanted:,} up"]
    if cluster.coming:
        parts.append(f"{cluster.coming:,} being prepared")
    if cluster.state != "Succeeded":
        parts.append(cluster.state)
    return "  ".join([*parts, *([cluster.error] if cluster.error else [])])
