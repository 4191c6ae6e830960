"""What consumers do when they are killed, frozen or robbed between two of their requests (protocol.md, section 7)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooked import Killed, Line
from run_places import RUN_PLACES, make_run_place
from worlds import LEASE, MakePlace, World, squares, until

from hyperscale.body import MAX_BODY_BYTES, Body

#: Rows whose outcomes do not fit into the body of a message beside each other.
LARGE_BYTES = 40_000


@pytest.fixture(params=RUN_PLACES)
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> MakePlace:
    return make_run_place(request, tmp_path)


@pytest.fixture
def world(tmp_path: Path, make_place: MakePlace) -> Iterator[World]:
    world = World(tmp_path, make_place)
    yield world
    world.close()


@pytest.fixture
def long_message(tmp_path: Path, make_place: MakePlace) -> Iterator[World]:
    """A run whose only message has all of its six rows."""
    world = World(tmp_path, make_place, rows_per_message=6)
    yield world
    world.close()


def check(world: World) -> None:
    """Tear the run down, and see that each row has the outcome that an undisturbed run gives it."""
    results = world.tear_down()
    assert world.table() == squares(world.rows)
    assert (results.rows.missing, results.rows.failed) == (0, 0)
    assert results.rows.duplicate_outcomes == len(world.lines()) - world.rows


# ---- 1: killed


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["receive", "part", "delete"])
def test_a_consumer_killed_at_a_request_leaves_each_row_to_another(world: World, kind: str, moment: str) -> None:
    world.seed()
    line = Line()
    getattr(line, moment)(kind, line.kill)

    with pytest.raises(Killed):
        world.consume(line, name="c-b")
    world.end_leases()
    world.consume(name="c-a")

    check(world)
    assert max(world.calls().values()) <= 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["part", "renew"])
@pytest.mark.parametrize("large_bytes", [0, LARGE_BYTES])
def test_a_consumer_killed_while_it_renews_or_spills_loses_nothing(
    long_message: World, kind: str, moment: str, large_bytes: int
) -> None:
    world = long_message
    if kind == "part" and not large_bytes:
        large_bytes = LARGE_BYTES // 2  # another number of rows a part
    world.seed()
    line = Line()
    consumer = world.start(line, name="c-b", gates={5: "open"}, large_bytes=large_bytes)
    until(lambda: world.calls()[5])
    getattr(line, moment)(kind, line.kill)
    until(lambda: line.dead, meanwhile=world.renew_now)
    consumer.join()
    world.end_leases()
    world.open("open")
    world.consume(name="c-a", large_bytes=large_bytes)

    assert consumer.killed
    check(world)


# ---- 2 and 3: frozen beyond the lease


@pytest.mark.parametrize("sealed", ["before the seal", "after the seal"])
@pytest.mark.parametrize("kind", ["receive", "part", "delete", "renew"])
def test_a_consumer_that_thaws_after_another_has_finished_changes_no_outcome(
    world: World, kind: str, sealed: str
) -> None:
    world.seed()
    line = Line()
    gates = {2: "renewed"} if kind == "renew" else {}
    frozen = world.start(line, name="c-0", gates=gates, unique=True)
    if kind == "renew":
        until(lambda: world.calls()[2])
        line.before(kind, line.freeze)
        world.renew_now()
    else:
        line.before(kind, line.freeze, 2 if kind == "receive" else 1)
    frozen.await_frozen()

    world.end_leases()
    world.open("renewed")
    world.consume(name="c-1", unique=True)
    before = None
    if sealed == "after the seal":
        world.tear_down()
        before = world.files()
    line.thaw()
    frozen.join()

    world.tear_down()
    assert [row["number"] for row in world.table()] == [str(row) for row in range(6)]
    assert len(world.seals()) == 1
    assert before in (None, world.files())


def test_a_body_that_was_stolen_from_a_frozen_consumer_is_not_rewritten(long_message: World) -> None:
    world = long_message
    world.seed()
    line = Line()
    frozen = world.start(line, gates={3: "open"})
    until(lambda: world.calls()[3])
    line.before("renew", line.freeze)
    world.renew_now()
    frozen.await_frozen()

    stolen = world.place.steal()
    world.open("open")
    line.thaw()
    until(lambda: line.log.count("renew") and not beats(world, "c-a")["rows_held"])

    assert [body.encode() for body in world.bodies()] == [stolen.body]
    world.queue.delete(stolen.id, stolen.receipt)  # the newest receipt is still the thief's
    frozen.join()
    assert world.lines() == []


def beats(world: World, name: str) -> dict[str, object]:
    return next((fields for beat, _, fields in world.store.beats("consumers/") if beat.endswith(name)), {})


# ---- 4: two executions of a row


@pytest.mark.parametrize("names", [("c-0", "c-1"), ("c-1", "c-0")])
@pytest.mark.parametrize("first_fails", [True, False])
def test_of_two_executions_before_the_seal_the_success_counts(
    world: World, names: tuple[str, str], first_fails: bool
) -> None:
    world.seed()
    line = Line()
    line.after("part", line.kill)
    with pytest.raises(Killed):
        world.consume(line, name=names[0], fail=[1] if first_fails else [], max_attempts=1)
    world.end_leases()
    world.consume(name=names[1], fail=[] if first_fails else [1], max_attempts=1)

    check(world)
    assert sorted(line["outcome"] for line in world.lines() if line["row_index"] == 1) == ["failed", "succeeded"]


@pytest.mark.parametrize("names", [("c-0", "c-1"), ("c-1", "c-0")])
@pytest.mark.parametrize("first_fails", [True, False])
def test_an_execution_that_ends_after_the_seal_changes_nothing(
    world: World, names: tuple[str, str], first_fails: bool
) -> None:
    world.seed()
    line = Line()
    line.before("part", line.freeze)
    late = world.start(line, name=names[0], fail=[] if first_fails else [1], max_attempts=1)
    late.await_frozen()
    world.end_leases()
    world.consume(name=names[1], fail=[1] if first_fails else [], max_attempts=1)
    world.tear_down()
    before = world.files()

    line.thaw()
    late.join()
    world.tear_down()

    assert world.files() == before
    assert len(world.lines()) == 12
    assert world.table()[1]["outcome"] == ("failed" if first_fails else "succeeded")


# ---- 5: lost answers


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", ["part", "delete"])
def test_a_lost_answer_of_a_part_or_a_delete_costs_nothing(world: World, kind: str, number: int) -> None:
    world.seed()
    line = Line()
    line.lose_answer(kind, number)

    world.consume(line)

    check(world)
    assert len(world.lines()) == world.rows


@pytest.mark.parametrize("number", [1, 2])
def test_a_message_whose_receive_was_not_answered_comes_back(world: World, number: int) -> None:
    world.seed()
    line = Line()
    line.lose_answer("receive", number)
    consumer = world.start(line)
    until(lambda: len(world.lines()) == 3 and line.log.count("receive") > number)
    assert sorted(world.calls().values()) == [1, 1, 1]

    world.end_leases()
    consumer.join()

    check(world)
    assert set(world.calls().values()) == {1}


def test_a_renewal_whose_answer_was_lost_looks_like_a_stolen_message(long_message: World) -> None:
    world = long_message
    world.seed()
    line = Line()
    line.lose_answer("renew")
    consumer = world.start(line, gates={3: "open"}, workers=1)
    until(lambda: beats(world, "c-a").get("rows_done") == 3)
    world.renew_now()
    until(lambda: line.log.count("renew") == 1 and not beats(world, "c-a")["rows_held"])
    assert world.lines() == []

    world.end_leases()
    world.open("open")
    consumer.join()

    check(world)
    assert {row for row, calls in world.calls().items() if calls > 1} <= {3, 4, 5}


# ---- 7: leases that ran out


@pytest.mark.parametrize("kind", ["renew", "delete"])
def test_a_lease_that_ran_out_unnoticed_is_still_its_owners(long_message: World, kind: str) -> None:
    world = long_message
    world.seed()
    line = Line()
    gates = {3: "open"} if kind == "renew" else {}
    # Nobody receives it meanwhile, this consumer included: its next receive waits until the request is through.
    through = threading.Event()
    line.before("receive", lambda: through.wait(60), 2)
    line.after(kind, through.set)
    consumer = world.start(line, gates=gates)
    until(lambda: world.calls()[3])
    line.before(kind, world.end_leases)
    world.renew_now()
    if kind == "renew":
        until(lambda: any(body.outcomes for body in world.bodies()))
    world.open("open")
    consumer.join()

    check(world)
    assert set(world.calls().values()) == {1}
    assert len(world.lines()) == world.rows


# ---- 8: leases that are stated


def test_each_renewal_states_the_whole_lease_and_only_a_release_ends_it(long_message: World) -> None:
    world = long_message
    world.seed()
    line, told = Line(), []
    renew = world.queue.update

    def update(message_id: str, receipt: str, body: str, lease_seconds: float) -> str:
        told.append(lease_seconds)
        return renew(message_id, receipt, body, lease_seconds)

    world.queue.update = update  # type: ignore[method-assign]
    stop: list[bool] = []
    consumer = world.start(line, gates={0: "open", 1: "open"}, stop=lambda: bool(stop))
    until(lambda: len(world.calls()) == 2)
    until(lambda: len(told) >= 3, meanwhile=world.renew_now)
    stop.append(True)
    world.open("open")
    consumer.join()

    assert set(told[:-1]) == {LEASE}
    assert told[-1] == 0.0


# ---- 10 and 12: what a renewal saves


def test_exactly_the_rows_unfinished_at_the_last_renewal_run_again(long_message: World) -> None:
    world = long_message
    world.seed()
    line = Line()
    consumer = world.start(line, name="c-b", gates={0: "end", 4: "late"})
    until(lambda: world.calls()[4] and beats(world, "c-b").get("rows_done") == 3)
    world.renew_now()
    until(lambda: [list(body.rows) for body in world.bodies()] == [[0, 4, 5]])
    world.open("late")
    until(lambda: beats(world, "c-b").get("rows_done") == 5)

    line.kill()
    consumer.join()
    world.open("end")
    world.end_leases()
    world.consume(name="c-a")

    check(world)
    assert world.calls() == {0: 2, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2}
    assert len(world.lines()) == world.rows


def test_attempts_saved_by_a_renewal_are_kept_and_later_ones_are_repeated(world: World) -> None:
    world.seed()
    line = Line()
    attempts = {"max_attempts": 3, "fail": [1]}
    consumer = world.start(line, name="c-b", gates={"1.2": "second", "1.3": "third"}, **attempts)
    until(lambda: (1, 2) in world.begun())
    world.renew_now()
    until(lambda: any(body.attempts == {1: 1} for body in world.bodies()))
    world.open("second")
    until(lambda: (1, 3) in world.begun())

    line.kill()
    consumer.join()
    world.open("third")
    world.end_leases()
    world.consume(name="c-a", **attempts)

    assert [attempt for row, attempt in world.begun() if row == 1] == [1, 2, 3, 2, 3]
    assert world.tear_down().rows.failed == 1
    (failed,) = (line for line in world.lines() if line["outcome"] == "failed")
    assert (failed["row_index"], failed["attempts"]) == (1, 3)


# ---- 11: bodies near their limit


def test_outcomes_that_do_not_fit_are_in_a_part_before_the_body_forgets_them(long_message: World) -> None:
    world = long_message
    world.seed()
    line = Line()
    seen: list[tuple[int, list[int]]] = []
    line.before("renew", lambda: seen.append((len(world.lines()), [len(body.rows) for body in world.bodies()])))
    consumer = world.start(line, gates={5: "open"}, large_bytes=LARGE_BYTES)
    until(lambda: world.calls()[5] and beats(world, "c-a").get("rows_done") == 5)

    world.renew_now()
    until(lambda: [len(body.rows) for body in world.bodies()] == [1])
    (body,) = world.bodies()
    world.open("open")
    consumer.join()

    assert seen == [(5, [6])]
    assert body.outcomes == []
    assert len(body.encode()) <= MAX_BODY_BYTES
    check(world)
    assert len(world.lines()) == world.rows


def test_a_row_that_finishes_while_outcomes_are_spilled_is_not_forgotten_with_them(long_message: World) -> None:
    world = long_message
    world.seed()
    line = Line()

    def finish_one_more() -> None:
        world.open("late")
        until(lambda: beats(world, "c-b").get("rows_done") == 5)

    consumer = world.start(line, name="c-b", gates={0: "end", 4: "late"}, large_bytes=LARGE_BYTES)
    until(lambda: beats(world, "c-b").get("rows_done") == 3)
    line.before("part", finish_one_more)
    line.after("renew", line.kill)
    until(lambda: line.dead, meanwhile=world.renew_now)
    consumer.join()
    world.open("end")
    world.end_leases()
    world.consume(name="c-a", large_bytes=LARGE_BYTES)

    check(world)
    assert {row for row, calls in world.calls().items() if calls == 2} == {0}


# ---- 18: two messages in one part


@pytest.mark.parametrize("moment", ["before the part", "after the part", "between the deletes"])
def test_of_two_messages_in_one_part_one_lease_may_be_lost(world: World, moment: str) -> None:
    world.seed()
    line, stolen = Line(), []

    def rob() -> None:
        if moment == "between the deletes":
            until(lambda: world.queue.depth() == 1)
        stolen.append(world.place.steal())

    if moment == "between the deletes":
        line.before("delete", rob, 2)
    else:
        getattr(line, moment.split()[0])("part", rob)
    consumer = world.start(line, name="c-b", gates={5: "open"})
    until(lambda: beats(world, "c-b").get("rows_done") == 5)
    world.open("open")
    until(lambda: stolen and world.queue.depth() == 1 and not beats(world, "c-b")["rows_held"])
    assert [len(world.lines())] == [world.rows]
    world.queue.update(stolen[0].id, stolen[0].receipt, stolen[0].body, 0.0)
    consumer.join()

    check(world)
    robbed = Body.decode(stolen[0].body).rows
    assert {row for row, calls in world.calls().items() if calls == 2} == set(robbed)


def test_a_consumer_that_receives_its_own_message_again_goes_on_with_it(tmp_path: Path, make_place: MakePlace) -> None:
    world = World(tmp_path, make_place, rows=6, rows_per_message=3)
    world.seed()
    line = Line()

    # Lease lost and received again by ourselves, while our renewal of it was on its way (thawed after a freeze).
    def own_again() -> None:
        received = line.log.count("receive")
        world.end_leases()
        until(lambda: line.log.count("receive") > received + 3)

    consumer = world.start(line, gates={4: "open"}, workers=2)
    until(lambda: world.calls()[4] and world.lines() == [])
    line.before("part", own_again)
    world.open("open")
    consumer.join()
    world.tear_down()
    assert world.table() == squares(6)
    world.close()
