"""Deletes the clusters that a run owns, until each is gone, and no others, ever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from hyperscale.errors import AzureError, TeardownError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.ownership import Claim, why_not_owned
from hyperscale.tempo import at_tempo

#: How long the clusters of a run may take to go: Azure ML needs about five minutes for one.
TOTAL_SECONDS = 20 * 60.0
#: A deletion that has failed is asked for again after this, and then after twice as long each time.
FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 120.0
#: They are looked at so often: soon while they may be gone quickly, then seldom.
FIRST_LOOK_SECONDS = 2.0
LONGEST_LOOK_SECONDS = 15.0
#: So many times of "you may not", and it is believed: roles that were just assigned take a while to work.
MOST_FORBIDDEN = 4
DELETING = "Deleting"
THREADS = 8

logger = logging.getLogger(__name__)


class Computes(Protocol):
    """The computes of a workspace; `Workspace` is one."""

    def compute(self, name: str) -> ComputeFacts | None:
        """Return a compute, or None when there is none of that name."""

    def delete_compute(self, name: str) -> None:
        """Have a compute deleted; returns when Azure has agreed to."""


@dataclass(frozen=True)
class Deletion:
    """How far the deletion of one cluster has come.

    Attributes:
        name: of the cluster.
        state: open, gone, foreign (not the run's to delete) or given_up.
        asked: how often Azure was asked to delete it.
        ask_at: when it is asked (again), by the caller's clock.
        forbidden: how often Azure said that we may not.
        problem: why it is not gone yet, as far as Azure said; of a foreign one, why it is not the run's.
    """

    name: str
    state: Literal["open", "gone", "foreign", "given_up"] = "open"
    asked: int = 0
    ask_at: float = 0.0
    forbidden: int = 0
    problem: str = ""

    def __str__(self) -> str:
        """Return the cluster, and why it is not gone yet, for people."""
        return f"{self.name} ({self.problem or 'Azure is still deleting it'})"


@dataclass(frozen=True)
class Deleted:
    """What became of the clusters of a run.

    Attributes:
        gone: names of those that are not there (any more).
        foreign: those that stay because they are not the run's, whatever its record says.
        left: those that are still there, although they are the run's.
    """

    gone: tuple[str, ...] = ()
    foreign: tuple[Deletion, ...] = ()
    left: tuple[Deletion, ...] = ()


def after_look(deletion: Deletion, seen: ComputeFacts | None, claim: Claim) -> Deletion:
    """Return how far a deletion has come, by what Azure says of the cluster now."""
    if seen is None:
        return replace(deletion, state="gone", problem="")
    refused = why_not_owned(claim, seen.name, seen.tags)
    if refused:
        return replace(deletion, state="foreign", problem=refused)
    if deletion.asked and seen.state != DELETING and seen.errors:
        return replace(deletion, problem="; ".join(seen.errors))
    return deletion


def is_to_be_asked(deletion: Deletion, state: str, now: float) -> bool:
    """Return whether Azure is asked now to delete a cluster that is in `state`."""
    return deletion.state == "open" and state != DELETING and now >= deletion.ask_at


def after_asking(deletion: Deletion, now: float) -> Deletion:
    """Return the deletion after Azure was asked, whatever it has answered; the next time is later each time."""
    wait_seconds = min(FIRST_WAIT_SECONDS * 2**deletion.asked, LONGEST_WAIT_SECONDS)
    return replace(deletion, asked=deletion.asked + 1, ask_at=now + at_tempo(wait_seconds))


def after_refusal(deletion: Deletion, problem: str, status: int | None) -> Deletion:
    """Return the deletion after Azure has refused a request for it, or not answered (`status` None)."""
    forbidden = deletion.forbidden + (status in (401, 403))
    state: Literal["open", "given_up"] = "given_up" if forbidden >= MOST_FORBIDDEN else "open"
    return replace(deletion, state=state, forbidden=forbidden, problem=problem)


class Deletions:
    """The deletion of some clusters that go on side by side."""

    def __init__(self, computes: Computes, claim: Claim, *, undecided: Sequence[str] = (), why: str = "") -> None:
        """Prepare to delete those of the clusters that `claim` names which are its run's; nothing is asked yet.

        Args:
            computes: are asked.
            claim: of the run.
            undecided: names of further clusters that are left, because it is not known whether they may go.
            why: that is not known.
        """
        self._computes, self._claim = computes, claim
        self._deletions = [
            *(Deletion(name) for name in claim.clusters),
            *(Deletion(name, state="given_up", problem=why) for name in undecided),
        ]

    def ask(self, now: float) -> None:
        """Look at every cluster once, and ask for the deletion of those for which it is time."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="cluster") as pool:
            self._deletions = list(pool.map(lambda deletion: self._visit(deletion, now), self._deletions))

    def finish(
        self,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        total_seconds: float = TOTAL_SECONDS,
    ) -> Deleted:
        """Ask until nothing more can be done, or `total_seconds` are over; return what has become of the clusters."""
        until, look_seconds = clock() + total_seconds, FIRST_LOOK_SECONDS
        self.ask(clock())
        while any(deletion.state == "open" for deletion in self._deletions) and clock() < until:
            wait(at_tempo(look_seconds))
            look_seconds = min(look_seconds * 1.5, LONGEST_LOOK_SECONDS)
            self.ask(clock())
        return self._result()

    def _result(self) -> Deleted:
        def those(*states: str) -> tuple[Deletion, ...]:
            return tuple(deletion for deletion in self._deletions if deletion.state in states)

        gone = tuple(deletion.name for deletion in those("gone"))
        return Deleted(gone, those("foreign"), those("open", "given_up"))

    def _visit(self, deletion: Deletion, now: float) -> Deletion:
        if deletion.state != "open":
            return deletion
        try:
            seen = self._computes.compute(deletion.name)
            deletion = after_look(deletion, seen, self._claim)
            if seen is None or not is_to_be_asked(deletion, seen.state, now):
                return deletion
            if deletion.asked:
                logger.warning("cluster %s is still there, it is deleted again: %s", deletion.name, deletion.problem)
            deletion = after_asking(deletion, now)
            self._computes.delete_compute(deletion.name)
        except AzureError as error:
            logger.warning("cluster %s: %s", deletion.name, error)
            return after_refusal(deletion, str(error), error.status if isinstance(error, RefusedError) else None)
        return deletion


def delete_clusters(
    computes: Computes,
    claim: Claim,
    *,
    clock: Callable[[], float],
    wait: Callable[[float], None],
    total_seconds: float = TOTAL_SECONDS,
) -> Deleted:
    """Delete the clusters that `claim` names, as far as they are its run's, and wait until they are gone.

    Args:
        computes: of its workspace.
        claim: of the run.
        clock: returns seconds.
        wait: waits so many seconds.
        total_seconds: after that, what is still there is given up.
    """
    return Deletions(computes, claim).finish(clock=clock, wait=wait, total_seconds=total_seconds)


def check_deleted(deleted: Deleted, run_id: str) -> None:
    """Raise unless all clusters of the run are gone.

    Raises:
        TeardownError: when some are still there; it names each one and what Azure said of it.
    """
    if not deleted.left:
        return
    said = "; ".join(map(str, deleted.left))
    raise TeardownError(
        f"clusters of run {run_id} could not be deleted, and still hold quota: {said}",
        hint=f"`hyperscale teardown {run_id}` deletes what is left",
    )
