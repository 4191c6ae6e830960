"""What the states of jobs on Azure ML say of processes that no heartbeat tells of."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.ending.step_states import (
    all_over,
    has_ended,
    may_come,
    never_started,
    seed_failure,
    start_seconds,
)

IMAGE = "ImageBuildFailure: the image build failed"
PROCESS = "UserError: Execution failed. User process 'bash' exited with status code 1. See the log. Error: "


def step(name: str, status: str, error: str = "") -> StepFacts:
    return StepFacts(f"run-{name}", name, status, error)


@pytest.mark.parametrize(
    ("steps", "part"),
    [
        ((), None),
        ((step("seed", "Queued"),), None),
        ((step("seed", "Completed"),), None),
        ((step("consume_0", "Failed", IMAGE),), None),
        ((step("seed", "Failed", IMAGE),), IMAGE),
        ((step("seed", "Failed"),), "step seed"),
        ((step("seed", "Canceled"),), "step seed"),
        ((step("seed", "NotResponding"),), None),
        ((step("seed", "Failed", IMAGE), step("seed", "NotResponding")), None),
    ],
)
def test_why_a_seed_failed(steps: tuple[StepFacts, ...], part: str | None, wording: Wording) -> None:
    said = seed_failure(steps)

    assert (said is None) == (part is None)
    if part is not None:
        names(said, part)
        wording(said)


@pytest.mark.parametrize(
    ("role", "name", "steps", "ended"),
    [
        ("seed", "", (step("seed", "Failed"),), True),
        ("seed", "", (step("seed", "Running"),), False),
        ("seed", "", (), False),
        ("consume", "run-consume_1", (step("consume_1", "Failed"), step("consume_0", "Running")), True),
        ("consume", "run-consume_0", (step("consume_1", "Failed"), step("consume_0", "Running")), False),
        ("consume", "", (step("consume_1", "Failed"),), False),
        ("seed", "", (step("seed", "NotResponding"),), False),
        ("consume", "run-consume_1", (step("consume_1", "NotResponding"),), False),
    ],
)
def test_a_process_has_ended(role: str, name: str, steps: tuple[StepFacts, ...], ended: bool) -> None:
    assert has_ended(role, name, steps) is ended


@pytest.mark.parametrize(
    ("steps", "heard", "parts"),
    [
        ((step("consume_0", "Failed", IMAGE),), set(), [IMAGE]),
        ((step("consume_0", "Failed", IMAGE),), {"run-consume_0"}, []),
        ((step("consume_0", "Failed", IMAGE),), {""}, []),
        ((step("consume_0", "Failed"),), set(), ["step consume_0"]),
        ((step("consume_0", "Canceled"), step("consume_1", "Completed"), step("consume_2", "Running")), set(), []),
        ((step("consume_0", "Failed", "PreemptionError: Nodes of this job got pre-empted."),), set(), []),
        ((step("consume_0", "Failed", "AllocationFailed: There is not enough capacity in the region."),), set(), []),
        ((step("consume_0", "Failed", "ClusterNotFound: gone"),), set(), []),
        ((step("consume_0", "Failed", f"{PROCESS}error: no identity\n  hint: compute.identity"),), set(), ["identity"]),
        ((step("consume_0", "Failed", f"{PROCESS}computing\nKeyError: 'cluster'\n"),), set(), ["KeyError"]),
        ((step("consume_0", "Failed", "UserError: the node is unusable; exited with status code 137"),), set(), []),
    ],
)
def test_consumers_that_never_started(
    steps: tuple[StepFacts, ...], heard: set[str], parts: list[str], wording: Wording
) -> None:
    said = never_started(steps, heard)

    assert len(said) == len(parts)
    names(said, *parts)
    wording(said)


def test_all_consumers_are_over_only_when_all_of_them_are_seen(wording: Wording) -> None:
    steps = (step("seed", "Completed"), step("consume_0", "Failed", "PreemptionError"), step("consume_1", "Canceled"))

    assert all_over(steps, 3) is None
    assert all_over((*steps, step("consume_2", "Queued")), 3) is None
    names(all_over(steps, 2), 2, 1, "PreemptionError")
    wording(all_over(steps, 2))


def test_a_consumer_may_come_while_its_step_is_not_over() -> None:
    assert may_come((step("consume_0", "Failed"), step("consume_1", "Queued")))
    assert may_come((step("consume_0", "NotResponding"),))
    assert all_over((step("consume_0", "NotResponding"), step("consume_1", "Failed")), 2) is None
    assert not may_come((step("consume_0", "Failed"), step("teardown", "Running")))


def test_steps_are_starting_until_their_process_is_heard_of_or_they_end() -> None:
    steps = [
        StepFacts("id-s", "seed", "Completed", "", started_at=100.0, ended_at=190.0),
        StepFacts("id-t", "teardown", "Running", "", started_at=110.0),
        StepFacts("id-0", "consume_0", "Running", "", started_at=200.0),
        StepFacts("id-1", "consume_1", "Failed", "", started_at=200.0, ended_at=260.0),
        StepFacts("id-2", "consume_2", "Running", "", started_at=280.0),
        StepFacts("id-3", "consume_3", "Queued", ""),
    ]
    beats = [
        {"role": "seed", "started_at": 130.0},
        {"role": "teardown", "started_at": 125.0},
        {"role": "consume", "step": "id-0", "started_at": 245.5},
    ]

    found = start_seconds(steps, beats, now=300.0)

    assert found == {"consumer_start_seconds": 45.5 + 60 + 20, "control_start_seconds": 30 + 15}
    assert set(start_seconds([], [], now=300.0).values()) == {0.0}
