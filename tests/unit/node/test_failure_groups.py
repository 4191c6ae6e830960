"""Failures grouped by their signatures."""

from __future__ import annotations

from typing import Any

from hyperscale.node.collecting.failure_groups import SHOWN_GROUPS, FailureGroup, FailureGroups
from hyperscale.signature import signature_of


def failure(message: str, error: str = "ValueError", frames: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"kind": "raised", "type": error, "message": message, "frames": list(frames)}


def words(number: int) -> str:
    """Return a message that differs from that of every other number in its letters."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def test_failures_that_differ_in_numbers_alone_are_one_group() -> None:
    groups = FailureGroups()
    first = failure("depth 12 is odd, object at 0x7fA0", frames=("a.py:1 fit: g()", "a.py:9 g: raise"))

    groups.add(4, first)
    signature = groups.add(
        7, failure("depth 3 is odd, object at 0x7fb1", frames=("a.py:2 fit: g()", "a.py:8 g: raise"))
    )

    assert signature == signature_of(first).id
    assert groups.largest() == (
        FailureGroup(
            signature, "ValueError", "depth # is odd, object at <id>", 2, 4, 4, 7, "raised", "a.py:9 g: raise"
        ),
    )


def test_a_message_that_all_rows_of_a_group_share_keeps_its_numbers() -> None:
    groups = FailureGroups()

    for row_index in (2, 3, 5):
        groups.add(row_index, failure("[Errno 28] No space left on device", error="OSError"))

    assert groups.largest()[0].message == "[Errno 28] No space left on device"


def test_a_group_knows_its_first_row_its_last_one_and_one_between() -> None:
    groups = FailureGroups()
    places = []

    for row_index in (30, 10, 40, 20, 50):  # consumers do not write in the order of rows
        groups.add(row_index, failure("no"))
        (group,) = groups.largest()
        places.append((group.first_row_index, group.middle_row_index, group.last_row_index))

    assert [place[0] for place in places] == [30, 10, 10, 10, 10]
    assert [place[2] for place in places] == [30, 30, 40, 40, 50]
    assert places[-1] == (10, 40, 50)


def test_the_largest_groups_come_first_and_few_are_shown() -> None:
    groups = FailureGroups()

    for row_index in range(30):
        groups.add(row_index, failure("m", error=f"Error{row_index % 15}"))
    groups.add(30, failure("m", error="Error9"))
    found = groups.largest()

    assert len(found) == SHOWN_GROUPS
    assert [(group.type, group.rows) for group in found[:3]] == [("Error9", 3), ("Error0", 2), ("Error1", 2)]


def test_memory_has_an_end_where_each_message_is_another_and_a_common_reason_is_still_found() -> None:
    groups = FailureGroups(kept=100)
    known = []

    for row_index in range(2_000):
        groups.add(row_index, failure(words(row_index)))
        if row_index > 1_000 and row_index % 10 == 0:
            groups.add(5_000 + row_index, failure("the disk is full"))
        known.append(groups.known)

    assert max(known) < 200
    assert (groups.largest()[0].message, groups.largest()[0].rows) == ("the disk is full", 99)
    assert groups.rows == 2_099
