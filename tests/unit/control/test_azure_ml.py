from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.polling import LROPoller, PollingMethod
from experiments import WORKSPACE, make_experiment, make_facts
from wordings import names

from hyperscale.control.azure.azure_ml import _one_schema, wait_for_cluster, without_secrets
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.errors import AzureError
from hyperscale.plan import make_plan


def test_what_the_sdk_says_loses_signatures_and_tokens():
    said = "failed: https://a.blob.core.windows.net/c/x?sv=2024&sig=SECRET%3D and eyJhbGciOi.eyJhdWQi.c2ln\n at all"

    told = without_secrets(said)

    assert "SECRET" not in told
    assert "eyJ" not in told
    assert told == "failed: https://a.blob.core.windows.net/c/x... and ... at all"


def test_what_the_sdk_says_is_cut():
    assert len(without_secrets("x" * 5_000)) == 600


class Refused(PollingMethod[None]):
    """An operation of Azure that fails once it may."""

    def __init__(self) -> None:
        self.may_fail = threading.Event()

    def initialize(self, *_: Any) -> None:
        pass

    def run(self) -> None:
        self.may_fail.wait()
        raise HttpResponseError("AllocationFailed: no capacity")

    def status(self) -> str:
        return "Failed"

    def finished(self) -> bool:
        return False

    def resource(self) -> None:
        pass


class FailsInTheLook(LROPoller[None]):
    """Is not done when it is asked, and fails in the look that follows."""

    def __init__(self) -> None:
        self.operation = Refused()
        super().__init__(None, None, lambda _: None, self.operation)

    def done(self) -> bool:
        is_done = super().done()
        self.operation.may_fail.set()
        return is_done


def test_a_cluster_that_fails_while_it_is_looked_at_is_an_error_of_azure():
    with pytest.raises(AzureError) as failed:
        wait_for_cluster("hs-c00", FailsInTheLook(), look_seconds=60)

    names(failed, "hs-c00", "AllocationFailed")


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
