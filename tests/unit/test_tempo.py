"""Waits are as long as they are by default, unless a test is in a hurry."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.control.azure import azure_ml
from hyperscale.control.follow import watching
from hyperscale.control.local import local_run
from hyperscale.control.submit import making_clusters
from hyperscale.errors import HyperscaleError
from hyperscale.node.azure import resource_manager
from hyperscale.node.consuming import deputy
from hyperscale.node.ending import azure_fleet, clusters, step_sight
from hyperscale.node.storing import patience
from hyperscale.node.storing.queues import azure as azure_queue
from hyperscale.node.storing.stores import azure as azure_store
from hyperscale.tempo import VARIABLE, at_tempo


def test_waits_are_as_long_as_they_are_by_default() -> None:
    assert at_tempo(30.0) == 30.0


def test_a_tempo_of_ten_makes_a_tenth_of_each_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "10")

    assert at_tempo(30.0) == 3.0


@pytest.mark.parametrize(
    ("seconds", "most"),
    [
        pytest.param(azure_fleet.SETTLE_SECONDS, 60, id="until consumers that do not leave are cancelled"),
        pytest.param(azure_fleet.LOOK_SECONDS, 5, id="between looks whether they have left"),
        pytest.param(clusters.FIRST_WAIT_SECONDS, 10, id="until a cluster is deleted again"),
        pytest.param(clusters.LONGEST_WAIT_SECONDS, 120, id="between later tries"),
        pytest.param(clusters.LONGEST_LOOK_SECONDS, 30, id="between looks at clusters that go"),
        pytest.param(step_sight.LOOK_SECONDS, 30, id="between looks of teardown at steps"),
        pytest.param(deputy.LOOK_SECONDS, 60, id="between looks of consumers after a lost teardown"),
        pytest.param(azure_queue.POLL_SECONDS, 30, id="between looks into an empty queue"),
        pytest.param(azure_store.POLL_SECONDS, 5, id="between looks into the store"),
        pytest.param(patience.LONGEST_WAIT_SECONDS, 10, id="between requests to a storage that does not answer"),
        pytest.param(resource_manager.LONGEST_WAIT_SECONDS, 60, id="between requests to an Azure that is busy"),
        pytest.param(making_clusters.LOOK_SECONDS, 2, id="between looks at clusters that are made"),
        pytest.param(azure_ml.POLL_SECONDS, 5, id="between looks of the SDK"),
        pytest.param(watching.REFRESH_SECONDS, 10, id="between looks at a run on Azure"),
        pytest.param(watching.LOCAL_REFRESH_SECONDS, 1, id="between looks at a run here"),
        pytest.param(local_run.RETRY_SECONDS, 1, id="until a run here asks a storage again"),
    ],
)
def test_no_wait_that_tests_shorten_tenfold_is_longer_than_people_or_rules_of_the_protocol_bear(
    seconds: float, most: float
) -> None:
    assert 0 < seconds <= most


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan"])
def test_what_is_no_tempo_is_named(monkeypatch: pytest.MonkeyPatch, text: str, wording: Wording) -> None:
    monkeypatch.setenv(VARIABLE, text)

    with pytest.raises(HyperscaleError) as refused:
        at_tempo(1.0)
    names(refused, VARIABLE, repr(text))
    wording(refused)
