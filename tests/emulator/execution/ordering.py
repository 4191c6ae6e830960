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
    continues_on_failure: bool,
    is_cancelled: bool,
) -> Decision:
    """Return what happens next.

    A step whose need failed stays NotStarted for ever: it is not executed, and nobody calls it failed (assumed:
    azure-sdk-for-python issue 29596 says no more).

    Args:
        needs: step to the steps whose outputs it reads.
        statuses: of every step, in the service's words.
        continues_on_failure: the pipeline's setting continue_on_step_failure.
        is_cancelled: somebody asked for the end of the job.
    """
    live = tuple(step for step, status in statuses.items() if status not in FINAL and status != NOT_STARTED)
    failed = any(status in ("Failed", "Canceled") for status in statuses.values())
    if is_cancelled or (failed and not continues_on_failure):
        waiting = tuple(step for step, status in statuses.items() if status == NOT_STARTED)
        ending = "Canceled" if is_cancelled else "Failed"
        return Decision(stop=live + waiting, ending=None if live or waiting else ending)
    start = tuple(
        step
        for step, status in statuses.items()
        if status == NOT_STARTED and all(statuses[need] == "Completed" for need in needs[step])
    )
    if start or live:
        return Decision(start=start)
    return Decision(ending="Failed" if failed else "Completed")
