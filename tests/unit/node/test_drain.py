"""What teardown does next, for each thing that it may see."""

from dataclasses import replace

import pytest
from wordings import Wording, names

from hyperscale.experiment import Limits
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.ending.drain import Beat, Cancel, Look, Seal, View, Wait, beat_of, decide
from hyperscale.node.ending.limits import passes_max_failed

LEASE = 60.0
VIEW = View(
    rows=1000,
    depth=5,
    beats=(),
    consumers=2,
    lease_seconds=LEASE,
    seconds=10.0,
    limits=Limits(max_cost_usd=None, max_hours=24, max_failed=None),
)


def seed(state: str = "running", age_seconds: float = 1.0, message: str = "") -> Beat:
    return Beat("seed-1", "seed", state, age_seconds, message)


def consumer(
    state: str = "running", age_seconds: float = 1.0, message: str = "", succeeded: int = 0, failed: int = 0
) -> Beat:
    return Beat("c-1", "consume", state, age_seconds, message, succeeded, failed)


def step(name: str, status: str = "Failed", error: str = "") -> StepFacts:
    return StepFacts(f"run-{name}", name, status, error)


def of_step(number: int, state: str = "running", age_seconds: float = 1.0) -> Beat:
    return replace(consumer(state, age_seconds), step=f"run-consume_{number}")


#: What an image that cannot be built looks like: no consumer is ever heard of.
NO_IMAGE = tuple(step(f"consume_{number}", error="ImageBuildFailure: pip failed") for number in range(3))
PREEMPTED = tuple(step(f"consume_{number}", error="PreemptionError: Nodes got pre-empted") for number in range(3))


def view(**changes: object) -> View:
    return replace(VIEW, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("why", "seen"),
    [
        ("no process has started", view(rows=None, depth=None)),
        ("the seed works, the queue is not made yet", view(rows=None, depth=None, beats=(seed(),))),
        ("the seed puts rows", view(rows=None, beats=(seed(),))),
        ("the seed has put nothing yet", view(rows=None, depth=0, beats=(seed("starting"),))),
        ("the seed was silent for almost five minutes", view(rows=None, beats=(seed(age_seconds=299),))),
        ("a second seed works on after the first one broke", view(rows=None, beats=(seed("broken"), seed()))),
        ("no consumer has started", view()),
        ("consumers work", view(beats=(consumer(), consumer()))),
        ("one consumer works on", view(beats=(consumer(), consumer("left")))),
        ("all have left just now: teardown may be told to stop too", view(beats=(consumer("left", 4),) * 2)),
        ("a planned consumer has not started", view(beats=(consumer("left", 600),))),
        ("a consumer is silent for less than two leases", view(beats=(consumer("left"), consumer(age_seconds=119)))),
        ("depth 0, looked once, less than a lease ago", view(depth=0, looks=1, empty_seconds=59)),
        ("the queue is gone, looked once", view(depth=None, looks=1, empty_seconds=59)),
        ("two consumers of five are broken", view(consumers=5, beats=(consumer("broken"),) * 2)),
        ("rows succeeded on the others", view(beats=(consumer("broken"),) * 3 + (consumer(succeeded=1),))),
        ("cancelled, a consumer works on", view(cancelled_seconds=119, beats=(consumer("draining"),))),
        ("cancelled while the seed works", view(rows=None, cancelled_seconds=1, beats=(seed(),))),
        ("complete, a consumer is about to leave", view(complete_seconds=1, beats=(consumer(),))),
        ("resumed, the seed has not begun", view(depth=0, seeds_again=True, looks=2, empty_seconds=900)),
        ("the seed's step waits for its node", view(rows=None, depth=None, steps=(step("seed", "Queued"),))),
        ("the seed's step has ended well", view(rows=None, beats=(seed(),), steps=(step("seed", "Completed"),))),
        ("two steps of five never started", view(consumers=5, steps=NO_IMAGE[:2])),
        ("three were preempted before they started", view(consumers=5, steps=PREEMPTED)),
        ("three never started, one works", view(consumers=5, steps=NO_IMAGE, beats=(of_step(4),))),
        ("a spare one waits for a node", view(beats=(consumer("left", 9),) * 2, steps=(step("consume_2", "Queued"),))),
        ("all steps that are seen are over, one is still alive", view(steps=PREEMPTED, beats=(of_step(9),))),
        ("not all steps are there yet", view(consumers=4, steps=PREEMPTED)),
        (
            "cancelled, one step of two runs on",
            view(
                cancelled_seconds=9,
                beats=(of_step(0), of_step(1)),
                steps=(step("consume_0"), step("consume_1", "Running")),
            ),
        ),
        (
            "resumed, the seed works",
            view(depth=None, seeds_again=True, looks=2, empty_seconds=900, beats=(seed(),)),
        ),
    ],
)
def test_it_waits_while(why: str, seen: View) -> None:
    assert decide(seen) == Wait()


@pytest.mark.parametrize(
    ("why", "seen"),
    [
        ("the queue is found empty", view(depth=0, empty_seconds=0.0)),
        ("the queue is found gone", view(depth=None, empty_seconds=0.0)),
        ("rows were missing, and a lease has passed", view(depth=0, looks=1, empty_seconds=60.0)),
        ("the last row passed a limit", view(depth=0, seconds=1e9, empty_seconds=0.0)),
    ],
)
def test_it_looks_at_the_ledger_when(why: str, seen: View) -> None:
    assert decide(seen) == Look()


@pytest.mark.parametrize(
    ("why", "seen"),
    [
        (
            "the ledger is complete and all have left",
            view(complete_seconds=0.0, beats=(seed("left"), consumer("left"))),
        ),
        ("the ledger is complete and a consumer hangs on", view(complete_seconds=5.0, beats=(consumer(),))),
        ("cancelled, all have left", view(cancelled_seconds=0.0, beats=(consumer("left"), consumer("broken")))),
        ("cancelled, the others are silent", view(cancelled_seconds=0.0, beats=(consumer(age_seconds=121),))),
        ("cancelled, two leases have passed", view(cancelled_seconds=120.0, beats=(consumer(),))),
        ("cancelled before anything has started", view(rows=None, depth=None, cancelled_seconds=0.0)),
        (
            "cancelled, the steps of those who are not silent yet are over",
            view(cancelled_seconds=0.0, beats=(seed(), of_step(0)), steps=(step("seed"), step("consume_0"))),
        ),
    ],
)
def test_it_seals_when(why: str, seen: View) -> None:
    assert decide(seen) == Seal()


@pytest.mark.parametrize(
    ("seen", "reason", "parts"),
    [
        (view(rows=None, beats=(seed("broken", message="input.csv is empty"),)), "seed_failed", "input.csv is empty"),
        (view(rows=None, beats=(seed(age_seconds=301),)), "seed_failed", "301 seconds"),
        (view(rows=None, beats=(seed("left"),)), "seed_failed", "queue"),
        (view(depth=0, seeds_again=True, looks=2, beats=(seed("broken", message="no"),)), "seed_failed", "no"),
        (view(beats=(consumer("left", 5), consumer("left", 5))), "stall", "2 consumers"),
        (view(beats=(consumer(age_seconds=121), consumer("left", 60))), "stall", 5),
        (view(consumers=9, beats=(consumer("left", 1801),)), "stall", "30 minutes"),
        (view(depth=0, looks=2, empty_seconds=60), "stall", "queue"),
        (view(depth=None, looks=2, empty_seconds=60), "stall", "queue"),
        (view(consumers=5, beats=(consumer("broken", message="no sweep"),) * 3), "broken", "no sweep"),
        (view(consumers=1, beats=(consumer("broken", message="no sweep"),)), "broken", "no sweep"),
        (view(beats=(consumer("broken", failed=4),) * 2), "broken", ""),
        (view(rows=None, beats=(seed(),), steps=(step("seed", error="killed"),)), "seed_failed", "killed"),
        (view(rows=None, depth=None, steps=(step("seed", error="no image"),)), "seed_failed", "no image"),
        (view(rows=None, depth=None, steps=(step("seed", "Canceled"),)), "seed_failed", "seed"),
        (
            view(rows=None, beats=(seed("broken", message="line 3"),), steps=(step("seed", error="exit code 2"),)),
            "seed_failed",
            "line 3",
        ),
        (view(consumers=9, steps=NO_IMAGE), "broken", "pip failed"),
        (view(consumers=1, steps=NO_IMAGE[:1]), "broken", "pip failed"),
        (view(consumers=9, steps=NO_IMAGE[1:], beats=(of_step(0, "broken"),)), "broken", ""),
        (view(consumers=3, steps=PREEMPTED), "stall", 3),
        (
            view(consumers=3, steps=PREEMPTED, beats=(of_step(0), of_step(1, "left"))),
            "stall",
            5,
        ),
        (view(limits=replace(VIEW.limits, max_cost_usd=2.0), cost_usd=2.5), "limit", "$2.50"),
        (view(seconds=24 * 3600), "limit", ("max_hours", 24)),
        (view(rows=None, depth=None, seconds=24 * 3600), "limit", "max_hours"),
        (view(limits=replace(VIEW.limits, max_failed=3), beats=(consumer(failed=4),)), "limit", (4, "1,000")),
        (
            view(
                limits=replace(VIEW.limits, max_failed="1%"),
                beats=(consumer(succeeded=80, failed=11), consumer(failed=9)),
            ),
            "limit",
            ("max_failed", "1%", 20, "1,000"),
        ),
    ],
)
def test_it_cancels(seen: View, reason: str, parts: object, wording: Wording) -> None:
    decision = decide(seen)

    assert isinstance(decision, Cancel)
    assert decision.reason == reason
    names(decision.message, parts)
    wording(decision.message)


@pytest.mark.parametrize(
    ("max_failed", "rows", "succeeded", "failed", "passes"),
    [
        (None, 1000, 0, 1000, False),
        (0, 1000, 10, 0, False),
        (0, 1000, 0, 1, True),
        ("3", 1000, 0, 3, False),
        ("3", 1000, 0, 4, True),
        ("5%", 1000, 0, 50, False),
        ("5%", 1000, 48, 51, False),
        ("5%", 1000, 49, 51, True),
        ("0.1%", 1000, 98, 2, True),
        ("5%", 20, 17, 2, False),
        ("5%", 20, 18, 2, True),
        ("100%", 10, 0, 10, False),
    ],
)
def test_max_failed_is_passed(
    max_failed: int | str | None, rows: int, succeeded: int, failed: int, passes: bool
) -> None:
    assert passes_max_failed(max_failed, rows=rows, succeeded=succeeded, failed=failed) is passes


def test_a_heartbeat_counts_failed_rows_as_done() -> None:
    beat = beat_of("c-1", 2.5, {"role": "consume", "state": "running", "rows_done": 10, "rows_failed": 3})

    assert (beat.succeeded, beat.failed, beat.age_seconds) == (7, 3, 2.5)


def test_a_heartbeat_without_fields_is_one_of_nobody() -> None:
    assert beat_of("c-1", 1.0, {}) == Beat("c-1", "", "", 1.0)
