"""Whatever is asked of the SQLite queue, in whatever order, it answers like a model of twenty lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from places import Clock, refused
from profiles import examples

from hyperscale.node.storing.queues import LeaseLostError
from hyperscale.node.storing.queues.sqlite import SqliteQueue

SECONDS = st.integers(1, 40)


@dataclass
class Expected:
    """A message of the model: when it is visible, how often it was received, and its one receipt that counts."""

    number: int
    body: str
    visible_at: float
    deliveries: int = 0
    receipt: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Ticket:
    """What some holder remembers of a message, be it ever so old."""

    number: int
    id: str
    receipt: str


class QueueModel(RuleBasedStateMachine):
    """Several holders put, receive, wait, renew, release and delete, with receipts old and new."""

    @initialize()
    def make(self) -> None:
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.path = Path(self.folder.name) / "queue.sqlite"
        self.holders = [SqliteQueue(self.path, clock=self.clock) for _ in range(2)]
        self.holders[0].create()
        self.expected: dict[int, Expected] = {}
        self.tickets: list[Ticket] = []
        self.puts = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for holder in self.holders:
                holder.close()
            self.folder.cleanup()

    @rule(holder=st.integers(0, 1), text=st.text(max_size=5))
    def put(self, holder: int, text: str) -> None:
        body = f"{self.puts} {text}"
        self.holders[holder].put(body)
        self.expected[self.puts] = Expected(self.puts, body, self.clock.now)
        self.puts += 1

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(holder=st.integers(0, 1), count=st.integers(1, 4), lease_seconds=SECONDS)
    def receive(self, holder: int, count: int, lease_seconds: int) -> None:
        visible = [message for message in self.expected.values() if message.visible_at <= self.clock.now]
        visible.sort(key=lambda message: (message.visible_at, message.number))

        found = self.holders[holder].receive(count, lease_seconds)

        assert [message.body for message in found] == [message.body for message in visible[:count]]
        for message, known in zip(found, visible, strict=False):
            known.deliveries += 1
            assert message.deliveries == known.deliveries
            assert known.id in (None, message.id)
            assert message.receipt not in {ticket.receipt for ticket in self.tickets if ticket.id == message.id}
            self._hand_over(known, message.id, message.receipt, lease_seconds)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), holder=st.integers(0, 1), lease_seconds=st.just(0) | SECONDS)
    def update(self, data: st.DataObject, holder: int, lease_seconds: int) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        known, body = self._owned(ticket), f"{ticket.number} again"
        if known is None:
            with refused(LeaseLostError):
                self.holders[holder].update(ticket.id, ticket.receipt, body, lease_seconds)
            return

        receipt = self.holders[holder].update(ticket.id, ticket.receipt, body, lease_seconds)

        assert receipt not in {old.receipt for old in self.tickets if old.id == ticket.id}
        known.body = body
        self._hand_over(known, ticket.id, receipt, lease_seconds)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), holder=st.integers(0, 1))
    def delete(self, data: st.DataObject, holder: int) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        if self._owned(ticket) is None:
            with refused(LeaseLostError):
                self.holders[holder].delete(ticket.id, ticket.receipt)
            return

        self.holders[holder].delete(ticket.id, ticket.receipt)

        del self.expected[ticket.number]

    @rule(holder=st.integers(0, 1))
    def expire_leases(self, holder: int) -> None:
        leased = [message for message in self.expected.values() if message.visible_at > self.clock.now]

        assert self.holders[holder].expire_leases() == len(leased)

        for message in leased:
            message.visible_at = self.clock.now

    @rule(holder=st.integers(0, 1))
    def start_again(self, holder: int) -> None:
        self.holders[holder].close()
        self.holders[holder] = SqliteQueue(self.path, clock=self.clock)

    @invariant()
    def the_depth_is_right(self) -> None:
        assert [holder.depth() for holder in self.holders] == [len(self.expected)] * 2

    def _owned(self, ticket: Ticket) -> Expected | None:
        """Return the message if the ticket holds its newest receipt."""
        known = self.expected.get(ticket.number)
        return known if known and known.receipt == ticket.receipt else None

    def _hand_over(self, known: Expected, message_id: str, receipt: str, lease_seconds: int) -> None:
        known.id, known.receipt, known.visible_at = message_id, receipt, self.clock.now + lease_seconds
        self.tickets.append(Ticket(known.number, message_id, receipt))


QueueModel.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40)
TestQueueModel = QueueModel.TestCase
