"""What a long row has handed to `context.checkpoint` when its consumer is killed, stopped, or robbed of its lease."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooked import Line
from wordings import line_names
from worlds import World, until

from hyperscale import blobs
from hyperscale.body import Body
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.storing.queues import Message

#: Takes one step whenever a file allows it, checkpoints it, and returns from where each of its steps went on.
CODE = """
import pathlib, time

def fit(row, context):
    folder, found = context.mounts["world"], context.last_checkpoint
    state = found or {"step": 0, "began": []}
    state["began"].append(state["step"])
    with open(folder / "calls", "a") as calls:
        calls.write(f"{context.row_index} {context.attempt}\\n")
    while state["step"] < 4:
        deadline = time.monotonic() + 60
        while not (folder / f"step-{state['step'] + 1}").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        state["step"] += 1
        context.checkpoint(state)
        (folder / f"done-{context.row_index}-{state['step']}").touch()
    return state
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, rows=2, rows_per_message=2)
    (tmp_path / "code" / "activity" / "activity_of_world.py").write_text(CODE)
    world.seed()
    yield world
    world.close()


def take_step(world: World, step: int) -> None:
    """Let both rows take a step, and wait until they have checkpointed it."""
    world.open(f"step-{step}")
    until(lambda: all((world.folder / f"done-{row}-{step}").exists() for row in range(2)))


def named(world: World) -> list[dict[int, int]]:
    """Return for each body in the queue the step that the checkpoint of each row is at."""
    return [
        {row: json.loads(world.store.read(name))["step"] for row, name in body.checkpoints.items()}
        for body in world.bodies()
    ]


def began(world: World) -> list[list[int]]:
    return [line["result"]["began"] for line in sorted(world.lines(), key=lambda line: line["row_index"])]


def finish(world: World, **options: str) -> None:
    for step in range(1, 5):
        world.open(f"step-{step}")
    world.consume(name="c-a", **options)


def test_a_row_goes_on_from_the_state_of_the_last_renewal(world: World, caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    consumer = world.start(line, name="c-b")
    take_step(world, 1)
    until(lambda: named(world) == [{0: 1, 1: 1}], meanwhile=world.renew_now)
    take_step(world, 2)
    line.kill()
    consumer.join()

    world.end_leases()
    with caplog.at_level(logging.INFO):
        finish(world)

    assert began(world) == [[0, 1], [0, 1]]
    assert [message for message in caplog.messages if "row 0" in message and "checkpoints/c-b-" in message]
    assert world.tear_down().rows.succeeded == 2


def test_only_an_answered_renewal_makes_a_state_count(world: World) -> None:
    line = Line()
    consumer = world.start(line, name="c-b")
    take_step(world, 1)
    until(lambda: named(world) == [{0: 1, 1: 1}], meanwhile=world.renew_now)
    take_step(world, 2)
    line.before("renew", line.kill, line.log.count("renew") + 1)
    until(lambda: line.dead, meanwhile=world.renew_now)
    consumer.join()
    written = [json.loads(world.store.read(name))["step"] for name in world.store.names(blobs.CHECKPOINTS)]

    world.end_leases()
    finish(world)

    assert sorted(written) == [1, 1, 2, 2]
    assert began(world) == [[0, 1], [0, 1]]


def test_a_consumer_killed_while_it_writes_a_state_leaves_the_earlier_one(world: World) -> None:
    line = Line()
    consumer = world.start(line, name="c-b")
    take_step(world, 1)
    until(lambda: named(world) == [{0: 1, 1: 1}], meanwhile=world.renew_now)
    take_step(world, 2)
    line.before("checkpoint", line.kill, line.log.count("checkpoint") + 1)
    until(lambda: line.dead, meanwhile=world.renew_now)
    consumer.join()

    world.end_leases()
    finish(world)

    assert began(world) == [[0, 1], [0, 1]]


def test_a_consumer_that_is_asked_to_leave_keeps_the_newest_states(world: World) -> None:
    asked = []
    consumer = world.start(Line(), name="c-b", stop=lambda: bool(asked))
    take_step(world, 1)
    asked.append(True)
    consumer.join()

    states = named(world)
    finish(world)

    assert states == [{0: 1, 1: 1}]
    assert began(world) == [[0, 1], [0, 1]]


def test_a_state_that_has_not_changed_is_written_once(world: World) -> None:
    line = Line()
    world.start(line, name="c-b")
    take_step(world, 1)
    until(lambda: named(world) == [{0: 1, 1: 1}], meanwhile=world.renew_now)
    renewed = line.log.count("renew")
    until(lambda: line.log.count("renew") >= renewed + 3, meanwhile=world.renew_now)

    assert len(world.store.names(blobs.CHECKPOINTS)) == 2
    finish(world)


def test_a_renewal_waits_for_a_slow_write_but_not_for_long(world: World) -> None:
    line, stuck = Line(), threading.Event()
    world.start(line, name="c-b")
    take_step(world, 1)
    line.before("checkpoint", lambda: stuck.wait(60))
    # One row's state is on its way for good; the message is renewed without it, and with that of the other row.
    until(lambda: named(world) in ([{0: 1}], [{1: 1}]), meanwhile=world.renew_now)

    stuck.set()
    finish(world)

    assert world.tear_down().rows.missing == 0


def test_a_checkpoint_that_is_gone_lets_its_row_begin_anew(world: World, caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    consumer = world.start(line, name="c-b")
    take_step(world, 1)
    until(lambda: named(world) == [{0: 1, 1: 1}], meanwhile=world.renew_now)
    line.kill()
    consumer.join()
    (body,) = world.bodies()
    (world.folder / "run" / body.checkpoints[0]).unlink()

    world.end_leases()
    finish(world)

    assert began(world) == [[0], [0, 1]]
    line_names(caplog.text, "row 0", "checkpoints/c-b-")


def test_a_row_that_is_handed_back_takes_its_state_along() -> None:
    body = Body("run", "s", 0, ("x",), {row: [row] for row in range(4)}, checkpoints={0: "a.json", 3: "b.json"})
    held = HeldMessage(Message("m", "r", "", deliveries=1), body, renew_at=10.0)
    (tail,) = held.take_tail(2, 1)

    assert Body.decode(tail).checkpoints == {3: "b.json"}
    assert Body.decode(held.write().text).checkpoints == {0: "a.json"}
    assert [row for row in range(4) if held.owns(row)] == [0, 1]
