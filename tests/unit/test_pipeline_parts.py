"""How many consumers share a pipeline, and how they are spread."""

from __future__ import annotations

from typing import Any

import pytest
from experiments import make_experiment
from hypothesis import given
from hypothesis import strategies as st
from wordings import names

from hyperscale.errors import PlanError
from hyperscale.pipeline_parts import MAX_BODY_BYTES, consumers_that_fit, parts_of, pipeline_count, room_in_a_pipeline


@given(st.lists(st.sampled_from(["a", "b"]), max_size=40), st.integers(1, 9))
def test_each_consumer_is_in_one_pipeline_and_its_number_is_its_own(places: list[str], count: int):
    parts = parts_of(places, count)

    assert [place for part in parts for place in part.places] == places
    numbers = [part.first_number + number for part in parts for number in range(len(part.places))]
    assert numbers == list(range(len(places)))
    sizes = [len(part.places) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len({part.suffix for part in parts}) == len(parts)
    assert [part.begins_with for part in parts] == ["seed", *["gate"] * (len(parts) - 1)]


@pytest.mark.parametrize(("consumers", "count"), [(1, 1), (250, 1), (251, 2), (5_000, 20)])
def test_a_run_has_as_few_pipelines_as_will_do(consumers: int, count: int):
    assert pipeline_count(make_experiment(), consumers) == count


def test_long_files_have_room_for_fewer_consumers():
    mounts = {f"a_rather_long_name_of_a_mount_{number}": "data.csv" for number in range(60)}
    usual, mounted, long = (
        make_experiment(compute={"consumers_per_pipeline": 2_000}, **parts)
        for parts in ({}, {"mounts": mounts}, {"activity": {"entry": "a:b", "arguments": {"x": "'" * 300_000}}})
    )

    assert consumers_that_fit(usual) == min(2_000, room_in_a_pipeline(usual)) > 1_500
    assert 100 < consumers_that_fit(mounted) < 400
    assert 400 < consumers_that_fit(long) < 900
    assert consumers_that_fit(make_experiment(mounts=mounts)) == min(250, room_in_a_pipeline(mounted))


def test_an_experiment_that_leaves_no_room_is_refused_and_says_what_to_do():
    arguments: dict[str, Any] = {"words": "x" * MAX_BODY_BYTES}

    with pytest.raises(PlanError) as refused:
        pipeline_count(make_experiment(activity={"entry": "a:b", "arguments": arguments}), 1)
    names(refused, "bytes", "3,000,000")
    assert refused.value.hint is not None
    names(refused.value.hint, "activity.arguments", "file")
