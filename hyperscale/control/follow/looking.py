"""Says what a run is doing and what it waits for, from what jobs, nodes and heartbeats say now. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from hyperscale.control.follow.look import ClusterLook, Look, Seen
from hyperscale.control.progress import Progress, read_progress
from hyperscale.cost import spent_usd
from hyperscale.figures import counted
from hyperscale.node.azure.workspace_facts import ComputeFacts, StepFacts
from hyperscale.node.ending.step_states import has_own_words, reason_of

#: A node in one of these is paid for and can work; the others come or go.
_UP = ("idle", "running", "leaving")
_COMING = ("preparing", "starting")
#: What ended a run none of whose consumers could start, and its phase then.
BROKEN = "broken"
#: What is shown of steps that failed; there may be a thousand.
SHOWN_STEPS = 5
SHOWN_GROUPS = 3
_PREEMPTED = re.compile(r"pre-?empt", re.IGNORECASE)
_QUOTA = re.compile(r"quota", re.IGNORECASE)
#: Phases of `read_progress` in which rows are worked on.
_AT_WORK = frozenset({"running", "last rows in flight"})
#: Phases of `read_progress` in which no worker is at work.
_WITHOUT_WORKERS = frozenset({"workers starting", "waiting for workers"})


def look_at(seen: Seen) -> Look:
    """Return what `seen` means."""
    progress = _progress(seen)
    clusters = tuple(_cluster(compute) for compute in seen.computes)
    look = Look(
        run_id=seen.run_id,
        experiment=seen.experiment,
        phase="",
        bottleneck="",
        is_over=seen.is_over,
        is_torn_down=seen.is_torn_down,
        progress=progress,
        clusters=clusters,
        preempted=_preempted(seen),
        cost_usd=_cost_usd(seen),
        groups=seen.groups[:SHOWN_GROUPS],
        left=tuple(cluster.name for cluster in clusters if seen.is_over and cluster.state != "Deleting"),
        jobs={name: job.status if job else None for name, job in seen.jobs.items()} if seen.jobs is not None else None,
        studio_url=next((job.studio_url for job in seen.known_jobs), ""),
        outcome=str(seen.results["outcome"]) if seen.results else None,
    )
    phase, bottleneck = _ended(seen) if seen.is_over else _alive(seen, look)
    look = replace(look, phase=phase, bottleneck=bottleneck)
    return replace(look, warnings=tuple(_warnings(seen, look)))


def _cost_usd(seen: Seen) -> float | None:
    """Return what the run has cost: what its results say, once they are there."""
    if seen.results:
        cost: float | None = seen.results.get("cost_usd")
        return cost
    rates = seen.azure.rates(seen.idle_seconds) if seen.azure else None
    return spent_usd((fields for _, _, fields in seen.beats), rates, None if seen.is_over else seen.now)


def _progress(seen: Seen) -> Progress:
    if seen.is_over and seen.results:
        rows = seen.results["rows"]
        return Progress("", rows["succeeded"] + rows["failed"], rows["failed"], total=rows["total"])
    progress = read_progress(
        seen.beats,
        seen.rows,
        seeded=seen.seeded,
        life=seen.life,
        done_before=seen.done_before,
        failed_before=seen.failed_before,
    )
    return replace(progress, rows_per_second=_mean_rate(seen, progress.done - seen.done_before))


def _mean_rate(seen: Seen, done: int) -> float | None:
    """Return the rows per second since the first consumer of this life began; who looks again knows better."""
    starts = [
        float(fields.get("started_at") or seen.now)
        for _, _, fields in seen.beats
        if fields.get("role") == "consume" and fields.get("life") == seen.life
    ]
    seconds = seen.now - min(starts, default=seen.now)
    return done / seconds if done > 0 and seconds >= 1 and not seen.is_over else None


def _ended(seen: Seen) -> tuple[str, str]:
    """Return phase and reason of a run that is over."""
    if seen.results:
        reason = _one_line(str(seen.results.get("reason") or ""))
        if not seen.results["rows"]["missing"]:
            return "done", reason
        # `cancelled` is what the user did; a run whose consumers could not start has the same outcome.
        return BROKEN if seen.results.get("cause") == BROKEN else str(seen.results["outcome"]), reason
    if seen.azure is None and seen.unfinished:
        return "submitting", f"its submission has not come further than {seen.unfinished}"
    if seen.azure is None:
        return "unfinished", "it was stopped before its results were collected"
    statuses = {job.status for job in seen.known_jobs}
    if "Canceled" in statuses:
        return "cancelled", "its job was cancelled before its results were collected"
    failed = _failed_steps(seen)
    return "failed", f"step {failed[0].name}: {_said(failed[0])}" if failed else "it left no results"


def _alive(seen: Seen, look: Look) -> tuple[str, str]:
    """Return phase and bottleneck of a run that is at work, or will be."""
    if seen.azure is not None and not seen.known_jobs:
        step = f" (step {seen.unfinished})" if seen.unfinished else ""
        return "submitting", f"it has no job yet: its submission is going on, or was not finished{step}"
    state = seen.teardown_state()
    if state == "deleting":
        return "deleting", "its clusters are being deleted"
    if state == "collecting":
        return "collecting", ""
    if state in ("left", "broken"):
        return "ending", "its results are written" if state == "left" else "its teardown has failed"
    if seen.cancel is not None:
        return "stopping", _one_line(seen.cancel.message)
    return _working(seen, look) if seen.seeded else _before_rows(seen)


def _before_rows(seen: Seen) -> tuple[str, str]:
    """Return phase and bottleneck of a run whose rows are not in the queue yet."""
    seeds = [step for step in seen.steps if step.role == "seed"]
    if any(step.status in ("Failed", "Canceled") for step in seeds):
        return "seeding", "its seed has failed; its teardown ends the run"
    if any(fields.get("role") == "seed" for _, _, fields in seen.beats) or seen.azure is None:
        return "seeding", ""
    if any(step.status == "Preparing" for step in seeds):
        return "preparing image", "the first time it takes minutes"
    if any(step.is_at_work for step in seeds):
        return "seeding", ""
    return "waiting for a node", f"of {seen.azure.seed_cluster or seen.azure.control_cluster}, where its seed runs"


def _working(seen: Seen, look: Look) -> tuple[str, str]:
    """Return phase and bottleneck of a run whose rows are in the queue."""
    progress = look.progress
    nodes = _nodes_text(look)
    teardowns = [step.status for step in seen.steps if step.role == "teardown"]
    if progress.total is not None and progress.done >= progress.total and teardowns == ["Queued"] and seen.azure:
        return "waiting for a node", f"of {seen.azure.control_cluster}, where its teardown runs"
    if progress.phase not in _WITHOUT_WORKERS:
        is_short = look.nodes is not None and look.nodes[0] < look.nodes[1]
        return progress.phase, nodes if is_short and progress.phase in _AT_WORK else ""
    consumes = [step for step in seen.steps if step.role == "consume"]
    waiting = [step for step in consumes if not step.is_over]
    if any(step.is_at_work for step in waiting) or seen.azure is None:
        return progress.phase, ""
    if any(step.status == "Preparing" for step in waiting):
        return "preparing image", "the first time it takes minutes"
    if consumes and not waiting:
        return "waiting for workers", "each of its consumers has ended"
    errors = [cluster.error for cluster in look.clusters if _QUOTA.search(cluster.error)]
    if errors:
        return "waiting for quota", f"{nodes}: {errors[0]}" if nodes else errors[0]
    return "waiting for nodes", nodes


def _nodes_text(look: Look) -> str:
    if look.nodes is None:
        return ""
    coming = sum(cluster.coming for cluster in look.clusters)
    up, wanted = look.nodes
    return f"nodes {up:,}/{wanted:,} up{f', {coming:,} being prepared' if coming else ''}"


def _cluster(compute: ComputeFacts) -> ClusterLook:
    states = compute.node_states
    return ClusterLook(
        name=compute.name,
        location=compute.location,
        state=compute.state,
        up=sum(states.get(name, 0) for name in _UP),
        coming=sum(states.get(name, 0) for name in _COMING),
        wanted=compute.max_nodes,
        error="; ".join(compute.errors),
    )


def _preempted(seen: Seen) -> int:
    told = sum(1 for step in seen.steps if step.role == "consume" and _PREEMPTED.search(step.error))
    return max(told, sum(compute.node_states.get("preempted", 0) for compute in seen.computes))


def _failed_steps(seen: Seen) -> list[StepFacts]:
    """Return the steps that failed by themselves, seed and teardown first; preempted ones are counted elsewhere."""
    failed = [step for step in seen.steps if step.status == "Failed" and not _PREEMPTED.search(step.error)]
    return sorted(failed, key=lambda step: step.role == "consume")


def _warnings(seen: Seen, look: Look) -> list[str]:
    found = list(seen.refused)
    for cluster in look.clusters:
        if cluster.state == "Failed":
            found.append(f"cluster {cluster.name} could not be made: {cluster.error or 'Azure does not say why'}")
        elif cluster.error:
            found.append(f"cluster {cluster.name}: {cluster.error}")
    broken = _one_line(look.progress.broken)
    if broken and broken not in look.bottleneck:
        found.append(f"a consumer cannot work: {broken}")
    if _is_deserted(seen, look):
        found.append(f"no consumer is at work: `hyperscale submit --join {seen.run_id} --workers N` adds some")
    found += _failure_lines(seen, f"{look.bottleneck}\n{broken}")
    if seen.image_log:
        found.append("\n  ".join(["the last lines of its image build:", *seen.image_log]))
    if look.left:
        found.append(f"the run is over, and still holds quota: {', '.join(look.left)}")
    return found


def _failure_lines(seen: Seen, said: str) -> list[str]:
    """Return a sentence for each reason why steps failed, but for those that `said` tells already."""
    reasons: dict[str, list[StepFacts]] = {}
    for step in _failed_steps(seen):
        # A teardown is red when rows are missing: the results tell of those. A gate is when its run has ended before.
        is_told = step.role == "teardown" and seen.results and not has_own_words(step)
        if is_told or (step.role == "gate" and (seen.results or seen.cancel)):
            continue
        reasons.setdefault(_said(step), []).append(step)
    told = [(reason, steps) for reason, steps in reasons.items() if reason.partition(" (hint: ")[0] not in said]
    # While steps go on failing, the sentence stays the same: whoever watches is told once.
    lines = [
        f"step {steps[0].name}{_and_others(len(steps), is_final=seen.is_over)} failed: {reason}"
        for reason, steps in told[:SHOWN_STEPS]
    ]
    rest = sum(len(steps) for _, steps in told[SHOWN_STEPS:])
    return [*lines, *([f"and {counted(rest, 'more step')} failed"] if rest else [])]


def _and_others(steps: int, *, is_final: bool) -> str:
    if steps == 1:
        return ""
    return f" and {counted(steps - 1, 'other step')}" if is_final else " and others"


def _is_deserted(seen: Seen, look: Look) -> bool:
    """Return whether rows wait, consumers have been there, and none is there any more that could take them."""
    if seen.azure is None or seen.is_over or not seen.seeded or seen.cancel is not None:
        return False
    consumers = [step for step in seen.steps if step.role == "consume"]
    has_worked = any(fields.get("role") == "consume" for _, _, fields in seen.beats)
    is_done = look.progress.total is not None and look.progress.done >= look.progress.total
    return has_worked and not is_done and bool(consumers) and not any(step.is_at_work for step in consumers)


def _said(step: StepFacts) -> str:
    return reason_of(step) or "Azure ML does not say why"


def _one_line(text: str) -> str:
    return " ".join(text.split())
