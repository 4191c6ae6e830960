"""A consumer that comes too early waits for the rows; one that comes too late leaves at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from finished_runs import seeded

from hyperscale.node.consuming.arriving import await_rows
from hyperscale.node.control import write_cancel
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore


class Arrival:
    """A consumer that arrives; `later` happens while it waits for the third time."""

    def __init__(self, folder: Path, later: Callable[[FolderStore], object] = lambda store: None) -> None:
        self.store = FolderStore(folder)
        self.queue = SqliteQueue(folder / "queue.sqlite")
        self.queue.create()
        self.waited: list[float] = []
        self.told = 0
        self.stop = False
        self._later = later

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        if len(self.waited) == 3:
            self._later(self.store)
        assert len(self.waited) < 10, "it waits for ever"

    def tell(self) -> None:
        self.told += 1

    def has_rows(self) -> bool:
        return await_rows(
            self.queue,
            self.store,
            0,
            look_seconds=7.0,
            stop_requested=lambda: self.stop,
            wait=self.wait,
            tell=self.tell,
        )


@pytest.fixture
def arrive(tmp_path: Path) -> Iterator[Callable[..., Arrival]]:
    """Makes an arrival; its queue is closed after the test."""
    with ExitStack() as opened:

        def new_arrival(*later: Callable[[FolderStore], object]) -> Arrival:
            arrival = Arrival(tmp_path, *later)
            opened.callback(arrival.queue.close)
            return arrival

        yield new_arrival


def test_rows_that_are_there_are_worked_on_at_once(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive()
    seeded(arrival.store, 3)

    assert arrival.has_rows()
    assert (arrival.waited, arrival.told) == ([], 0)


def test_it_waits_for_the_seed_and_says_so(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive(lambda store: seeded(store, 3))

    assert arrival.has_rows()
    assert (arrival.waited, arrival.told) == ([7.0] * 3, 3)


def test_a_run_that_is_cancelled_before_it_was_seeded_has_no_rows(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive(lambda store: write_cancel(store, 0, "seed_failed", "bad row"))

    assert not arrival.has_rows()


def test_a_consumer_that_joins_after_the_end_leaves_at_once(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive()
    seeded(arrival.store, 3)
    write_cancel(arrival.store, 0, "stall", "nobody is there")

    assert not arrival.has_rows()
    assert arrival.waited == []


def test_a_consumer_that_comes_when_all_rows_have_their_outcome_leaves_at_once(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive()
    seeded(arrival.store, 3)
    arrival.queue.remove()

    assert not arrival.has_rows()
    assert arrival.waited == []


def test_who_is_told_to_stop_waits_no_longer(arrive: Callable[..., Arrival]) -> None:
    arrival = arrive()
    arrival.stop = True

    assert not arrival.has_rows()
