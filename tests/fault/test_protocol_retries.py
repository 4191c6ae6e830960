"""A retry whose parent still has consumers that write, or is resumed: the table stays (protocol.md, section 7, 19)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooked import Line
from run_places import RUN_PLACES, make_run_place
from worlds import MakePlace, Process, World, squares

from hyperscale.node.control import write_cancel

#: Between which steps of the retry the parent's frozen consumer wakes up and writes.
MOMENTS = ("seed", "teardown", "end")


@pytest.fixture(params=RUN_PLACES)
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> MakePlace:
    return make_run_place(request, tmp_path)


@pytest.fixture
def world(tmp_path: Path, make_place: MakePlace) -> Iterator[World]:
    world = World(tmp_path, make_place)
    yield world
    world.close()


def start_zombie(world: World) -> Process:
    """Let a consumer run all rows of the world, and freeze before the first of its parts."""
    line = Line()
    line.before("part", line.freeze)
    zombie = world.start(line, name="c-zombie", unique=True)
    zombie.await_frozen()
    return zombie


def live_while(child: World, moment: str, zombie: Process) -> None:
    """One life of a retry; its parent's zombie wakes up, writes and ends before the step `moment`."""
    steps = {
        "seed": lambda: child.seed(seed_id="again"),
        "consume": lambda: child.consume(name="c-child"),
        "teardown": lambda: child.tear_down(),
        "end": lambda: None,
    }
    for name, step in steps.items():
        if name == moment:
            zombie.line.thaw()
            zombie.join()
        step()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_zombie_of_the_parent_changes_neither_the_rows_of_a_retry_nor_its_table(world: World, moment: str) -> None:
    world.seed()
    zombie = start_zombie(world)
    world.end_leases()
    world.consume(name="c-b", fail=[1, 4], max_attempts=1)
    world.tear_down(consumers=2)
    (world.folder / "calls").unlink()
    child = world.retry(seal=1)
    try:
        live_while(child, moment, zombie)

        assert any(line["consumer"] == "c-zombie" for line in world.lines()), "the zombie has written"
        assert child.table() == squares(world.rows)
        assert child.calls() == {1: 1, 4: 1}
        results = child.tear_down()
        assert (results.rows.total, results.rows.succeeded) == (6, 6)
        assert results.retried is not None
        assert (results.retried.total, results.retried.succeeded) == (2, 2)
        assert results.lineage == (world.run_id, child.run_id)
    finally:
        child.close()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_parent_that_is_resumed_changes_nothing_about_its_retry(world: World, moment: str) -> None:
    world.seed()
    zombie = start_zombie(world)
    write_cancel(world.store, 0, "user", "enough")
    world.tear_down(consumers=1)
    assert world.seals()[0].missing == 6
    child = world.retry(seal=1)
    try:
        live_while(child, moment, zombie)
        before = child.table(), child.files()

        assert world.resume()
        world.consume(name="c-late", unique=True)
        world.tear_down()
        child.tear_down()

        assert world.seals()[-1].state == "complete"
        assert (child.table(), child.files()) == before
        assert child.table() == squares(world.rows)
    finally:
        child.close()


def test_a_retry_of_a_retry_ends_while_consumers_of_both_write(world: World) -> None:
    world.seed()
    first = start_zombie(world)
    write_cancel(world.store, 0, "user", "enough")
    world.tear_down(consumers=1)
    child = world.retry(seal=1)
    child.seed(seed_id="again")
    second = start_zombie(child)
    child.end_leases()
    child.consume(name="c-child", fail=[2], max_attempts=1)
    child.tear_down(consumers=2)
    last = child.retry(seal=1)
    try:
        last.seed(seed_id="once-more")
        for zombie in (second, first):
            zombie.line.thaw()
            zombie.join()
        last.consume(name="c-last")
        last.tear_down()

        assert last.table() == squares(world.rows)
        assert last.seals()[-1].rows == 1
    finally:
        last.close()
        child.close()
