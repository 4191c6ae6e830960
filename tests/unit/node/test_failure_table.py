"""A failed row in the table of failures."""

from hyperscale.node.collecting.failure_table import failure_row


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

    row = failure_row(outcome, "k3", "ab12cd34")

    assert row == [
        *[3, "k3", 2, "WorkerKilled", "the worker was killed", "killed", None, 9, "a\nb", "c-1", "loading", "ab12cd34"]
    ]
