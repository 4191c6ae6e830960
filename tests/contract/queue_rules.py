"""What each queue must do (protocol section 2, and 7 to 9 of section 7): plain functions that take a place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context

from places import QueuePlace, refused
from profiles import size

from hyperscale.body import MAX_BODY_BYTES
from hyperscale.node.storing.queues import LeaseLostError, Message, Queue, QueueGoneError

Rule = Callable[[QueuePlace], None]
PROCESSES = size(2, 4)


def made(place: QueuePlace, *bodies: str) -> Queue:
    queue = place.open()
    queue.create()
    for body in bodies:
        queue.put(body)
    return queue


def received(queue: Queue, *, lease_seconds: float = 60) -> Message:
    found = queue.receive(1, lease_seconds)
    assert len(found) == 1, f"one message was expected to be visible, not {len(found)}"
    return found[0]


def a_message_arrives_as_it_was_put(place: QueuePlace) -> None:
    bodies = ["plain", 'quotes " and \\ and \n and ${{x}}', "Zeilen äöü 行 🙂", "x" * MAX_BODY_BYTES]
    bodies += ["", " blanks \n", "<&>]]>&amp;", "<" * MAX_BODY_BYTES, "=", "==", "=YQ==", "\r\n", "\0\1\x7f\x85\ufffe"]
    queue = made(place, *bodies)

    messages = [received(queue) for _ in bodies]

    assert sorted(message.body for message in messages) == sorted(bodies)
    assert [message.deliveries for message in messages] == [1] * len(bodies)
    assert len({message.id for message in messages}) == len(bodies)


def a_message_is_visible_to_others_at_once(place: QueuePlace) -> None:
    queue, other = made(place), place.open()

    queue.put("m")

    assert received(other).body == "m"


def an_empty_queue_gives_nothing(place: QueuePlace) -> None:
    queue = made(place)

    assert queue.receive(32, 60) == []
    assert queue.depth() == 0


def a_received_message_is_invisible_until_its_lease_runs_out(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()

    first = received(queue, lease_seconds=2 * place.lease_seconds)
    place.advance(place.lease_seconds)
    during = other.receive(32, 60)
    place.let_leases_run_out()
    second = received(other)

    assert during == []
    assert (second.id, second.body, second.deliveries) == (first.id, "m", 2)
    assert second.receipt != first.receipt


def many_messages_are_received_at_once_each_to_one_holder(place: QueuePlace) -> None:
    queue, other = made(place, *map(str, range(40))), place.open()

    counts = [len(holder.receive(count, 60)) for holder, count in ((queue, 32), (other, 5), (other, 32))]

    assert counts == [32, 5, 3]


def a_receive_of_no_or_of_too_many_messages_is_refused(place: QueuePlace) -> None:
    queue = made(place, "m")

    for count in (0, 33):
        with refused(ValueError):
            queue.receive(count, 60)


def a_lease_that_ran_out_keeps_its_receipt_for_an_update(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()
    message = received(queue, lease_seconds=place.lease_seconds)
    place.let_leases_run_out()

    queue.update(message.id, message.receipt, "m2", lease_seconds=60)

    assert other.receive(1, 60) == []


def a_lease_that_ran_out_keeps_its_receipt_for_a_delete(place: QueuePlace) -> None:
    queue = made(place, "m")
    message = received(queue, lease_seconds=place.lease_seconds)
    place.let_leases_run_out()

    queue.delete(message.id, message.receipt)

    assert queue.depth() == 0


def an_older_receipt_dies_when_somebody_else_receives(place: QueuePlace) -> None:
    frozen, other = made(place, "m"), place.open()
    old = received(frozen, lease_seconds=place.lease_seconds)
    place.let_leases_run_out()
    new = received(other, lease_seconds=place.lease_seconds)

    with refused(LeaseLostError):
        frozen.update(old.id, old.receipt, "of the frozen one", lease_seconds=60)
    with refused(LeaseLostError):
        frozen.delete(old.id, old.receipt)

    place.let_leases_run_out()
    assert received(other).body == "m"
    assert new.receipt != old.receipt


def a_refused_owner_does_not_disturb_the_new_one(place: QueuePlace) -> None:
    frozen, other = made(place, "m"), place.open()
    old = received(frozen, lease_seconds=place.lease_seconds)
    place.let_leases_run_out()
    new = received(other)
    with refused(LeaseLostError):
        frozen.update(old.id, old.receipt, "of the frozen one", lease_seconds=0)

    receipt = other.update(new.id, new.receipt, "of the new one", lease_seconds=60)
    other.delete(new.id, receipt)

    assert other.depth() == 0


def an_update_changes_body_and_lease_and_counts_no_delivery(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()
    message = received(queue, lease_seconds=place.lease_seconds)

    receipt = queue.update(message.id, message.receipt, "m2", lease_seconds=2 * place.lease_seconds)
    place.advance(place.lease_seconds)
    during = other.receive(1, 60)
    place.let_leases_run_out()
    after = received(other)

    assert receipt != message.receipt
    assert during == []
    assert (after.id, after.body, after.deliveries) == (message.id, "m2", 2)


def an_update_repeated_with_the_old_receipt_is_refused(place: QueuePlace) -> None:
    queue = made(place, "m")
    message = received(queue)
    receipt = queue.update(message.id, message.receipt, "m2", lease_seconds=60)

    with refused(LeaseLostError):
        queue.update(message.id, message.receipt, "m3", lease_seconds=60)
    with refused(LeaseLostError):
        queue.delete(message.id, message.receipt)

    queue.update(message.id, receipt, "m4", lease_seconds=0)
    assert received(queue).body == "m4"


def an_update_to_no_lease_releases_the_message(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()
    message = received(queue)

    queue.update(message.id, message.receipt, "rest", lease_seconds=0)

    again = received(other)
    assert (again.id, again.body, again.deliveries) == (message.id, "rest", 2)


def a_released_message_belongs_to_its_owner_until_somebody_receives_it(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()
    message = received(queue)
    receipt = queue.update(message.id, message.receipt, "rest", lease_seconds=0)
    received(other)

    with refused(LeaseLostError):
        queue.delete(message.id, receipt)

    assert other.depth() == 1


def an_update_without_a_lease_is_no_update(place: QueuePlace) -> None:
    queue = made(place, "m")
    message = received(queue)

    with refused(TypeError):
        queue.update(message.id, message.receipt, "m2")  # type: ignore[call-arg]

    with refused(ValueError):
        queue.update(message.id, message.receipt, "m2", lease_seconds=-1)


def a_deleted_message_is_gone_for_everybody(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()
    message = received(queue, lease_seconds=place.lease_seconds)
    queue.delete(message.id, message.receipt)
    place.let_leases_run_out()

    with refused(LeaseLostError):
        queue.delete(message.id, message.receipt)
    with refused(LeaseLostError):
        queue.update(message.id, message.receipt, "m2", lease_seconds=60)

    assert other.receive(1, 60) == []
    assert other.depth() == 0


def a_receipt_opens_no_other_message(place: QueuePlace) -> None:
    queue = made(place, "a", "b")
    one, two = queue.receive(2, 60)
    receipt = queue.update(one.id, one.receipt, "a", lease_seconds=60)

    with refused(LeaseLostError):
        queue.delete(two.id, receipt)
    with refused(LeaseLostError):
        queue.update(two.id, receipt, "stolen", lease_seconds=60)

    queue.delete(two.id, two.receipt)
    assert queue.depth() == 1


def a_made_up_receipt_is_refused(place: QueuePlace) -> None:
    queue = made(place, "m")
    message = received(queue)

    for message_id, receipt in ((message.id, "made up"), ("made up", message.receipt), ("", "")):
        with refused(LeaseLostError):
            queue.delete(message_id, receipt)

    assert queue.depth() == 1


def the_depth_counts_each_message_that_is_not_deleted(place: QueuePlace) -> None:
    queue, other = made(place, "just put", "leased", "released"), place.open()
    for _ in range(3):
        message = received(queue, lease_seconds=place.lease_seconds)
        if message.body == "released":
            queue.update(message.id, message.receipt, "released", lease_seconds=0)
        elif message.body == "just put":
            queue.delete(message.id, message.receipt)
            queue.put("just put")

    depth = other.depth()
    place.let_leases_run_out()

    assert depth == 3
    assert other.depth() == 3


def a_body_over_64_kib_is_refused_and_changes_nothing(place: QueuePlace) -> None:
    queue = made(place, "m")
    message = received(queue)

    for body in ("x" * (MAX_BODY_BYTES + 1), "ä" * (MAX_BODY_BYTES // 2 + 1)):
        with refused(ValueError):
            queue.put(body)
        with refused(ValueError):
            queue.update(message.id, message.receipt, body, lease_seconds=0)

    assert queue.depth() == 1
    assert queue.receive(1, 60) == []


def every_request_says_that_there_is_no_queue(place: QueuePlace) -> None:
    never_made = place.open()
    _refuses_everything(never_made, Message("0-1", "1", "m", 1))

    queue, other = made(place, "m"), place.open()
    message = received(other)
    queue.remove()

    _refuses_everything(other, message)
    _refuses_everything(queue, message)


def _refuses_everything(queue: Queue, message: Message) -> None:
    for request in (
        lambda: queue.put("m"),
        lambda: queue.receive(1, 60),
        lambda: queue.update(message.id, message.receipt, "m", lease_seconds=60),
        lambda: queue.delete(message.id, message.receipt),
        queue.depth,
    ):
        with refused(QueueGoneError):
            request()


def a_queue_that_exists_is_made_again_without_a_loss(place: QueuePlace) -> None:
    queue, other = made(place, "m"), place.open()

    other.create()
    queue.create()

    assert other.depth() == 1
    assert received(queue).body == "m"


def a_removal_may_be_repeated(place: QueuePlace) -> None:
    place.open().remove()
    queue = made(place, "m")

    queue.remove()
    queue.remove()

    with refused(QueueGoneError):
        queue.depth()


def a_receipt_of_a_removed_queue_fits_nothing_in_the_next_one(place: QueuePlace) -> None:
    thawed, other = made(place, "m"), place.open()
    old = received(thawed)
    other.remove()
    other.create()
    other.put("m")
    new = received(other)

    with refused(LeaseLostError):
        thawed.delete(old.id, old.receipt)
    with refused(LeaseLostError):
        thawed.update(old.id, old.receipt, "of the thawed one", lease_seconds=0)

    other.delete(new.id, new.receipt)
    assert thawed.depth() == 0


def threads_of_one_process_share_a_queue(place: QueuePlace) -> None:
    queue = made(place)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(queue.put, map(str, range(64))))

        found = list(threads.map(lambda _: received(queue), range(64)))

    assert {message.body for message in found} == set(map(str, range(64)))
    assert queue.receive(1, 60) == []


def processes_never_hold_one_message_at_the_same_time(place: QueuePlace) -> None:
    with closing(place.opener()) as queue:
        queue.create()
        for number in range(place.many):
            queue.put(str(number))

    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        answers = [processes.submit(drained, place.opener) for _ in range(PROCESSES)]
        found = [pair for answer in answers for pair in answer.result(timeout=60)]

    assert sorted(found) == sorted((str(number), 1) for number in range(place.many))
    assert place.open().depth() == 0


def drained(opener: Callable[[], Queue]) -> list[tuple[str, int]]:
    """Receive, renew and delete until nothing is left; return body and deliveries of what this process held."""
    queue, found = opener(), []
    while queue.depth():
        for message in queue.receive(3, 600):
            found.append((message.body, message.deliveries))
            receipt = queue.update(message.id, message.receipt, message.body, lease_seconds=600)
            queue.delete(message.id, receipt)
    queue.close()
    return found


def processes_put_and_none_is_lost(place: QueuePlace) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        answers = [processes.submit(filled, place.opener, number) for number in range(PROCESSES)]
        for answer in answers:
            answer.result(timeout=60)

    with closing(place.opener()) as queue:
        found = {message.body for _ in range(PROCESSES) for message in queue.receive(25, 600)}
    assert found == {f"{number}-{index}" for number in range(PROCESSES) for index in range(25)}


def filled(opener: Callable[[], Queue], number: int) -> None:
    """Make the queue as each seed does, and put 25 messages."""
    queue = opener()
    queue.create()
    for index in range(25):
        queue.put(f"{number}-{index}")
    queue.close()


RULES: tuple[Rule, ...] = (
    a_message_arrives_as_it_was_put,
    a_message_is_visible_to_others_at_once,
    an_empty_queue_gives_nothing,
    a_received_message_is_invisible_until_its_lease_runs_out,
    many_messages_are_received_at_once_each_to_one_holder,
    a_receive_of_no_or_of_too_many_messages_is_refused,
    a_lease_that_ran_out_keeps_its_receipt_for_an_update,
    a_lease_that_ran_out_keeps_its_receipt_for_a_delete,
    an_older_receipt_dies_when_somebody_else_receives,
    a_refused_owner_does_not_disturb_the_new_one,
    an_update_changes_body_and_lease_and_counts_no_delivery,
    an_update_repeated_with_the_old_receipt_is_refused,
    an_update_to_no_lease_releases_the_message,
    a_released_message_belongs_to_its_owner_until_somebody_receives_it,
    an_update_without_a_lease_is_no_update,
    a_deleted_message_is_gone_for_everybody,
    a_receipt_opens_no_other_message,
    a_made_up_receipt_is_refused,
    the_depth_counts_each_message_that_is_not_deleted,
    a_body_over_64_kib_is_refused_and_changes_nothing,
    every_request_says_that_there_is_no_queue,
    a_queue_that_exists_is_made_again_without_a_loss,
    a_removal_may_be_repeated,
    a_receipt_of_a_removed_queue_fits_nothing_in_the_next_one,
    threads_of_one_process_share_a_queue,
    processes_never_hold_one_message_at_the_same_time,
    processes_put_and_none_is_lost,
)
