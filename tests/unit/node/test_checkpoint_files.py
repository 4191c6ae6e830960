"""`context.checkpoint` and `context.last_checkpoint`, as an activity sees them."""

import logging
import random
import threading

import numpy as np
import pytest
from consumer_site import failed, succeeded
from wordings import Wording, names

from hyperscale.body import MAX_BODY_BYTES, Body
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.storing.queues import Message
from hyperscale.node.working.activity import Context
from hyperscale.node.working.checkpoint_files import drop_state, rows_with_state
from hyperscale.node.working.results import ResultError


@pytest.fixture
def context(tmp_path):
    return Context("run", 0, {}, {}, tmp_path / "worker-0-0", logging.getLogger("test"), row_index=4)


def test_a_row_without_a_checkpoint_has_none(context):
    assert context.last_checkpoint is None


def test_the_newest_state_is_found_in_values_of_json(context, tmp_path):
    context.checkpoint({"epoch": 1})
    context.checkpoint({"epoch": np.int64(2), "best": float("inf"), "seen": (1, 2), "own": {"$number": "NaN"}, 7: 1})

    own = {"$number": "NaN"}
    assert context.last_checkpoint == {"epoch": 2, "best": float("inf"), "seen": [1, 2], "own": own, "7": 1}
    assert list(rows_with_state(tmp_path)) == [4]
    drop_state(tmp_path, 4)
    assert context.last_checkpoint is None


def test_a_state_that_changes_later_is_kept_as_it_was(context):
    state = {"epoch": 1}
    context.checkpoint(state)
    state["epoch"] = 2

    assert context.last_checkpoint == {"epoch": 1}


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        (
            {"model": b"x"},
            ("state['model']", "bytes"),
        ),
        ({1, 2}, ("state", "set")),
        ("x" * 2_000_000, ("state", "2,000,002", "1,048,576")),
    ],
)
def test_what_cannot_be_stored_leaves_the_earlier_state(context, state, parts, wording: Wording):
    context.checkpoint("earlier")

    with pytest.raises(ResultError) as refused:
        context.checkpoint(state)

    names(refused, *parts)
    wording(refused)

    assert context.last_checkpoint == "earlier"


def test_there_is_no_checkpoint_without_a_row(context, wording: Wording):
    with pytest.raises(RuntimeError) as refused:
        context.shared().checkpoint(1)
    names(refused, "context.checkpoint", "context.rows[0].checkpoint")
    wording(refused)
    with pytest.raises(RuntimeError) as refused:
        context.shared().last_checkpoint  # noqa: B018
    names(refused, "context.last_checkpoint")
    wording(refused)


def test_threads_that_checkpoint_one_row_leave_a_whole_state(context):
    states = [[number] * 10_000 for number in range(4)]
    threads = [threading.Thread(target=lambda s=state: [context.checkpoint(s) for _ in range(20)]) for state in states]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert context.last_checkpoint in (None, *states)
    for thread in threads:
        thread.join()

    assert context.last_checkpoint in states


@pytest.mark.parametrize("end", ["raise ValueError('no')", "os._exit(3)", "time.sleep(60)"])
def test_the_next_attempt_of_a_row_goes_on_from_its_state(site, end):
    site.seed(6)
    source = (
        "import os, time\n"
        "def fit(row, context):\n"
        "    found = context.last_checkpoint\n"
        "    context.checkpoint({'row': row['id'], 'attempt': context.attempt})\n"
        "    if context.attempt == 1 and row['id'] != 'k5':\n"
        f"        {end}\n"
        "    return found"
    )

    site.run(source, timeout_seconds=1.0)

    outcomes = site.outcomes()
    assert succeeded(outcomes) == list(range(6))
    assert outcomes[3][0]["result"] == {"row": "k3", "attempt": 1}
    assert outcomes[5][0]["result"] is None


def test_each_row_of_a_call_has_a_state_of_its_own(site):
    site.seed(4)
    source = (
        "def fit(rows, context):\n"
        "    found = [each.last_checkpoint for each in context.rows]\n"
        "    for row, each in zip(rows, context.rows): each.checkpoint(row['id'])\n"
        "    if len(rows) > 1: raise ValueError('together')\n"
        "    return found"
    )

    site.run(source, rows_per_call=4, workers=1)

    assert [site.outcome(row)["result"] for row in range(4)] == ["k0", "k1", "k2", "k3"]


def test_calls_in_flight_have_states_of_their_own(site):
    site.seed(8)
    source = (
        "import asyncio\n"
        "async def fit(row, context):\n"
        "    found = context.last_checkpoint\n"
        "    context.checkpoint(row['id'])\n"
        "    await asyncio.sleep(0.01)\n"
        "    assert context.attempt == 2\n"
        "    return found"
    )

    site.run(source, concurrency=4)

    assert [site.outcome(row)["result"] for row in range(8)] == [f"k{row}" for row in range(8)]


def test_a_state_in_set_up_breaks_the_start_with_what_to_do(site):
    site.seed(1)

    broken = site.run(
        "class fit:\n    def set_up(self, context): context.checkpoint(1)\n    def run(self, row): return 1", workers=1
    )

    names(broken, "context.checkpoint", "set_up")


def test_a_state_that_cannot_be_stored_fails_its_row_alone(site):
    site.seed(3)

    site.run("def fit(row, context):\n    if row['id'] == 'k1': context.checkpoint(b'x')\n    return 1")

    assert failed(site.outcomes()) == [1]
    names(site.outcome(1)["failure"]["message"], "state", "bytes")


def test_states_of_rows_that_are_done_are_removed_and_were_never_sent(site):
    site.seed(20)

    site.run("def fit(row, context):\n    for step in range(50): context.checkpoint(step)\n    return 1")

    assert succeeded(site.outcomes()) == list(range(20))
    assert site.store.names("checkpoints/") == []
    assert [name for folder in (site.folder / "scratch").iterdir() for name in rows_with_state(folder)] == []


def test_names_of_states_are_left_out_of_a_body_that_has_no_room_for_them():
    rows, chance = {row: [row] for row in range(2_000)}, random.Random(1)
    names = {row: f"checkpoints/c-{chance.randbytes(24).hex()}-000000.json" for row in rows}
    held = HeldMessage(Message("m", "r", "", deliveries=1), Body("run", "s", 0, ("x",), rows), renew_at=1.0)
    held.checkpoints.update(names)

    body = Body.decode(held.write().text)

    assert len(held.write().text) <= MAX_BODY_BYTES
    assert len(body.rows) == 2_000
    assert body.checkpoints == {}
