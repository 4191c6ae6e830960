"""What the states of a run's jobs on Azure ML tell teardown that no heartbeat does: who will never be heard of."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from hyperscale.cost import CONSUMER_START_SECONDS, CONTROL_START_SECONDS
from hyperscale.node.azure.workspace_facts import StepFacts

COMPLETED, CANCELLED = "Completed", "Canceled"
#: Failures of nodes and clusters, not of the image: a spare consumer, or another cluster, may do better. Azure has no
#: list of these words; what is not among them counts as the image's, and one that is costs a wait, no rows.
_OF_THE_NODE = re.compile(r"pre-?empt|evict|quota|allocat|provision|capacity|cluster|compute|unusable", re.IGNORECASE)
#: Azure ML repeats the end of a step's log behind these words: its process had started, and ended by itself.
_OF_THE_PROCESS = re.compile(r"exited with status code (-?\d+).*?(?:\bError: |\Z)", re.DOTALL)
#: A process that is killed (128 + SIGKILL, SIGTERM) may be so because its node goes.
_KILLED = ("137", "143", "-9", "-15")
#: What each of our steps prints when it fails, perhaps over several lines, with what to do behind it.
_OURS = re.compile(
    r"(?:^|(?<=\bError: ))error: (.+(?:\n(?![ \t]*hint: )[ \t]+\S.*)*)(?:\n[ \t]*hint: (.*))?", re.MULTILINE
)
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+ +[A-Z]+ ")
_LONGEST_REASON = 300


def reason_of(step: StepFacts) -> str:
    """Return in one line why a step failed, with what to do: what it said itself, else what Azure ML says.

    Returns:
        At most 300 characters of it; empty when nobody says why.
    """
    ours = [*_OURS.finditer(step.error)]
    if ours:
        said, hint = ours[-1].groups()
        return _one_line(f"{said} (hint: {hint})" if hint else said)
    process = _OF_THE_PROCESS.search(step.error)
    log = step.error[process.end() :].splitlines() if process else []
    last = next((line for line in reversed(log) if line.strip()), "")
    if last and not _LOG_LINE.match(last):
        return _one_line(last)
    return _one_line(step.error[: process.end()] if process else step.error)


def has_own_words(step: StepFacts) -> bool:
    """Return whether a step that failed has said itself why."""
    return _OURS.search(step.error) is not None


def is_of_the_node(step: StepFacts) -> bool:
    """Return whether a step failed for the fault of its node or cluster: another one may do better."""
    process = _OF_THE_PROCESS.search(step.error)
    has_ended_itself = process is not None and process[1] not in _KILLED
    return bool(_OF_THE_NODE.search(step.error)) and not _OURS.search(step.error) and not has_ended_itself


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
        return reason_of(newest)
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
        reason_of(step) or f"the step {step.name} failed before its first heartbeat; see its logs"
        for step in failed
        if step.run_id not in heard and not is_of_the_node(step)
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
    errors = [reason_of(step) for step in consumes if step.error]
    why = f", {len(errors):,} of them with an error such as: {errors[0]}" if errors else ""
    return f"all {len(consumes):,} consume steps are over{why}"


def may_come(steps: Sequence[StepFacts]) -> bool:
    """Return whether a consume step is seen that is not over."""
    return any(not step.is_over for step in _consumes(steps))


def start_seconds(steps: Sequence[StepFacts], beats: Iterable[Mapping[str, Any]], now: float) -> dict[str, float]:
    """Return for how long steps were starting on their nodes before their processes were heard of: paid for, too.

    A consumer that was never heard of was starting until its step ended.

    Args:
        steps: of the run, as far as they are seen.
        beats: fields of heartbeats.
        now: Unix seconds.

    Returns:
        Fields of teardown's heartbeat, as `hyperscale.cost` reads them.
    """
    heard: dict[str, float] = {}
    for fields in beats:
        # Seed and teardown do not say which step they are: there is one of each.
        name = str(fields.get("step") or fields.get("role"))
        heard[name] = min(heard.get(name, math.inf), float(fields.get("started_at") or 0))
    found = {CONSUMER_START_SECONDS: 0.0, CONTROL_START_SECONDS: 0.0}
    for step in steps:
        if step.started_at is not None:
            is_consumer = step.role == "consume"
            until = heard.get(step.run_id if is_consumer else step.role, step.ended_at or now)
            kind = CONSUMER_START_SECONDS if is_consumer else CONTROL_START_SECONDS
            found[kind] = round(found[kind] + max(0.0, until - step.started_at), 3)
    return found


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."


def _consumes(steps: Sequence[StepFacts]) -> list[StepFacts]:
    return [step for step in steps if step.role == "consume"]
