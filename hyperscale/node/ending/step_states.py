"""What the states of a run's jobs on Azure ML tell teardown that no heartbeat does: who will never be heard of."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hyperscale.node.azure.workspace_facts import StepFacts

COMPLETED, CANCELLED = "Completed", "Canceled"
#: Failures of nodes and clusters, not of the image: a spare consumer, or another cluster, may do better. Azure has no
#: list of these words; what is not among them counts as the image's, and one that is costs a wait, no rows.
_OF_THE_NODE = re.compile(r"pre-?empt|evict|quota|allocat|provision|capacity|cluster|compute|unusable", re.IGNORECASE)


def has_ended(role: str, step: str, steps: Sequence[StepFacts]) -> bool:
    """Return whether Azure ML says that a process is gone, whatever its last heartbeat said.

    Args:
        role: of the process: seed or consume.
        step: the job that it is; empty when it did not say.
        steps: of the run, as far as they are seen.
    """
    if role == "seed":
        seeds = [found for found in steps if found.role == "seed"]
        return bool(seeds) and all(found.is_over for found in seeds)
    return bool(step) and any(found.is_over for found in steps if found.run_id == step)


def seed_failure(steps: Sequence[StepFacts]) -> str | None:
    """Return why the seed's step ended before its time; None while it may still seal, or where it is not seen."""
    seeds = [step for step in steps if step.role == "seed"]
    if not seeds or any(not step.is_over or step.status == COMPLETED for step in seeds):
        return None
    newest = seeds[-1]
    if newest.error:
        return newest.error
    return "the step seed was cancelled" if newest.status == CANCELLED else "the step seed failed; see its logs"


def never_started(steps: Sequence[StepFacts], heard: Collection[str]) -> list[str]:
    """Return why consume steps failed that were never heard of, and not for the fault of a node.

    Args:
        steps: of the run, as far as they are seen.
        heard: the steps that heartbeats are of. Where a heartbeat does not name its step, nothing can be said.
    """
    if "" in heard:
        return []
    failed = [step for step in _consumes(steps) if step.is_over and step.status not in (COMPLETED, CANCELLED)]
    return [
        step.error or f"the step {step.name} failed before its first heartbeat; see its logs"
        for step in failed
        if step.run_id not in heard and not _OF_THE_NODE.search(step.error)
    ]


def all_over(steps: Sequence[StepFacts], consumers: int) -> str | None:
    """Return in words that all consume steps are over; None while one of them may still do something.

    Args:
        steps: of the run, as far as they are seen.
        consumers: how many were planned: a step may not be there yet.
    """
    consumes = _consumes(steps)
    if len(consumes) < consumers or not all(step.is_over for step in consumes):
        return None
    errors = [step.error for step in consumes if step.error]
    why = f", {len(errors):,} of them with an error such as: {errors[0]}" if errors else ""
    return f"all {len(consumes):,} consume steps are over{why}"


def may_come(steps: Sequence[StepFacts]) -> bool:
    """Return whether a consume step is seen that is not over."""
    return any(not step.is_over for step in _consumes(steps))


def _consumes(steps: Sequence[StepFacts]) -> list[StepFacts]:
    return [step for step in steps if step.role == "consume"]
