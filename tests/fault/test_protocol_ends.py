"""How runs end, whatever was killed, cancelled or late: by seals, and always to one table (protocol.md, section 7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hooked import CHANGE, Killed, Line
from run_places import RUN_PLACES, make_run_place
from worlds import MakePlace, World, squares, until

from hyperscale import blobs
from hyperscale.node.control import read_cancel, write_cancel
from hyperscale.node.storing.queues import QueueGoneError


@pytest.fixture(params=RUN_PLACES)
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> MakePlace:
    return make_run_place(request, tmp_path)


@pytest.fixture
def world(tmp_path: Path, make_place: MakePlace) -> Iterator[World]:
    world = World(tmp_path, make_place)
    yield world
    world.close()


def live(world: World, line: Line) -> None:
    """One life of a run, its steps one after the other: all requests come in one order."""
    world.seed(line, seed_id=f"s{len(line.log)}-{id(line)}")
    world.consume(line, name=f"c-{id(line)}", beat_seconds=3600.0, workers=1)
    world.tear_down(line)


def go_on(world: World) -> None:
    """Do what `run --resume` does."""
    if world.resume():
        live(world, Line())


# ---- 17: everything is killed


#: At least as much as one life changes: manifest, queue, messages, seed.json, receives, part, deletes, heartbeats,
#: seal, files.
CHANGES = 27


@pytest.mark.parametrize("number", range(1, CHANGES))
def test_everything_killed_after_a_change_and_resumed_gives_the_undisturbed_table(world: World, number: int) -> None:
    line = Line()
    line.after(CHANGE, line.kill, number)
    with suppress(Killed):
        live(world, line)

    go_on(world)

    assert world.table() == squares(world.rows)
    assert world.seals()[-1].state == "complete"
    before = world.files()
    go_on(world)
    assert world.files() == before


def test_one_life_makes_no_more_changes_than_it_is_killed_after(world: World) -> None:
    line = Line()

    live(world, line)

    assert 20 <= line.changes <= CHANGES


@pytest.mark.parametrize("number", [1, 2])
def test_a_resume_killed_between_its_seal_and_its_marker_is_resumed(world: World, number: int) -> None:
    world.seed()
    world.queue.remove()
    line = Line()
    line.after(CHANGE, line.kill, number)
    with pytest.raises(Killed):
        world.resume(line)

    go_on(world)

    assert world.table() == squares(world.rows)


def test_after_the_queue_was_removed_by_hand_only_missing_rows_run(world: World) -> None:
    world.seed()
    line = Line()
    line.before("delete", line.kill)
    consumer = world.start(line, gates={4: "open"}, workers=1)
    until(lambda: world.calls()[4])
    write_cancel(world.store, 0, "user", "enough")
    until(lambda: world.lines())
    consumer.line.kill()
    world.open("open")
    consumer.join()
    done = {line["row_index"] for line in world.lines()}
    world.queue.remove()
    (world.folder / "calls").unlink()

    go_on(world)

    assert world.table() == squares(world.rows)
    assert set(world.calls()) == set(range(6)) - done
    assert done


# ---- 9: a depth that is wrong


def test_an_answer_of_depth_0_that_is_wrong_ends_no_run(world: World) -> None:
    world.seed()
    asked: list[int] = []
    depth = world.queue.depth

    def wrong_at_first() -> int:
        asked.append(depth())
        if len(asked) == 5:
            world.queue.depth = depth  # type: ignore[method-assign]
            world.consume()
        return 0 if len(asked) <= 5 else depth()

    world.queue.depth = wrong_at_first  # type: ignore[method-assign]

    results = world.tear_down()

    assert asked[:4] == [2] * 4
    assert results.rows.missing == 0
    assert world.table() == squares(world.rows)
    assert read_cancel(world.store, 0) is None


# ---- 5 and 15: seals and seed.json whose answers are lost, two teardowns, teardowns that are killed


@pytest.mark.parametrize("kind", ["put", blobs.SEED])
def test_a_lost_answer_while_seeding_leaves_one_outcome_a_row(world: World, kind: str) -> None:
    line = Line()
    line.lose_answer(kind)

    world.seed(line)
    world.consume()
    world.tear_down()

    assert world.table() == squares(world.rows)
    assert set(world.calls().values()) == ({1, 2} if kind == "put" else {1})


@pytest.mark.parametrize("kind", ["seal", "file", "remove"])
def test_a_lost_answer_of_teardown_changes_nothing(world: World, kind: str) -> None:
    world.seed()
    world.consume()
    line = Line()
    line.lose_answer(kind)

    world.tear_down(line)

    assert world.table() == squares(world.rows)
    assert len(world.seals()) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["seal", "remove"])
def test_two_teardowns_in_step_publish_the_same_bytes(world: World, kind: str, moment: str) -> None:
    world.seed()
    world.consume()
    line, others = Line(), []

    def the_other() -> None:
        world.tear_down()
        others.append(world.files())

    getattr(line, moment)(kind, the_other)
    world.tear_down(line)

    assert [world.files()] == others
    assert len(world.seals()) == 1


def test_a_teardown_killed_at_any_file_is_repeated_to_the_same_bytes(world: World) -> None:
    world.seed()
    world.consume(fail=[2], max_attempts=1)
    for number in range(1, 4):
        line = Line()
        line.before("file", line.kill, number)
        with pytest.raises(Killed):
            world.tear_down(line)
    world.tear_down()
    before = world.files()

    world.tear_down()

    assert world.files() == before
    assert len(world.seals()) == 1


# ---- 6 and 14: messages that are late


def test_a_stale_message_that_arrives_after_the_drain_finds_no_queue(world: World) -> None:
    line = Line()
    line.copy("put")
    world.seed(line)
    world.consume()
    world.tear_down()
    before = world.files()

    with pytest.raises(QueueGoneError):
        line.copies[0]()

    assert not world.resume()
    assert world.files() == before


def test_a_copy_of_a_put_that_arrives_when_all_have_left_does_not_hang_teardown(world: World) -> None:
    line = Line()
    line.copy("put")
    world.seed(line)
    world.consume()
    line.copies[0]()

    results = world.tear_down()

    assert results.rows.missing == 0
    assert world.table() == squares(world.rows)
    assert world.seals()[-1].state == "complete"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_consumer_frozen_before_rows_are_seeded_again_runs_them(world: World, number: int) -> None:
    world.seed()
    frozen = Line()
    frozen.before("receive", frozen.freeze, 2)
    consumer = world.start(frozen, name="c-0", workers=1)
    consumer.await_frozen()
    world.queue.remove()
    assert world.resume()
    seed = Line()
    seed.before("put", frozen.thaw, number)
    # It goes on with what it finds, or leaves: before the first put the queue may be empty.
    seed.after("put", lambda: until(lambda: frozen.log.count("receive") > 2 * number or consumer.has_ended), number)
    if number == 3:
        frozen.thaw()

    world.seed(seed, seed_id="another")
    world.consume(name="c-1")
    consumer.join()
    world.tear_down()

    assert world.table() == squares(world.rows)
    assert {body.seed_id for body in world.bodies()} == set()


# ---- 16: cancel, resume, cancel again


@pytest.mark.parametrize("kind", ["receive", "part", "renew", "delete"])
def test_what_was_decided_before_a_cancel_stays_through_every_resume(
    tmp_path: Path, make_place: MakePlace, kind: str
) -> None:
    world = World(tmp_path, make_place, rows=6, rows_per_message=1)
    world.seed()
    decided: dict[str, str] = {}
    for life in range(3):
        if life and not world.resume():
            break  # the consumer was faster than the cancel
        world.seed(seed_id=f"s{life}")
        consume_until_cancelled(world, kind, life)
        results = world.tear_down()
        executions = {row["row_index"]: row["execution"] for row in world.table()}
        assert executions.items() >= decided.items()
        decided = executions
        assert results.rows.missing == 6 - len(decided)

    assert sorted(decided) == [str(row) for row in range(6)]
    assert world.seals()[-1].state == "complete"
    world.close()


def consume_until_cancelled(world: World, kind: str, life: int) -> None:
    """Run a consumer that is cancelled while it asks for `kind`, with one row or more done; the last life is not."""
    line = Line()
    gates = {row: f"open-{life}-{row}" for row in range(world.rows)}
    begun = len(world.begun())
    if life < 2:
        line.before(kind, lambda: write_cancel(world.store, life, "user", "enough"), 2 if kind == "receive" else 1)
        consumer = world.start(line, name=f"c-{9 - life}", gates=gates, unique=True, workers=1)
        until(lambda: len(world.begun()) > begun)
        if kind != "renew":
            world.open(gates[world.begun()[begun][0]])
        until(lambda: read_cancel(world.store, life), meanwhile=world.hurry)
        world.open(*gates.values())
        consumer.join()
    else:
        world.consume(line, name="c-7", unique=True)


# ---- 20: what a run costs


@pytest.mark.parametrize("messages", [1, 8])
def test_a_run_without_faults_costs_what_the_protocol_says(
    tmp_path: Path, make_place: MakePlace, messages: int
) -> None:
    world = World(tmp_path, make_place, rows=3 * messages)
    line = Line()
    received: list[int] = []
    receive = world.queue.receive
    world.queue.receive = lambda *of: received.append(len(found := receive(*of))) or found  # type: ignore[method-assign]

    world.seed(line)
    world.consume(line)
    down = Line()
    world.tear_down(down)

    counted = {kind: line.log.count(kind) for kind in ("put", "part", "renew", "release", "delete")}
    assert counted == {"put": messages, "part": 1, "renew": 0, "release": 0, "delete": messages}
    assert sum(received) == messages
    assert (down.log.count("put"), down.log.count("seal")) == (0, 1)
    assert json.loads(world.store.read(blobs.RUN_RESULTS))["rows"]["duplicate_outcomes"] == 0
    world.close()
