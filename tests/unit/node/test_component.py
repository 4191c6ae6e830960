"""Of two components that would be the same run, one has it, and the other learns so before it does anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments import make_experiment, make_facts
from wordings import names

from hyperscale.control.rendered.rendering import check_one_pipeline
from hyperscale.errors import ExperimentError, PlanError
from hyperscale.node.component import claim_run
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.pipeline_parts import parts_of
from hyperscale.plan import make_plan


def test_the_first_component_has_the_run_and_may_ask_as_often_as_it_likes(tmp_path: Path):
    store = FolderStore(tmp_path / "r")

    for _ in range(3):  # its seed, its teardown, and a seed that is started again
        claim_run(store, "job-score", "score", "component-1")
    with pytest.raises(ExperimentError) as refused:
        claim_run(store, "job-score", "score", "component-2")

    names(refused.value, "job-score", "run_name 'score'")
    claim_run(store, "job-score", "score", "component-1")


def test_more_consumers_than_a_pipeline_holds_are_no_component():
    plan = make_plan(make_experiment(), make_facts(), version="1", templates_hash="t")
    check_one_pipeline(parts_of(plan.places, 1))

    with pytest.raises(PlanError) as refused:
        check_one_pipeline(parts_of(["a"] * 5, 2))

    names(refused.value, "5 consumers", "2 pipelines", "3 fit")
