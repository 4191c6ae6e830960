"""Checks what stands beside `input.group_by`: what a group can be given to, and that each fits its message."""

from __future__ import annotations

from collections.abc import Iterator

from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.schema_messages import shown
from hyperscale.errors import ExperimentError, Problem
from hyperscale.figures import counted
from hyperscale.node.reading.grouped_rows import GroupBytes
from hyperscale.node.seeding.stored_rows import MAX_ROW_BYTES

#: So many groups that are too large are told one by one.
MAX_SHOWN_GROUPS = 20


def group_problems(loaded: LoadedExperiment) -> Iterator[Problem]:
    """Yield what of the activity does not go with groups."""
    source, activity = loaded.experiment.input, loaded.experiment.activity
    if not source.group_by:
        return
    if activity.rows_per_call > 1:
        message = f"a group is one call (input.group_by), activity.rows_per_call is {activity.rows_per_call}; remove it"
        yield loaded.positions.problem(("activity", "rows_per_call"), message)
    if activity.command is not None:
        message = "a command is run for one row at a time, and input.group_by makes groups; name a function: entry"
        yield loaded.positions.problem(("activity", "command"), message)


def refuse_large_groups(loaded: LoadedExperiment, groups: GroupBytes | None) -> None:
    """See that each group fits what a row may take.

    Raises:
        ExperimentError: when one is too large; carries the first of them, with their values.
    """
    large = list(groups.above(MAX_ROW_BYTES)) if groups else []
    if not large:
        return
    problems = [
        loaded.positions.problem(
            ("input", "group_by"),
            f"the group {', '.join(f'{name}={shown(value)}' for name, value in values.items())} takes {size:,} bytes, "
            f"{MAX_ROW_BYTES:,} are allowed: group by one more column, or keep large values in files",
        )
        for values, size in large[:MAX_SHOWN_GROUPS]
    ]
    are = "is" if len(large) == 1 else "are"
    where = loaded.experiment.input.place
    raise ExperimentError(f"{counted(len(large), 'group')} of {where} {are} too large", problems=problems)
