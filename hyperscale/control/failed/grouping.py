"""Groups the failed rows of a run by the signatures of their failures, each group with some of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hyperscale.control.failed.choosing import check_signatures
from hyperscale.control.failed.failed_rows import FailedRow
from hyperscale.node.collecting.failure_groups import FailureGroup, FailureGroups
from hyperscale.where import Where

#: So many groups are shown.
SHOWN_GROUPS = 20


@dataclass(frozen=True)
class FailedGroup:
    """Rows that failed for the same reason.

    Attributes:
        group: what they have in common.
        samples: up to three of them, in order: the first, one from the middle, and the last.
    """

    group: FailureGroup
    samples: tuple[FailedRow, ...]


@dataclass(frozen=True)
class FailedGroups:
    """The failed rows of a run, or those of them that were asked for.

    Attributes:
        groups: the largest ones, the largest first.
        rows: how many there are.
        more_groups: groups that are not among `groups`; at least, where there are very many.
    """

    groups: tuple[FailedGroup, ...]
    rows: int
    more_groups: int

    @property
    def more_rows(self) -> int:
        """Return how many rows are in none of the groups shown."""
        return self.rows - sum(found.group.rows for found in self.groups)


def group_failures(rows: Iterable[FailedRow], where: Where, shown: int = SHOWN_GROUPS) -> FailedGroups:
    """Return the largest groups of the failed rows that `where` means.

    Args:
        rows: are gone through twice: first they are counted, then samples are taken.
        where: which of them.
        shown: so many groups at most.

    Raises:
        ExperimentError: when a signature of `where` is none of these failures', or is that of several.
    """
    known, meant = FailureGroups(), FailureGroups()
    for row in rows:
        signature = known.add(row.row_index, row.failure)
        if where != Where() and where.takes_row(row.row_index, row.key) and where.takes_failure(row.failure, signature):
            meant.add(row.row_index, row.failure)
    check_signatures(where, known)
    groups = known if where == Where() else meant
    largest = groups.largest(shown)
    samples = _rows(rows, {row_index for group in largest for row_index in _samples(group)})
    found = (FailedGroup(group, tuple(samples[row_index] for row_index in _samples(group))) for group in largest)
    return FailedGroups(tuple(found), groups.rows, groups.known - len(largest))


def _samples(group: FailureGroup) -> list[int]:
    return sorted({group.first_row_index, group.middle_row_index, group.last_row_index})


def _rows(rows: Iterable[FailedRow], wanted: Collection[int]) -> dict[int, FailedRow]:
    found: dict[int, FailedRow] = {}
    for row in rows:
        if row.row_index in wanted:
            found[row.row_index] = row
            if len(found) == len(wanted):
                break
    return found
