from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answer_shapes import invented
from answering_service import Service
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.polling import LROPoller, PollingMethod
from azure.core.rest import HttpRequest
from experiments import WORKSPACE, make_experiment, make_facts
from recordings import Recorded, load_table
from wordings import names

from hyperscale.control.azure.azure_ml import _one_schema, _translated, wait_for_cluster, without_secrets
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.plan import make_plan

REFUSALS = {name: each for name, each in load_table().items() if each.status >= 400}


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


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    yield running
    running.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recorded", REFUSALS.values(), ids=REFUSALS)
def test_each_recorded_refusal_that_the_sdk_raises_keeps_its_status_and_code(service: Service, recorded: Recorded):
    """A cluster that is not there has no body at all; a conflict of components is a 400 with the code UserError."""
    body = (recorded.exactly or "").encode() if recorded.body is None else json.dumps(invented(recorded.body)).encode()
    service.answer(recorded.status, body, Content_Type=recorded.headers.get("content-type", "text/plain"))
    transport = RequestsTransport(connection_verify=str(service.authority), use_env_settings=False)
    with PipelineClient(service.url(""), policies=[], transport=transport) as client:
        response = client.send_request(HttpRequest("PUT", service.url("/thing")))

    def refuse() -> None:
        raise HttpResponseError(response=response)

    with pytest.raises(RefusedError) as raised:
        _translated("register the component", refuse)

    code = recorded.body["error"]["code"].removeprefix("=") if recorded.body else ""
    assert (raised.value.status, raised.value.code) == (recorded.status, code)
    assert "register the component" in str(raised.value)
