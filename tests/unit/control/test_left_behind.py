"""Which clusters are left behind, and which must never be touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wordings import Wording, names

from hyperscale.azure_run import TAG_CONTROL, TAG_EXPIRES_AT, TAG_RENDER, TAG_RUN
from hyperscale.control.follow.left_behind import LeftBehind, older_than, reason_left, run_started_at
from hyperscale.control.follow.left_lines import left_lines
from hyperscale.node.azure.azure_times import unix_seconds
from hyperscale.node.azure.workspace_facts import ComputeFacts, JobFacts
from hyperscale.ownership import owner_of

RUN = "digits-20261122-190000-ab12"
CREATED, EXPIRES = "2026-11-22T19:00:00.1234567Z", "2026-11-23T19:00:00+00:00"
BEFORE, AFTER = unix_seconds("2026-11-22T20:00:00Z"), unix_seconds("2026-11-24T00:00:00Z")
CLUSTER = ComputeFacts(
    name="hs-digits-a1b2c3-c00",
    kind="AmlCompute",
    location="westeurope",
    size="Standard_F4s_v2",
    tier="dedicated",
    state="Succeeded",
    errors=(),
    max_nodes=4,
    nodes=0,
    node_states={},
    tags={TAG_RUN: RUN, TAG_EXPIRES_AT: EXPIRES},
    created_at=CREATED,
)
RENDERED = replace(CLUSTER, tags={TAG_RENDER: "a1b2c3"})


def job(status: str, created_at: str = "2026-11-22T19:05:00Z") -> JobFacts:
    return JobFacts(RUN, status, {}, "digits", created_at, "")


OLD = job("Completed", "2026-11-22T10:00:00Z")


@pytest.mark.parametrize(
    ("cluster", "jobs", "now", "unfinished", "parts"),
    [
        (CLUSTER, [job("Running")], AFTER, False, None),
        (CLUSTER, [job("Completed"), job("Queued")], AFTER, False, None),
        (CLUSTER, [job("CancelRequested")], AFTER, True, None),
        (CLUSTER, [job("Completed")], BEFORE, False, "Completed"),
        (CLUSTER, [job("Canceled")], BEFORE, False, "Canceled"),
        (CLUSTER, [], BEFORE, False, None),
        (CLUSTER, [], BEFORE, True, "submission"),
        (CLUSTER, [], AFTER, False, "2026-11-23 19:00"),
        (replace(CLUSTER, state="Deleting"), [job("Completed")], AFTER, False, None),
        (RENDERED, [job("Running")], AFTER, False, None),
        (RENDERED, [job("Completed")], BEFORE, False, (RUN, "Completed")),
        (RENDERED, [OLD], BEFORE, False, None),
        (RENDERED, [OLD, job("Running")], BEFORE, False, None),
        (RENDERED, [OLD], AFTER, False, "2026-11-23 19:00"),
        (RENDERED, [], BEFORE, False, None),
        (replace(RENDERED, created_at=""), [], AFTER, False, None),
    ],
)
def test_a_cluster_is_left_behind_when_nothing_can_need_it_any_more(
    cluster: ComputeFacts,
    jobs: list[JobFacts],
    now: float,
    unfinished: bool,
    parts: str | tuple[str, ...] | None,
    wording: Wording,
) -> None:
    owner = owner_of(cluster.tags)
    assert owner is not None
    reason = reason_left(cluster, owner, jobs, now=now, is_unfinished=unfinished)

    assert (reason is None) == (parts is None)
    if parts is not None:
        names(reason, parts)
        wording(reason)


@pytest.mark.parametrize(
    ("tags", "is_ours"),
    [
        ({TAG_RUN: RUN}, True),
        ({TAG_RENDER: "a1b2c3"}, True),
        ({}, False),
        ({"owner": "ada"}, False),
        ({TAG_RUN: ""}, False),
        ({TAG_CONTROL: "true"}, False),
        ({TAG_CONTROL: "true", TAG_RUN: RUN}, False),
    ],
)
def test_foreign_clusters_and_the_control_cluster_are_nobodys_left_overs(tags: dict[str, str], is_ours: bool) -> None:
    assert (owner_of(tags) is not None) is is_ours


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00.9876543Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01 00:01:00", 60.0),
        ("1970-13-01T00:01:00Z", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_times_of_azure_are_read_whatever_their_fractions(text: str, seconds: float | None) -> None:
    assert unix_seconds(text) == seconds


def test_the_id_of_a_run_says_when_it_was_started() -> None:
    assert run_started_at(RUN) == unix_seconds("2026-11-22T19:00:00Z")
    assert run_started_at("sincere-lemon-1a2b3c4d5e") is None
    assert run_started_at("digits-20269922-190000-ab12") is None


def test_only_what_is_old_enough_is_shown_and_what_it_holds() -> None:
    old = LeftBehind("cluster", "hs-a-c00", RUN, TAG_RUN, "digits", "ada", "its job is over", created_at=0.0, cores=16)
    young = replace(old, name="hs-a-c01", created_at=7_000.0, cores=4)
    unknown = replace(old, name="hs-a-c02", created_at=None)

    assert older_than([old, young, unknown], 1.0, 7_200.0) == [old]
    assert older_than([old, young, unknown], None, 7_200.0) == [old, young, unknown]
    lines = left_lines([old, young], 7_200.0, 200)
    assert lines[0].split() == ["what", "name", "run", "age", "cores", "owner", "expires", "why"]
    assert "2.0h" in lines[1]
    names(lines[-1], "quota", "20 cores")
