"""Which steps of a pipeline start, and which never will. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: A step in one of these does nothing any more.
FINAL = frozenset({"Completed", "Failed", "Canceled"})
NOT_STARTED = "NotStarted"
#: What a job is at first; its steps are NotStarted then.
PREPARING = "Preparing"


@dataclass(frozen=True)
class Decision:
    """What happens next in a pipeline.

    Attributes:
        start: steps that are handed to their compute.
        stop: steps that are cancelled.
        ending: status of the whole job when nothing is left to do; None while there is.
    """

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    ending: str | None = None


def decide(
    needs: Mapping[str, Collection[str]],
    statuses: Mapping[str, str],
    *,
    optional_needs: Mapping[str, Collection[str]] | None = None,
    continues_on_failure: bool,
    is_cancelled: bool,
) -> Decision:
    """Return what happens next.

    A step that needs a failed one by a required input is never executed. It stays NotStarted for ever, and nobody
    calls it failed (assumed: azure-sdk-for-python issue 29596 says no more). A step that names the failed one in
    optional inputs only is executed without them: recorded pipelines have the property
    `azureml.continue_on_failed_optional_input: "True"` (azure-sdk-for-python, recordings of pipeline jobs of 2022 and
    2023), which nobody set.

    Args:
        needs: step to the steps whose outputs it reads.
        statuses: of every step, in the service's words.
        optional_needs: step to those of its needs that only optional inputs name; None: nobody has any.
        continues_on_failure: the pipeline's setting continue_on_step_failure.
        is_cancelled: somebody asked for the end of the job.
    """
    live = tuple(step for step, status in statuses.items() if status not in FINAL and status != NOT_STARTED)
    failed = any(status in ("Failed", "Canceled") for status in statuses.values())
    if is_cancelled or (failed and not continues_on_failure):
        waiting = tuple(step for step, status in statuses.items() if status == NOT_STARTED)
        ending = "Canceled" if is_cancelled else "Failed"
        return Decision(stop=live + waiting, ending=None if live or waiting else ending)
    never = _never_executed(needs, statuses, optional_needs or {})
    start = tuple(
        step
        for step, status in statuses.items()
        if status == NOT_STARTED
        and step not in never
        and all(statuses[need] in FINAL or need in never for need in needs[step])
    )
    if start or live:
        return Decision(start=start)
    return Decision(ending="Failed" if failed else "Completed")


def _never_executed(
    needs: Mapping[str, Collection[str]],
    statuses: Mapping[str, str],
    optional_needs: Mapping[str, Collection[str]],
) -> frozenset[str]:
    """Return the steps that never begin: one that they need by a required input has no output to give."""
    without_output = {step for step, status in statuses.items() if status in ("Failed", "Canceled")}
    never: set[str] = set()
    while found := {
        step
        for step, status in statuses.items()
        if status == NOT_STARTED
        and step not in never
        and (set(needs[step]) - set(optional_needs.get(step, ()))) & (without_output | never)
    }:
        never |= found
    return frozenset(never)
