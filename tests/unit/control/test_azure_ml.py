from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from experiments import WORKSPACE, make_experiment, make_facts

from hyperscale.control.azure.azure_ml import _one_schema, without_secrets
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.plan import make_plan


def test_what_the_sdk_says_loses_signatures_and_tokens():
    said = "failed: https://a.blob.core.windows.net/c/x?sv=2024&sig=SECRET%3D and eyJhbGciOi.eyJhdWQi.c2ln\n at all"

    told = without_secrets(said)

    assert "SECRET" not in told
    assert "eyJ" not in told
    assert told == "failed: https://a.blob.core.windows.net/c/x... and ... at all"


def test_what_the_sdk_says_is_cut():
    assert len(without_secrets("x" * 5_000)) == 600


@pytest.mark.filterwarnings("ignore")
def test_steps_that_share_a_schema_are_sent_as_those_that_have_one_each(tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from azure.ai.ml import load_job
    experiment = make_experiment(
        parallelism={"workers": 3}, compute={"max_nodes_per_cluster": 1}, mounts={"words": "words"}, azure=WORKSPACE
    )
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    for path, text in render(experiment, plan, folder=tmp_path, out=tmp_path, run=RunInputs(version="h1")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    def sent() -> object:
        return load_job(tmp_path / "pipelines" / "digits.yml")._to_rest_object().as_dict()

    each = sent()
    with _one_schema():
        shared = sent()

    assert shared == each
