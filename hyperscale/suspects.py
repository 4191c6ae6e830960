"""Finds the row that kills its consumers: a message that keeps losing them is tried in ever smaller slices (rule 19).

A message that was delivered before without progress is suspect. An update announces how many of its first rows are
tried before they run; when that consumer is lost too, an eighth of them is tried next. A row that was tried alone and
lost its consumer MAX_LOSSES times in a row fails as poison, and the rest goes on. 900 rows: at most 6 deaths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperscale.failures import Failure

#: Consumers that one row may lose, tried alone and one after the other, before it fails as poison.
MAX_LOSSES = 3
#: A slice that lost its consumer is cut to this part; the first one is this part of all rows.
_CUT = 8


@dataclass(frozen=True)
class Trial:
    """What is announced before the rows of a suspect run.

    Attributes:
        rows: so many of the first remaining rows are tried.
        lost: so many rows went down together and are not through yet.
        losses: starts of these rows without progress, the announced one included; 0 after progress.
    """

    rows: int
    lost: int
    losses: int


@dataclass(frozen=True)
class Poison:
    """The first remaining row has failed; the rest is tried as `then` says."""

    then: Trial


def on_receive(*, deliveries: int, saved_deliveries: int, rows: int, trial: Trial | None) -> Trial | Poison | None:
    """Return how a message that was just received is run; None: as any other.

    Args:
        deliveries: how often it was received, this time included.
        saved_deliveries: how often it had been when it last made progress.
        rows: that remain.
        trial: the last announcement, if it is a suspect.
    """
    if trial is None:
        if deliveries - saved_deliveries <= 1 or not rows:
            return None
        return Trial(max(1, rows // _CUT), rows, 1)
    if trial.rows == 1 and trial.losses >= MAX_LOSSES:
        return Poison(Trial(1, 0, 1))
    if trial.losses and trial.rows > 1:
        return Trial(max(1, trial.rows // _CUT), trial.rows, 1)
    return Trial(trial.rows, trial.lost, trial.losses + 1)


def after_slice(trial: Trial) -> Trial:
    """Return what is tried next when all rows of a slice are through.

    As many again until the rows that were lost together are through, then twice as many.
    """
    lost = max(0, trial.lost - trial.rows)
    return Trial(trial.rows if lost else 2 * trial.rows, lost, 1)


def may_be_tried(losses: int, others: Sequence[int]) -> bool:
    """Return whether a consumer may try a suspect beside the others that it tries.

    Only those that were not lost in a trial before: else the row that kills the consumer would be held against the
    rows of the others, too, until they failed with it.

    Args:
        losses: of the trial to be announced.
        others: the same of those that were announced.
    """
    return not others or max(losses, *others) <= 1


def poison_failure() -> Failure:
    """Return why a row that keeps killing its consumers has failed."""
    message = f"it was tried alone, and its consumer was lost {MAX_LOSSES} times in a row (out of memory on the node?)"
    return Failure("poison", "Poison", message)
