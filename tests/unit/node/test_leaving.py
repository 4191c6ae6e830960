"""When a consumer that finds nothing to do leaves the tail of a run to others."""

from __future__ import annotations

import pytest

from hyperscale.node.consuming.leaving import may_leave

LIVING = ("c-1", "c-2", "c-3")


@pytest.mark.parametrize(
    ("name", "idle_seconds", "depth", "living", "leaves"),
    [
        ("c-3", 120, 2, LIVING, True),
        ("c-3", 119, 2, LIVING, False),
        ("c-3", 120, 3, LIVING, False),
        ("c-2", 120, 2, LIVING, False),
        ("c-2", 120, 1, LIVING, True),
        ("c-1", 999, 1, LIVING, False),
        ("c-3", 120, 1, (), False),
        ("c-4", 120, 1, LIVING, False),
    ],
)
def test_as_many_consumers_stay_as_messages_are_left(name, idle_seconds, depth, living, leaves):
    said = may_leave(name, idle_seconds=idle_seconds, patience_seconds=120, depth=depth, living=living)

    assert said is leaves
