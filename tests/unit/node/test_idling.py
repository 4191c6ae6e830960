"""A consumer that finds nothing looks often at first, and then twice a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.node.consuming.idling import asks_for_depth, seconds_to_next_look
from hyperscale.node.consuming.intake import Intake
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore


@pytest.mark.parametrize(
    ("empty_looks", "poll_seconds", "wait", "asks"),
    [
        (1, 30.0, 0.5, True),
        (2, 30.0, 1.0, True),
        (6, 30.0, 16.0, True),
        (7, 30.0, 30.0, False),
        (10_000, 30.0, 30.0, False),
        (1, 0.05, 0.05, True),
        (10_000, 0.05, 0.05, True),
    ],
)
def test_how_an_idle_consumer_looks(empty_looks: int, poll_seconds: float, wait: float, asks: bool) -> None:
    assert seconds_to_next_look(empty_looks, poll_seconds) == wait
    assert asks_for_depth(empty_looks, poll_seconds) is asks


class Dear(SqliteQueue):
    """A queue whose requests cost something; counts looks at its depth."""

    poll_seconds = 30.0
    depths = 0

    def depth(self) -> int:
        self.depths += 1
        return super().depth()


def test_an_idle_consumer_makes_one_request_a_look_in_the_end(tmp_path: Path) -> None:
    queue = Dear(tmp_path / "queue.sqlite")
    queue.create()
    queue.put("somebody else's")
    queue.receive(1, 600)
    intake = Intake(queue, FolderStore(tmp_path / "run"), lambda _: None, run_id="r", consumer="c", clock=lambda: 0.0)

    depths = [intake.receive(60).depth for _ in range(50)]
    queue.close()

    assert depths == [1] * 50
    assert queue.depths == 6
