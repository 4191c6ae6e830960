"""Failures grouped by their reason."""

from typing import Any

from hyperscale.node.failure_table import KEPT_GROUPS, SHOWN_GROUPS, FailureGroup, FailureGroups, failure_row


def failure(message: str, error: str = "ValueError", frames: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"kind": "raised", "type": error, "message": message, "frames": list(frames)}


def test_failures_that_differ_in_numbers_alone_are_one_group() -> None:
    groups = FailureGroups()

    groups.add(4, failure("depth 12 is odd, object at 0x7fA0", frames=("a.py:1 fit: g()", "a.py:9 g: raise")))
    groups.add(7, failure("depth 3 is odd, object at 0x7fb1", frames=("a.py:1 fit: h()",)))

    assert groups.largest() == (
        FailureGroup("ValueError", "depth # is odd, object at #", 2, 4, "raised", "a.py:9 g: raise"),
    )


def test_a_message_that_all_rows_of_a_group_share_keeps_its_numbers() -> None:
    groups = FailureGroups()

    for row_index in (2, 3, 5):
        groups.add(row_index, failure("[Errno 28] No space left on device", error="OSError"))

    assert groups.largest()[0].message == "[Errno 28] No space left on device"


def test_the_largest_groups_come_first_and_few_are_shown() -> None:
    groups = FailureGroups()

    for row_index in range(30):
        groups.add(row_index, failure("m", error=f"Error{row_index % 15}"))
    groups.add(30, failure("m", error="Error9"))
    found = groups.largest()

    assert len(found) == SHOWN_GROUPS
    assert [(group.type, group.rows) for group in found[:3]] == [("Error9", 3), ("Error0", 2), ("Error1", 2)]


def test_memory_has_an_end_where_each_message_is_another() -> None:
    groups = FailureGroups()

    for row_index in range(KEPT_GROUPS):
        groups.add(row_index, failure("x" * (row_index % 290) + "y" * (row_index // 290)))
    for row_index in range(5):
        groups.add(KEPT_GROUPS + row_index, failure("one more reason"))

    assert groups.largest()[0].rows == 1


def test_a_failed_row_is_told_with_all_that_is_known() -> None:
    outcome = {
        "row_index": 3,
        "attempts": 2,
        "consumer": "c-1",
        "failure": {
            "kind": "killed",
            "type": "WorkerKilled",
            "message": "the worker was killed",
            "frames": ["a", "b"],
            "exit_code": None,
            "signal": 9,
            "last_output": "loading",
        },
    }

    row = failure_row(outcome, "k3")

    assert row == [3, "k3", 2, "WorkerKilled", "the worker was killed", "killed", None, 9, "a\nb", "c-1", "loading"]
