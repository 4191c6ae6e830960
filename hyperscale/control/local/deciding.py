"""What a run on this machine does next: out of the states of its steps and the wishes to stop; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hyperscale.control.rendered.bindings import State, next_steps

SEED = "seed"
TEARDOWN = "teardown"


@dataclass(frozen=True)
class Decision:
    """What happens next.

    Attributes:
        start: jobs that are started.
        skip: jobs that never will be.
        stop: jobs that are asked to end in good order.
        kill: whether everything ends at once.
        cancel: why teardown need not wait any longer: seed_failed, steps_over, or "".
        alone: whether teardown is the last process of the run.
    """

    start: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    kill: bool = False
    cancel: str = ""
    alone: bool = False


def decide(needs: Mapping[str, Collection[str]], states: Mapping[str, State], stop_requests: int) -> Decision:
    """Return what happens next.

    Args:
        needs: job to the jobs whose outputs it reads.
        states: of every job.
        stop_requests: how often the user asked to stop.
    """
    running = [job for job, state in states.items() if state == "running"]
    waiting = tuple(job for job, state in states.items() if state == "waiting")
    others = tuple(job for job in running if job != TEARDOWN)
    if stop_requests > 1:
        return Decision(skip=waiting, kill=True)
    alone = running == [TEARDOWN]
    if stop_requests:
        # Teardown ends by the marker, after the consumers: what they still write belongs into its seal.
        return Decision(skip=waiting, stop=others, alone=alone)
    if states.get(TEARDOWN) in ("succeeded", "failed"):
        return Decision(skip=waiting, stop=others)
    start, skip = next_steps(needs, states)
    cancel = ""
    if TEARDOWN in running and states.get(SEED) == "failed":
        cancel = "seed_failed"
    elif alone and not waiting:
        cancel = "steps_over"
    return Decision(start=start, skip=skip, cancel=cancel, alone=alone and not start)
