from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording
from wordings import names as message_names

from hyperscale import names
from hyperscale.errors import ExperimentError

experiment_names = st.from_regex(r"[a-z](-?[a-z0-9]){0,15}", fullmatch=True)
hexadecimal = st.text("0123456789abcdef", min_size=6, max_size=6)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (names.EXPERIMENT, ["a", "digits-sweep", "a" * 32], ["", "A", "1a", "a-", "a--b", "a_b", "a" * 33, "a\n", "é"]),
        (
            names.COMPUTE,
            ["abc", "hs-x-c00", "Gpu-1a", "a" * 24],
            ["ab", "a" * 25, "1abc", "a_b", "abc-", "hs-x-00", "hs-x-00\n"],
        ),
        (names.COMPONENT, ["a", "hyperscale_seed"], ["", "A", "_a", "a-b", "1a", "a" * 256]),
        (names.JOB, ["seed", "consume_0", "_a"], ["", "Consume0", "consume-0", "0consume"]),
        (names.INPUT, ["run_id", "Seeded", "path_of"], ["", "1a", "a-b", "path", "PATH", "home", "a b"]),
        (names.QUEUE, ["abc", "0-0", "a" * 63], ["ab", "a" * 64, "a--b", "-ab", "ab-", "A-b"]),
        (names.STORAGE_ACCOUNT, ["abc", "a1" * 12], ["ab", "a" * 25, "a-b", "Abc", "a'b"]),
    ],
    ids=lambda value: value.what if isinstance(value, names.Rule) else "",
)
def test_a_rule_takes_good_names_and_no_bad_ones(rule: names.Rule, good: list[str], bad: list[str]):
    refused = [name for name in [*good, *bad] if rule.problem(name)]

    assert refused == bad


def test_a_refused_name_is_told_with_its_rule(wording: Wording):
    with pytest.raises(ExperimentError) as raised:
        names.QUEUE.check("A")

    message_names(raised, "'A'", "3 to 63")
    wording(raised)


@given(experiment_names, hexadecimal, st.integers(1, names.MAX_CLUSTERS))
def test_cluster_names_are_valid_and_differ_up_to_the_last_one(experiment: str, render: str, count: int):
    made = names.cluster_names(experiment, render, count)

    assert len(set(made)) == count
    assert not [name for name in made if names.COMPUTE.problem(name)]
    assert all(f"-{render}-c" in name for name in made)


def test_a_cluster_is_named_after_experiment_render_and_number():
    made = names.cluster_names("digits-sweep", "a1b2c3", 2)

    assert made == ("hs-digits-swe-a1b2c3-c00", "hs-digits-swe-a1b2c3-c01")


@given(st.sampled_from(["control", "seed"]), st.tuples(*[st.none() | st.text()] * 3), st.text())
def test_control_clusters_have_a_valid_name_in_every_workspace(of: Any, place: tuple[str | None, ...], size: str):
    name = names.control_cluster_name(of, place, {"size": size})

    assert names.COMPUTE.problem(name) is None


def test_each_workspace_and_all_that_a_control_cluster_is_set_to_give_it_a_name_of_its_own():
    settings = [{"size": "A", "nodes": 4}, {"size": "B", "nodes": 4}, {"size": "A", "nodes": 5}]
    made = {
        names.control_cluster_name(of, ("s", "g", workspace), each)
        for of in ("control", "seed")
        for workspace in "abc"
        for each in settings
    }

    assert len(made) == 18
    again = names.control_cluster_name("seed", ("s", "g", "a"), {"nodes": 4, "size": "A"})
    assert again in made


@given(experiment_names, st.datetimes(timezones=st.just(timezone.utc), min_value=datetime(2000, 1, 1)), hexadecimal)
def test_a_run_id_names_a_queue(experiment: str, now: datetime, random_hex: str):
    run_id = names.new_run_id(experiment, now, random_hex)

    assert names.QUEUE.problem(run_id) is None


@given(experiment_names)
def test_every_experiment_has_two_event_queues(experiment: str):
    found = [names.event_queue(experiment, outcome) for outcome in ("succeeded", "failed")]

    assert found == [f"{experiment}-success", f"{experiment}-failure"]
    assert [names.QUEUE.problem(name) for name in found] == [None, None]


def test_a_run_id_shows_its_start_in_utc():
    now = datetime(2026, 11, 22, 1, 30, 5, tzinfo=timezone(timedelta(hours=2)))

    run_id = names.new_run_id("digits", now, "0a1b")

    assert run_id == "digits-20261121-233005-0a1b"
