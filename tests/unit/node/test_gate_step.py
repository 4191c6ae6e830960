"""A gate lets a further pipeline's consumers begin when the run is seeded, and fails when it never will be."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from finished_runs import experiment, seeded
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.azure_run import AzureRun
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.control import SeedRecord, write_cancel, write_manifest
from hyperscale.node.ending.joins import Join, read_joins
from hyperscale.node.gate_step import await_seed, run_gate
from hyperscale.node.storing.stores.folder import FolderStore

RUN = "digits-20261130-090000-0a1b"
#: What Azure ML sets in the steps of a further pipeline.
JOB = {
    "AZUREML_ARM_SUBSCRIPTION": "s",
    "AZUREML_ARM_RESOURCEGROUP": "g",
    "AZUREML_ARM_WORKSPACE_NAME": "w",
    "AZUREML_ROOT_RUN_ID": "digits-p2",
}


@dataclass
class Gate:
    """A gate at which `later` happens while it waits for the third time; an hour passes at each wait."""

    store: FolderStore
    later: Callable[[FolderStore], object] = lambda store: None
    steps: tuple[StepFacts, ...] = ()
    max_hours: float = 24
    stops: bool = False
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        if len(self.waited) == 3:
            self.later(self.store)
        assert len(self.waited) < 40, "it waits for ever"

    def open(self) -> SeedRecord:
        return await_seed(
            self.store,
            RUN,
            limits=experiment(max_hours=self.max_hours).limits,
            steps=lambda: self.steps,
            stop_requested=lambda: self.stops,
            clock=lambda: 3600.0 * len(self.waited),
            wait=self.wait,
        )


def seed_beat(state: str, message: str = "", life: int = 0) -> Callable[[FolderStore], object]:
    fields = {"role": "seed", "state": state, "message": message, "life": life}
    return lambda store: store.beat(blobs.heartbeat("seed-1"), fields)


def test_it_waits_until_the_run_is_seeded(tmp_path: Path) -> None:
    gate = Gate(FolderStore(tmp_path), lambda store: seeded(store, 7))
    seed_beat("running")(gate.store)

    assert gate.open().rows == 7
    assert len(gate.waited) == 3


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (lambda store: write_cancel(store, 0, "user", "cancelled by ada"), "cancelled by ada"),
        (lambda store: (seeded(store, 7), write_cancel(store, 0, "limit", "too dear")), "too dear"),
        (lambda store: (seeded(store, 7), store.create(blobs.RUN_RESULTS, b"{}")), "over"),
        (seed_beat("broken", "grid.csv:4: no number"), "grid.csv:4: no number"),
        (seed_beat("left"), "seed ended before"),
    ],
    ids=["cancelled", "stopped", "over", "seed broken", "seed gone"],
)
def test_a_run_that_needs_no_more_consumers_keeps_the_gate_shut(
    later: Callable[[FolderStore], object], why: str, tmp_path: Path, wording: Wording
) -> None:
    gate = Gate(FolderStore(tmp_path), later)

    with pytest.raises(RunStateError) as refused:
        gate.open()
    names(refused, RUN, why)
    wording(refused)
    assert len(gate.waited) == 3


def test_a_seed_whose_step_failed_before_it_was_ever_heard_of_keeps_the_gate_shut(tmp_path: Path) -> None:
    # Its run's teardown may be waiting for the very node that this gate is on: nobody else would say so.
    failed = StepFacts("run-seed", "seed", "Failed", "ImageBuildFailure: pip failed")

    with pytest.raises(RunStateError, match="pip failed"):
        Gate(FolderStore(tmp_path), steps=(failed,)).open()


def test_a_gate_waits_no_longer_than_the_run_may_take(tmp_path: Path) -> None:
    gate = Gate(FolderStore(tmp_path), max_hours=5)

    with pytest.raises(RunStateError, match=r"limits\.max_hours is 5"):
        gate.open()
    assert len(gate.waited) == 5


def test_a_gate_that_is_asked_to_end_fails_as_its_consumers_must_not_begin(tmp_path: Path) -> None:
    with pytest.raises(RunStateError, match="asked to end"):
        Gate(FolderStore(tmp_path), stops=True).open()


def test_what_an_earlier_life_of_the_run_said_is_not_of_this_one(tmp_path: Path) -> None:
    gate = Gate(FolderStore(tmp_path), lambda store: seeded(store, 1))
    seed_beat("broken", "of another life", life=-1)(gate.store)

    assert gate.open().rows == 1


def values(folder: Path, run_id: str = RUN) -> argparse.Namespace:
    return argparse.Namespace(
        run_id=run_id, queue=str(folder), store=str(folder), seeded=str(folder / "out" / "seeded"),
        experiment=json.dumps(experiment().to_document()),
    )  # fmt: skip


def test_a_further_pipeline_without_the_id_of_its_run_is_refused_at_once(tmp_path: Path, wording: Wording) -> None:
    with pytest.raises(RunStateError) as refused:
        run_gate(values(tmp_path, "auto"), threading.Event())
    names(refused, "run_id", "auto")
    assert refused.value.hint is not None
    names(refused.value.hint, "az ml job create", "--set inputs.run_id=ID")
    wording(refused)


def test_an_id_that_cannot_name_a_queue_is_refused_before_anything_is_asked(tmp_path: Path, wording: Wording) -> None:
    with pytest.raises(HyperscaleError) as refused:
        run_gate(values(tmp_path, "My_Run"), threading.Event())
    names(refused, "My_Run", "queue")
    wording(refused)


@pytest.mark.parametrize(("jobs", "joins"), [((RUN,), [Join("digits-p2", ())]), ((RUN, "digits-p2"), [])])
def test_its_output_is_what_was_seeded_and_teardown_hears_of_a_pipeline_that_it_does_not_know(
    jobs: tuple[str, ...], joins: list[Join], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / RUN)
    azure = AzureRun("s", "g", "w", jobs, (), "hyperscale_render", "84aa62", "hs-control", None, "hs-seed")
    write_manifest(store, {"azure": azure.to_document()})
    record = seeded(store, 7)
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("hyperscale.node.gate_step._steps", lambda *_: tuple)

    assert run_gate(values(tmp_path), threading.Event()) == 0

    said = json.loads((tmp_path / "out" / "seeded" / blobs.SEED).read_text())
    assert (said["seed_id"], said["rows"]) == (record.seed_id, 7)
    assert read_joins(store) == joins
