"""Which run a step belongs to: all steps of a component find the same id, and it names a queue."""

from __future__ import annotations

import pytest
from wordings import names

from hyperscale.errors import ExperimentError, HyperscaleError
from hyperscale.names import QUEUE
from hyperscale.node.run_id import component_run_id, resolve_run_id

JOB = {"AZUREML_ROOT_RUN_ID": "Calm_Sun_8y2x"}


def test_a_run_is_the_one_that_is_told_or_the_pipeline_or_a_name_in_it():
    assert resolve_run_id("mine", JOB) == "mine"
    assert resolve_run_id("auto", JOB) == "calm-sun-8y2x"
    assert resolve_run_id("", JOB, "Score_A") == "calm-sun-8y2x-score-a"


@pytest.mark.parametrize("root", ["a__b", "x" * 255, "7f1c9a52-5d6e-4c1f-9a39-0d7f4a8d9d11", "job-"])
@pytest.mark.parametrize("name", ["score", "S_1", "n" * 63])
def test_whatever_job_and_name_are_a_queue_can_be_named_after_the_run(root: str, name: str):
    assert QUEUE.problem(component_run_id(root, name)) is None


def test_long_names_that_begin_alike_are_different_runs():
    runs = {component_run_id(root * 60, name) for root in "xy" for name in ("score", "score-b")}

    assert len(runs) == 4


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "é", "n" * 64, "a'"])
def test_a_name_that_cannot_be_one_is_refused(name: str):
    with pytest.raises(ExperimentError) as refused:
        resolve_run_id("", JOB, name)

    names(refused.value, "run_name", repr(name), "letters, digits")


def test_a_name_means_nothing_outside_of_a_job():
    with pytest.raises(HyperscaleError) as refused:
        resolve_run_id("", {}, "score")

    names(refused.value, "'score'", "AZUREML_ROOT_RUN_ID")
