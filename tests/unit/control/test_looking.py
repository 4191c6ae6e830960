"""What a look at a run says: its phase and its bottleneck, out of what jobs, nodes and heartbeats say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.control.follow.look import Beat, Seen
from hyperscale.control.follow.look_lines import shown_progress, status_lines
from hyperscale.control.follow.looking import SHOWN_STEPS, look_at
from hyperscale.node.azure.workspace_facts import ComputeFacts, JobFacts, StepFacts
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.control import Cancel

RUN = "digits-20261122-190000-ab12"
NOW = 1_800_000_000.0
AZURE = AzureRun("s", "g", "w", (RUN,), ("hs-digits-a-c00",), TAG_RUN, RUN, "hs-control-wabc", 0.5, "hs-seed-wabc")
RESULTS = {
    "outcome": "succeeded",
    "reason": "",
    "rows": {"total": 10, "succeeded": 10, "failed": 0, "missing": 0},
}
INCOMPLETE = {
    "outcome": "incomplete",
    "reason": "each of 2 consumers has left",
    "rows": {"total": 10, "succeeded": 7, "failed": 0, "missing": 3},
}
GROUP = FailureGroup("ab12cd34", "ValueError", "no such depth", 3, 4, 5, 9, "raised", "sweep.py:3 fit")


def job(status: str) -> dict[str, JobFacts | None]:
    return {RUN: JobFacts(RUN, status, {}, "digits", "", "https://ml.azure.com/runs/x")}


def step(name: str, status: str, error: str = "") -> StepFacts:
    return StepFacts(f"{RUN}-{name}", name, status, error)


def cluster(
    up: int = 0, wanted: int = 12, state: str = "Succeeded", error: str = "", number: int = 0, **states: int
) -> ComputeFacts:
    errors = (error,) if error else ()
    return ComputeFacts(
        name=f"hs-digits-a-c{number:02}",
        kind="AmlCompute",
        location="westeurope",
        size="Standard_F4s_v2",
        tier="dedicated",
        state=state,
        errors=errors,
        max_nodes=wanted,
        nodes=up + sum(states.values()),
        node_states={"running": up, **states},
        tags={TAG_RUN: RUN},
    )


def beat(role: str = "consume", state: str = "running", **fields: Any) -> Beat:
    return f"consumers/{role}", 1.0, {"role": role, "state": state, "life": 0, **fields}


def seen(status: str = "Running", **parts: Any) -> Seen:
    return replace(Seen(RUN, "digits", NOW, azure=AZURE, jobs=job(status), rows=10, is_alive=False), **parts)


WORKING = beat(workers=2, rows_done=4, rows_held=2, started_at=NOW - 100, seconds=100)
ENDED = step("consume_0", "Failed", "x")
STEPS_WAIT = (step("seed", "Completed"), step("consume_0", "Queued"), step("teardown", "Running"))
#: A run whose rows are done, while the teardowns of others have all nodes of the control cluster.
ALL_DONE = beat(state="left", rows_done=10)
LAST_IN_LINE = (step("seed", "Completed"), step("consume_0", "Completed"), step("teardown", "Queued"))


@pytest.mark.parametrize(
    ("found", "phase", "parts"),
    [
        (seen(jobs={RUN: None}), "submitting", "job"),
        (
            seen(jobs={RUN: None}, unfinished="clusters"),
            "submitting",
            "clusters",
        ),
        (seen(steps=(step("seed", "NotStarted"),)), "waiting for a node", "hs-seed-wabc"),
        (seen(steps=(step("seed", "Queued"),)), "waiting for a node", "hs-seed-wabc"),
        (seen(steps=(step("seed", "Preparing"),)), "preparing image", ""),
        (seen(steps=(step("seed", "Running"),)), "seeding", ""),
        (seen(beats=(beat("seed", rows_seeded=5),)), "seeding", ""),
        (
            seen(steps=(step("seed", "Failed", "exit 2"),)),
            "seeding",
            ("seed", "teardown"),
        ),
        (
            seen(steps=(step("seed", "Failed", "exit 2"),), beats=(beat("seed", "broken"),)),
            "seeding",
            ("seed", "teardown"),
        ),
        (seen(seeded=True, steps=STEPS_WAIT, computes=(cluster(0),)), "waiting for nodes", "0/12"),
        (
            seen(seeded=True, steps=STEPS_WAIT, computes=(cluster(2, preparing=3), cluster(1, number=1))),
            "waiting for nodes",
            ("3/24", 3),
        ),
        (
            seen(seeded=True, steps=STEPS_WAIT, computes=(cluster(0, error="JobNodeCountExceedsCoreQuota: no"),)),
            "waiting for quota",
            ("0/12", "JobNodeCountExceedsCoreQuota: no"),
        ),
        (
            seen(seeded=True, steps=(step("consume_0", "Preparing"),), computes=(cluster(1),)),
            "preparing image",
            "",
        ),
        (seen(seeded=True, steps=(step("consume_0", "Running"),)), "workers starting", ""),
        (seen(seeded=True, steps=(ENDED,)), "waiting for workers", "consumers"),
        (seen(seeded=True, beats=(WORKING,), computes=(cluster(12),)), "running", ""),
        (seen(seeded=True, beats=(WORKING,), computes=(cluster(5),)), "running", "5/12"),
        (seen(seeded=True, beats=(beat(workers=2, rows_done=8, rows_held=2),)), "last rows in flight", ""),
        (seen(seeded=True, beats=(beat(state="left", rows_done=10),)), "proving the count", ""),
        (seen(seeded=True, beats=(WORKING,), cancel=Cancel("limit", "too dear", NOW)), "stopping", "too dear"),
        (seen(seeded=True, beats=(ALL_DONE,), steps=LAST_IN_LINE), "waiting for a node", "hs-control-wabc"),
        (seen(seeded=True, beats=(beat("teardown", "collecting"),)), "collecting", ""),
        (seen(seeded=True, beats=(beat("teardown", "deleting"),)), "deleting", "clusters"),
        (seen(seeded=True, beats=(beat("teardown", "left"),)), "ending", "results"),
        (seen(seeded=True, beats=(beat("teardown", "broken"),)), "ending", "teardown"),
        (seen("Completed", results=RESULTS), "done", ""),
        (seen("Failed", results=RESULTS), "done", ""),
        (seen("Failed", results=INCOMPLETE), "incomplete", 2),
        (seen("Canceled"), "cancelled", "job"),
        (seen("Failed", steps=(ENDED, step("seed", "Failed", "y"))), "failed", "step seed: y"),
        (seen("Completed"), "failed", "results"),
    ],
)  # fmt: skip
def test_phase_and_bottleneck_of_a_run_on_azure_ml(
    found: Seen, phase: str, parts: str | tuple[object, ...], wording: Wording
) -> None:
    look = look_at(found)

    assert look.phase == phase
    names(look.bottleneck, parts)
    wording(look.bottleneck)


@pytest.mark.parametrize(
    ("parts", "phase"),
    [
        ({"is_alive": True}, "seeding"),
        ({"is_alive": True, "seeded": True, "beats": (WORKING,)}, "running"),
        ({"is_alive": True, "seeded": True, "cancel": Cancel("user", "stopped", NOW)}, "stopping"),
        ({"is_alive": False}, "unfinished"),
        ({"is_alive": False, "unfinished": "files"}, "submitting"),
        ({"is_alive": False, "results": RESULTS}, "done"),
    ],
)
def test_phases_of_a_run_on_this_machine(parts: dict[str, Any], phase: str) -> None:
    look = look_at(replace(Seen(RUN, "digits", NOW, rows=10), **parts))

    assert look.phase == phase
    assert look.is_over == (not parts["is_alive"])


def test_a_run_is_over_when_all_of_its_pipelines_are() -> None:
    one, two = (JobFacts(f"{RUN}-p{number}", "Completed", {}, "", "", "") for number in (1, 2))
    jobs = {one.name: one, two.name: two}

    assert look_at(seen(jobs=jobs)).is_over
    assert not look_at(seen(jobs={**jobs, two.name: replace(two, status="Running")})).is_over


def test_clusters_of_a_run_that_is_over_still_hold_quota_unless_they_are_being_deleted() -> None:
    look = look_at(seen("Canceled", computes=(cluster(), cluster(number=1, state="Deleting"))))

    assert look.left == ("hs-digits-a-c00",)
    names(look.warnings, "quota", "hs-digits-a-c00")
    assert look_at(seen("Running", computes=(cluster(),))).left == ()


def test_the_cost_so_far_is_that_of_all_nodes_and_at_the_end_what_the_results_say() -> None:
    beats = (
        beat(seconds=7200.0),
        beat(state="left", seconds=3600.0),
        beat("seed", seconds=1800.0),
        beat("teardown", seconds=5400.0),
    )
    priced = replace(AZURE, usd_per_control_hour=0.25, control_cluster="cpu")

    assert look_at(seen(beats=beats)).cost_usd == 1.5
    assert look_at(seen(beats=beats, azure=priced)).cost_usd == 2.0
    assert look_at(seen(beats=beats, azure=replace(priced, usd_per_node_hour=None))).cost_usd is None
    assert look_at(seen("Completed", beats=beats, results={**RESULTS, "cost_usd": 2.25})).cost_usd == 2.25


def test_preempted_consumers_are_counted_and_not_told_one_by_one(wording: Wording) -> None:
    steps = (
        step("consume_0", "Failed", "PreemptionError: Nodes of this job got pre-empted."),
        step("consume_1", "Failed", "Node was preempted"),
        step("consume_2", "Failed", "out of memory"),
    )

    look = look_at(seen(steps=steps))

    assert look.preempted == 2
    names(look.warnings, "consume_2", "out of memory")
    wording(look.warnings)
    assert "2 preempted" in shown_progress(look).figures


PREEMPTED = step("consume_0", "Failed", "PreemptionError: pre-empted")


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        (seen(seeded=True, beats=(WORKING,), steps=(PREEMPTED, step("consume_1", "Queued"))), True),
        (seen(seeded=True, beats=(WORKING,), steps=(PREEMPTED,)), True),
        (seen(seeded=True, beats=(WORKING,), steps=(PREEMPTED, step("consume_1", "Running"))), False),
        (seen(seeded=True, beats=(), steps=(step("consume_0", "Queued"),)), False),
        (seen(seeded=True, beats=(beat(rows_done=10),), steps=(step("consume_0", "Completed"),)), False),
        (seen("Failed", seeded=True, beats=(WORKING,), steps=(PREEMPTED,)), False),
        (seen("NotResponding", seeded=True, beats=(WORKING,), steps=(step("consume_1", "NotResponding"),)), False),
    ],
)
def test_a_run_that_no_consumer_works_on_any_more_names_the_command_that_adds_some(found: Seen, is_told: bool) -> None:
    command = f"hyperscale submit --join {RUN} --workers N"

    assert any(command in warning for warning in look_at(found).warnings) == is_told


def test_a_run_whose_nodes_do_not_respond_goes_on() -> None:
    seeding = look_at(seen("NotResponding", steps=(step("seed", "NotResponding"),)))
    working = look_at(seen("NotResponding", seeded=True, beats=(WORKING,), steps=(step("teardown", "NotResponding"),)))

    assert (seeding.phase, seeding.is_over, seeding.left) == ("seeding", False, ())
    assert (working.phase, working.is_over, working.is_torn_down) == ("running", False, False)


def test_a_thousand_failed_steps_are_few_lines_and_seed_and_teardown_come_first() -> None:
    steps = tuple(step(f"consume_{number}", "Failed", "x") for number in range(1_000))

    warnings = look_at(seen(steps=(*steps, step("teardown", "Failed", "lost")))).warnings

    names(warnings[0], "teardown", "lost")
    assert len(warnings) == 2
    names(warnings[1], "consume_0", "others", "x")


def test_steps_that_fail_for_many_reasons_are_told_of_by_a_few_of_them() -> None:
    steps = tuple(step(f"consume_{number}", "Failed", f"reason {number}") for number in range(1_000))

    warnings = look_at(seen(steps=steps)).warnings

    assert len(warnings) == SHOWN_STEPS + 1
    names(warnings[-1], f"{1_000 - SHOWN_STEPS}")


LOG = (
    "UserError: Execution failed. User process 'bash' exited with status code 1. Please check log file "
    "'user_logs/std_log.txt' for error details. Error: 2026-11-30T09:38:00.143Z INFO    consume    consume begins  {}\n"
    "2026-11-30T09:38:04.472Z ERROR   consume    no module sweep  {}\n"
    "error: activity.entry sweep:fit: activity cannot be imported\n    No module named 'sweep'\n  hint: add it\n"
)


def test_why_no_consumer_could_start_is_told_once_however_many_there_are() -> None:
    said = "activity.entry sweep:fit: activity cannot be imported No module named 'sweep'"
    results = {
        "outcome": "cancelled",
        "cause": "broken",
        "rows": {"succeeded": 0, "failed": 0, "missing": 9, "total": 9},
        "reason": f"8 of 8 consume jobs could not start: {said}",
    }
    steps = [step(f"consume_{number}", "Failed", LOG) for number in range(8)]

    look = look_at(seen("Failed", results=results, steps=(*steps, step("teardown", "Failed", "UserError"))))

    assert look.phase == "broken"
    names(look.bottleneck, "8 of 8", "No module named 'sweep'")
    assert not look.warnings


def test_what_a_step_said_itself_is_told_of_it_with_what_to_do_and_not_its_log() -> None:
    (warning,) = look_at(seen(steps=(step("consume_3", "Failed", LOG),))).warnings

    names(warning, "consume_3", "No module named 'sweep'", "add it")
    assert "INFO" not in warning
    assert "\n" not in warning


def test_clusters_that_cannot_be_made_are_told(wording: Wording) -> None:
    look = look_at(seen(computes=(cluster(state="Failed", error="AllocationFailed: no room"), cluster(number=1))))

    names(look.warnings, "hs-digits-a-c00", "AllocationFailed: no room")
    wording(look.warnings)


def test_the_last_lines_of_an_image_that_cannot_be_built_are_told(wording: Wording) -> None:
    (warning,) = look_at(seen(image_log=("Step 1", "ERROR: no such package"))).warnings

    names(warning, "Step 1", "ERROR: no such package")
    wording(warning)


@pytest.mark.parametrize(
    ("parts", "is_torn_down"),
    [
        ({"steps": (step("teardown", "Running"),), "beats": (beat("teardown", "left"),)}, False),
        ({"steps": (step("teardown", "Failed"),)}, True),
        ({"beats": (beat("teardown", "left"),)}, True),
        ({"beats": (beat("teardown", "collecting"),)}, False),
        ({}, False),
    ],
)
def test_a_run_is_torn_down_when_its_teardown_has_ended_however(parts: dict[str, Any], is_torn_down: bool) -> None:
    assert look_at(seen(**parts)).is_torn_down is is_torn_down


def test_the_newest_teardown_of_this_life_says_how_far_it_is() -> None:
    old = ("consumers/t1", 500.0, {"role": "teardown", "state": "broken", "life": 0})
    new = ("consumers/t2", 2.0, {"role": "teardown", "state": "collecting", "life": 0})
    earlier_life = ("consumers/t3", 1.0, {"role": "teardown", "state": "left", "life": -1})

    assert seen(beats=(old, new, earlier_life)).teardown_state() == "collecting"


def test_status_says_rows_nodes_cost_failures_and_where_to_look() -> None:
    beats = (beat(workers=2, rows_done=4, rows_failed=3, started_at=NOW - 100, seconds=3600),)

    lines = status_lines(look_at(seen(seeded=True, beats=beats, computes=(cluster(5),), groups=(GROUP,))))

    text = "\n".join(lines)
    assert "phase     running (nodes 5/12 up)" in text
    assert "rows      4/10 (40%)  3 failed  0.04 rows/s" in text
    assert "nodes 5/12 up  $0.50 so far" in text
    assert "ab12cd34  ValueError: no such depth  (first: row 4)" in text
    assert "https://ml.azure.com/runs/x" in text


def test_a_look_is_a_document_with_every_figure() -> None:
    document = look_at(seen(seeded=True, beats=(WORKING,), computes=(cluster(5),), groups=(GROUP,))).to_document()

    assert document["phase"] == "running"
    assert document["nodes"] == {"up": 5, "wanted": 12}
    assert document["rows"] == {"total": 10, "done": 4, "failed": 0, "held": 2}
    assert document["failures"][0]["type"] == "ValueError"
    assert document["jobs"] == {RUN: "Running"}
