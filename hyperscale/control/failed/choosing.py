"""Checks that the signatures of `--where` are those of failures that a run has."""

from __future__ import annotations

from collections.abc import Collection

from hyperscale.control.terminal_text import in_one_line
from hyperscale.errors import ExperimentError
from hyperscale.figures import counted
from hyperscale.node.collecting.failure_groups import FailureGroup, FailureGroups
from hyperscale.where import Where

#: An error message offers so many.
OFFERED = 5
#: Of a message, it shows so much.
_MAX_MESSAGE = 60


def check_signatures(where: Where, groups: FailureGroups) -> None:
    """See that each signature of `where` means one of the groups; where no row failed, there is nothing to mean.

    Raises:
        ExperimentError: when one of them means none, or several.
    """
    known = groups.largest(groups.known)
    for beginning in sorted(where.signatures) if known else ():
        meant = [group for group in known if group.signature.startswith(beginning)]
        if not meant:
            raise ExperimentError(
                f"--where signature={beginning}: no failed row has that signature", hint=f"there are: {_offer(known)}"
            )
        if len(meant) > 1:
            raise ExperimentError(
                f"--where signature={beginning}: {len(meant):,} signatures begin so",
                hint=f"give more of the one that is meant: {_offer(meant)}",
            )


def _offer(groups: Collection[FailureGroup]) -> str:
    offered = [_named(group) for group in list(groups)[:OFFERED]]
    left = len(groups) - len(offered)
    return "; ".join([*offered, *([f"and {left:,} more"] if left else [])])


def _named(group: FailureGroup) -> str:
    shown = in_one_line(group.message, _MAX_MESSAGE)
    return f"{group.signature} ({counted(group.rows, 'row')}, {group.type}{': ' if shown else ''}{shown})"
