"""Consumers that receive, renew, split, spill, commit, leave and die in any order: no row is lost, none decided twice.

Queue, store and the books of consumers are the real ones. Requests are carried out one by one, in an order that the
test draws; a crash may come between any two of them, and what was on its way may still arrive later.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from profiles import examples

from hyperscale import blobs
from hyperscale.body import Body
from hyperscale.errors import HyperscaleError
from hyperscale.ledger import Line, failed_line, merge, succeeded_line
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals
from hyperscale.node.consuming.checkpoints import Checkpoints
from hyperscale.node.consuming.custody import Custody
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.control import SeedRecord, write_seed
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore

ROWS, ROWS_PER_MESSAGE, MAX_ATTEMPTS = 6, 3, 2
LEASE = 30.0
#: An outcome of this size does not fit into a message, compressed as it is.
LARGE_BYTES = 100_000

Request = Callable[[], Any]


class Errands(Background):
    """Requests that wait until the test carries one out; in place of threads, which would choose the order."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Request, Callable[[Request], None]]] = deque()

    def ask(self, request: Request, then: Callable[[Request], None]) -> None:
        self.waiting.append((request, then))

    def take(self, place: int) -> tuple[Request, Callable[[Request], None]]:
        self.waiting.rotate(-(place % len(self.waiting)))
        return self.waiting.popleft()

    def carry_out(self, place: int = 0) -> None:
        request, then = self.take(place)
        try:
            answer = request()
        except HyperscaleError as error:
            then(lambda error=error: _raise(error))
        else:
            then(lambda: answer)


def _raise(error: HyperscaleError) -> None:
    raise error


class Consumer:
    """The books of one consumer, and the rows that its workers are on."""

    def __init__(self, run: Run, number: int) -> None:
        self.name = f"c-{number:04d}"
        self.errands = Errands()
        self.custody = Custody(
            run.queue, run.store, self.errands,
            Checkpoints(run.store, self.errands, run.folder / "scratch", self.name, lease_seconds=LEASE),
            run_id="run", consumer=self.name, lease_seconds=LEASE, clock=lambda: run.now,
        )  # fmt: skip
        self.in_flight: list[tuple[HeldMessage, int]] = []
        self.flush: bool | None = None

    def is_held(self, message: HeldMessage) -> bool:
        return self.custody.held.get(message.id) is message


class Run:
    """A seeded run, its consumers, and requests of dead ones that are still on their way."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        self.folder = folder
        self.queue = SqliteQueue(folder / "queue.sqlite", clock=lambda: self.now)
        self.store = FolderStore(folder)
        self.queue.create()
        for batch, start in enumerate(range(0, ROWS, ROWS_PER_MESSAGE)):
            rows = {index: [index] for index in range(start, start + ROWS_PER_MESSAGE)}
            self.queue.put(Body("run", "s", batch, ("x",), rows).encode())
        write_seed(self.store, SeedRecord("s", ROWS, 2, ("x",), {}, None, "", 0.0))
        self.executions = self.consumers_made = 0
        self.consumers = [self.new_consumer() for _ in range(2)]
        self.late: list[Request] = []
        self.parts: dict[str, list[tuple[int, bool, bytes]]] = {}
        self.final: dict[int, bytes] = {}

    def new_consumer(self) -> Consumer:
        self.consumers_made += 1
        return Consumer(self, self.consumers_made)

    def bodies(self) -> list[Body]:
        with closing(sqlite3.connect(self.folder / "queue.sqlite")) as database:
            return [Body.decode(text) for (text,) in database.execute("SELECT body FROM messages")]

    def read_parts(self) -> None:
        for name in self.store.names(blobs.LEDGER):
            if name not in self.parts:
                self.parts[name] = list(part_lines(self.store, name))

    def rows_somewhere(self) -> set[int]:
        """Return the rows that are in a message or in the ledger; what consumers remember does not count."""
        bodies = self.bodies()
        self.read_parts()
        in_parts = {row for lines in self.parts.values() for row, _, _ in lines}
        riding = {_row_of(line) for body in bodies for line in body.outcomes}
        return in_parts | riding | {row for body in bodies for row in body.rows}

    def sealed(self) -> dict[int, bytes]:
        """Return the line that decides each row, by all seals so far."""
        lines = (
            Line(seal.number, row, succeeded, text)
            for seal in read_seals(self.store)
            for name in seal.parts
            for row, succeeded, text in part_lines(self.store, name)
        )
        return {row: line.content for row, line in merge(lines).items()}

    def line(self, consumer: Consumer, row: int, *, succeeded: bool, size: int) -> str:
        self.executions += 1
        said = f"{self.executions} {random.Random(self.executions).randbytes(size // 2).hex()}"
        facts: dict[str, Any] = {"seconds": 0.0, "started_at": 0.0, "consumer": consumer.name, "worker": 0}
        if succeeded:
            return succeeded_line(row, attempts=1, result=f'"{said}"', **facts)
        return failed_line(row, attempts=MAX_ATTEMPTS, failure={"message": said}, **facts)


def _row_of(line: str) -> int:
    return int(line.partition(":")[2].partition(",")[0])


CONSUMERS = st.integers(0, 1)
_OFTEN = ("turn", "request", "row succeeds")
STEPS = st.sampled_from([*_OFTEN, *_OFTEN, *_OFTEN, "row grows", "row fails", "split", "wait"])
#: Where files cost no wait for a disk, if there is such a place.
MEMORY = Path("/dev/shm")


class RowProtocol(RuleBasedStateMachine):
    @initialize()
    def seed(self) -> None:
        self.folder = TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        self.run = Run(Path(self.folder.name))

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        try:
            self.come_to_the_end()
        finally:
            self.run.queue.close()
            self.folder.cleanup()

    # ---- what consumers do

    @rule(which=CONSUMERS, steps=st.lists(STEPS, min_size=12, max_size=30), place=st.integers(0, 3))
    def work(self, which: int, steps: list[str], place: int) -> None:
        """Let a consumer go on, one small step after the other."""
        for step in steps:
            consumer = self.run.consumers[which]
            if step == "turn":
                self.turn(consumer)
            elif step == "request" and consumer.errands.waiting:
                consumer.errands.carry_out(place)
                self.no_row_is_lost()
            elif step == "split":
                self.split(consumer)
            elif step == "wait":
                self.run.now += 2.5
            elif step.startswith("row "):
                self.finish(consumer, step)

    def turn(self, consumer: Consumer) -> None:
        """Do what the loop of a consumer does between two looks at its workers."""
        custody = consumer.custody
        if consumer.flush is not None:
            custody.release(flush=consumer.flush)
            if custody.is_idle:
                self.run.consumers[self.run.consumers.index(consumer)] = self.run.new_consumer()
            return
        if not custody.waiting_rows and not custody.is_receiving:
            custody.receive()
        for message in custody.held.values():
            order = message.take_order(1, 1) if len(consumer.in_flight) < 2 else None
            consumer.in_flight += [(message, row) for row in order.row_indices] if order else []
        custody.tend()

    def finish(self, consumer: Consumer, how: str) -> None:
        """Let a worker be done with the row that it has had longest."""
        if not consumer.in_flight:
            return
        message, row = consumer.in_flight.pop(0)
        succeeds, size = how != "row fails", LARGE_BYTES if how == "row grows" else 0
        if not consumer.is_held(message):
            return
        if succeeds or message.charge(row) >= MAX_ATTEMPTS:
            message.finish([row], [self.run.line(consumer, row, succeeded=succeeds, size=size)])
        else:
            message.delay(row, self.run.now + 1.0)

    def split(self, consumer: Consumer) -> None:
        """Hand rows that wait back as new messages (rule 17)."""
        for message in list(consumer.custody.held.values()) if consumer.flush is None else ():
            if message.spare_rows and not message.busy:
                consumer.custody.hand_back(message, message.spare_rows, min(2, message.spare_rows))

    # ---- what happens to them

    @rule(which=CONSUMERS, flush=st.booleans())
    def leave(self, which: int, flush: bool) -> None:
        """Ask a consumer to leave in good order: to release what it holds, and to start nothing more."""
        self.run.consumers[which].flush = flush

    @rule(which=CONSUMERS)
    def lose_workers(self, which: int) -> None:
        consumer = self.run.consumers[which]
        for message, row in consumer.in_flight:
            if consumer.is_held(message):
                message.give_back([row])
        consumer.in_flight.clear()

    @rule(which=CONSUMERS, place=st.integers(0, 3), fate=st.sampled_from(["lost", "carried out", "late"]))
    def crash(self, which: int, place: int, fate: str) -> None:
        """Kill a consumer; a request of it that was on its way is lost, carried out unheard, or arrives later."""
        errands = self.run.consumers[which].errands
        if errands.waiting and fate != "lost":
            request, _ = errands.take(place)
            self.run.late.append(request)
            if fate == "carried out":
                self.arrive()
        self.run.consumers[which] = self.run.new_consumer()

    @precondition(lambda self: self.run.late)
    @rule()
    def arrive(self) -> None:
        with suppress(HyperscaleError):
            self.run.late.pop()()

    @rule(seconds=st.sampled_from([LEASE / 2, LEASE * 2]))
    def pass_time(self, seconds: float) -> None:
        """Let renewals be due, or leases run out."""
        self.run.now += seconds

    @rule()
    def seal(self) -> None:
        Chain(self.run.store, ROWS).seal("user: enough", self.run.now)
        sealed = self.run.sealed()
        assert sealed.items() >= self.run.final.items(), "what was final has changed"
        self.run.final = sealed

    # ---- what always holds

    @invariant()
    def no_row_is_lost(self) -> None:
        if hasattr(self, "run"):
            assert self.run.rows_somewhere() == set(range(ROWS))

    def come_to_the_end(self) -> None:
        """Let one more consumer do what is left; then the table has each row once, and what was final is in it."""
        run = self.run
        while run.late:
            self.arrive()
        for _ in range(400):
            run.queue.expire_leases()
            if not run.queue.depth():
                break
            self.live(run.new_consumer())
        run.read_parts()
        for name, lines in run.parts.items():
            assert lines == list(part_lines(run.store, name)), "a part has changed"
        seal = Chain(run.store, ROWS).seal("", run.now)[-1]
        assert (seal.state, seal.succeeded + seal.failed, seal.missing) == ("complete", ROWS, 0)
        sealed = run.sealed()
        assert sorted(sealed) == list(range(ROWS))
        assert sealed.items() >= run.final.items()
        parts = [name for seal in read_seals(run.store) for name in seal.parts]
        assert seal.duplicates == sum(len(run.parts[name]) for name in parts) - ROWS

    def live(self, consumer: Consumer) -> None:
        """Receive one message and bring it to its end."""
        consumer.custody.receive()
        while consumer.errands.waiting or consumer.custody.held:
            while consumer.errands.waiting:
                consumer.errands.carry_out()
            for message in consumer.custody.held.values():
                order = message.take_order(ROWS, 1)
                for row in order.row_indices if order else ():
                    message.finish([row], [self.run.line(consumer, row, succeeded=True, size=0)])
            self.run.now += 2.5
            consumer.custody.tend()


RowProtocol.TestCase.settings = settings(max_examples=examples(80), stateful_step_count=20)
TestRowProtocol = RowProtocol.TestCase


def test_a_message_is_renewed_at_each_third_of_its_lease(tmp_path: Path) -> None:
    run = Run(tmp_path)
    consumer, began_at = run.consumers[0], run.now
    consumer.custody.receive()
    consumer.errands.carry_out()

    renewed_at = []
    for _ in range(2 * int(LEASE)):
        run.now += 1.0
        consumer.custody.tend()
        if consumer.errands.waiting:
            renewed_at.append((run.now - began_at) / LEASE)
            consumer.errands.carry_out()
    run.queue.close()

    assert renewed_at == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])


def test_a_renewal_that_comes_too_late_does_not_take_away_what_was_received_again_since(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for consumer in run.consumers:  # one message each
        consumer.custody.receive()
        consumer.errands.carry_out()
    consumer = run.consumers[0]
    (before,) = consumer.custody.held.values()
    run.now += LEASE + 1.0
    consumer.custody.tend()  # the renewal is on its way

    consumer.custody.receive()
    consumer.errands.carry_out(1)
    consumer.errands.carry_out()
    run.queue.close()

    (held,) = consumer.custody.held.values()
    assert held.id == before.id
    assert held is not before
    assert held.rows == before.rows
