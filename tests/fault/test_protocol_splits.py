"""Rows that are handed back to idle consumers, and rows that kill theirs (protocol.md, rules 17 and 19)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooked import Killed, Line
from run_places import RUN_PLACES, make_run_place
from worlds import MakePlace, World, squares, until

from hyperscale.suspects import MAX_LOSSES


@pytest.fixture(params=RUN_PLACES)
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> MakePlace:
    return make_run_place(request, tmp_path)


@pytest.fixture
def world(tmp_path: Path, make_place: MakePlace) -> Iterator[World]:
    """A run whose only message has all of its six rows."""
    world = World(tmp_path, make_place, rows_per_message=6)
    yield world
    world.close()


def gates(*rows: int) -> dict[int | str, str]:
    return dict.fromkeys(rows, "open")


# ---- 1, 2 and 6: split


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["put", "renew"])
def test_a_consumer_killed_while_it_hands_rows_back_loses_none(world: World, kind: str, moment: str) -> None:
    world.seed()
    line = Line()
    getattr(line, moment)(kind, line.kill)
    splitting = world.start(line, name="c-b", gates=gates(0, 1))
    until(lambda: len(world.begun()) == 2)
    idle = world.start(Line(), name="c-a")
    splitting.join()
    until(lambda: world.queue.depth() == 1)  # the tail, if it was put, is done: what is left is of the dead

    world.end_leases()
    world.open("open")
    idle.join()
    world.consume(name="c-c")
    results = world.tear_down(consumers=3)

    assert splitting.killed
    assert line.log.index("put") < (line.log.index("renew") if "renew" in line.log else len(line.log))
    assert world.table() == squares(world.rows)
    assert results.rows.missing == 0


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("kind", ["put", "renew"])
def test_a_consumer_frozen_while_it_hands_rows_back_drops_what_it_lost(world: World, kind: str, sealed: bool) -> None:
    world.seed()
    line = Line()
    line.before(kind, line.freeze)
    frozen = world.start(line, name="c-b", gates=gates(0, 1), unique=True)
    until(lambda: len(world.begun()) == 2)
    idle = world.start(Line(), name="c-a", unique=True)
    frozen.await_frozen()

    world.end_leases()
    idle.join()
    before = None
    if sealed:
        world.tear_down(consumers=2)
        before = world.files()
    line.thaw()
    world.open("open")
    frozen.join()
    world.consume(name="c-c", unique=True)
    world.tear_down(consumers=3)

    assert [row["number"] for row in world.table()] == [str(row) for row in range(6)]
    assert before in (None, world.files())


def test_a_tail_is_run_by_the_idle_and_its_owner_forgets_it(world: World) -> None:
    world.seed()
    line = Line()
    owner = world.start(line, name="c-b", gates=gates(0, 1))
    until(lambda: len(world.begun()) == 2)
    idle = world.start(Line(), name="c-a")
    until(lambda: len(world.begun()) > 2)
    until(lambda: "renew" in line.log)
    world.open("open")
    owner.join()
    idle.join()
    results = world.tear_down(consumers=2)

    assert world.table() == squares(world.rows)
    assert (set(world.calls().values()), results.rows.duplicate_outcomes) == ({1}, 0)
    assert {said["consumer"] for said in world.lines()} == {"c-a", "c-b"}


def test_a_copy_of_a_tail_that_arrives_when_all_have_left_does_not_hang_teardown(world: World) -> None:
    world.seed()
    line = Line()
    line.copy("put")
    owner = world.start(line, name="c-b", gates=gates(0, 1))
    until(lambda: len(world.begun()) == 2)
    idle = world.start(Line(), name="c-a")
    until(lambda: "renew" in line.log)
    world.open("open")
    owner.join()
    idle.join()
    line.copies[0]()

    results = world.tear_down(consumers=2)

    assert world.queue_is_gone() or world.queue.depth() == 1
    assert results.rows.missing == 0
    assert world.seals()[-1].state == "complete"
    assert world.table() == squares(world.rows)


def test_a_tail_whose_put_was_not_answered_may_run_twice_and_counts_once(world: World) -> None:
    world.seed()
    line = Line()
    line.lose_answer("put")
    owner = world.start(line, name="c-b", gates=gates(0, 1))
    until(lambda: len(world.begun()) == 2)
    idle = world.start(Line(), name="c-a")
    until(lambda: "renew" in line.log)
    world.open("open")
    owner.join()
    idle.join()

    results = world.tear_down(consumers=2)

    assert world.table() == squares(world.rows)
    assert results.rows.duplicate_outcomes == len(world.lines()) - world.rows > 0


# ---- 13: suspects


def killed_at(world: World, row: int, name: str) -> None:
    """Run a consumer that is killed when one of its workers is on `row`; it has not renewed since."""
    line = Line()
    begun = len(world.begun())
    consumer = world.start(line, name=name, gates=gates(row), workers=1)
    until(lambda: any(begun_row == row for begun_row, _ in world.begun()[begun:]))
    line.kill()
    consumer.join()
    world.end_leases()


def test_a_row_that_kills_its_consumers_takes_no_other_suspect_with_it(tmp_path: Path, make_place: MakePlace) -> None:
    world = World(tmp_path, make_place, rows=2, rows_per_message=1)
    world.seed()
    for number in range(MAX_LOSSES + 1):
        line, begun = Line(), len(world.begun())
        consumer = world.start(line, name=f"c-{number}", gates=gates(0))
        until(lambda begun=begun: 0 in [row for row, _ in world.begun()[begun:]])
        until(lambda number=number: world.queue.depth() == 1 or has_both_rows(world, f"c-{number}"))
        line.kill()
        consumer.join()
        world.end_leases()

    world.consume(name="c-z")
    world.tear_down(consumers=MAX_LOSSES + 2)

    assert [row["outcome"] for row in world.table()] == ["failed", "succeeded"]
    world.close()


def has_both_rows(world: World, name: str) -> bool:
    (fields,) = (fields for beat, _, fields in world.store.beats("consumers/") if beat.endswith(name))
    return fields.get("rows_held", 0) + fields.get("rows_done", 0) == 2


def test_a_healthy_row_whose_consumers_are_killed_still_succeeds(tmp_path: Path, make_place: MakePlace) -> None:
    world = World(tmp_path, make_place, rows=1, rows_per_message=1)
    world.seed()
    for number in range(MAX_LOSSES):
        killed_at(world, 0, f"c-{number}")

    world.consume(name="c-9")
    world.tear_down()

    assert world.table() == squares(1)
    world.close()


def test_only_the_row_that_kills_its_consumers_fails(world: World) -> None:
    world.seed()
    deaths = 0
    while world.queue.depth():
        line = Line()
        begun = len(world.begun())
        consumer = world.start(line, name=f"c-{deaths}", gates=gates(3), workers=1)
        until(lambda begun=begun, line=line: ends_or_meets(world, begun, line))
        if any(row == 3 for row, _ in world.begun()[begun:]):
            deaths += 1
            line.kill()
            consumer.join()
            world.end_leases()
        else:
            consumer.join()
    results = world.tear_down(consumers=deaths + 1)

    assert deaths <= 1 + 1 + MAX_LOSSES
    assert (results.rows.failed, results.rows.missing) == (1, 0)
    (failed,) = (said for said in world.lines() if said["outcome"] == "failed")
    assert (failed["row_index"], failed["failure"]["kind"], failed["attempts"]) == (3, "poison", 0)


def ends_or_meets(world: World, begun: int, line: Line) -> bool:
    return not world.queue.depth() or any(row == 3 for row, _ in world.begun()[begun:])


def test_a_message_that_is_received_ahead_and_never_begun_fails_nobody(world: World) -> None:
    world.seed()
    for number in range(10):
        line = Line()
        line.after("receive", line.kill)
        with pytest.raises(Killed):
            world.consume(line, name=f"c-{number}")
        world.end_leases()

    world.consume(name="c-x")
    results = world.tear_down()

    assert results.rows.failed == 0
    assert world.table() == squares(world.rows)
