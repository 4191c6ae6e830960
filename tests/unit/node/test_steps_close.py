"""A step closes its queue, its store and its threads itself: no garbage collection is waited for."""

from __future__ import annotations

import argparse
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from descriptors import open_descriptors
from finished_runs import experiment, write_input

from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node import consume_step, seed_step, teardown_step
from hyperscale.node.control import write_cancel
from hyperscale.node.storing.queues import open_queue
from hyperscale.node.storing.stores.folder import FolderStore

ROWS = 3


class Step:
    """One step of a run in `folder`, in this process; its queue is kept from garbage collection."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.input = write_input(folder, ROWS)
        self.store = FolderStore(folder / "run")
        self._folder, self._kept = folder, []
        for step in (seed_step, consume_step, teardown_step):
            monkeypatch.setattr(step, "open_queue", self._open_queue)

    def _open_queue(self, *arguments: Any) -> Any:
        self._kept.append(open_queue(*arguments))
        return self._kept[-1]

    def values(self) -> argparse.Namespace:
        return argparse.Namespace(
            run_id="run", run_name="", queue=str(self._folder), store=str(self._folder), input=str(self.input),
            experiment=json.dumps(experiment(formats=["csv"]).to_document()),
            rows_per_message=2, workers_per_node=1, consumers=1, lease_seconds=60.0, workers=1, mount=[],
            seeded=str(self._folder / "seeded"), clusters="none", owner_tag="", control_cluster="",
            seed_cluster="", usd_per_node_hour="unknown", usd_per_control_hour="unknown", results="",
        )  # fmt: skip

    def left_open(self, run: Callable[[argparse.Namespace], Any]) -> list[str]:
        """Return what is open after `run` that was not before."""
        before, threads = open_descriptors(), set(threading.enumerate())
        run(self.values())
        assert set(threading.enumerate()) <= threads
        return sorted((Counter(open_descriptors()) - Counter(before)).elements())


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    return Step(tmp_path, monkeypatch)


def test_a_seed_leaves_nothing_open(step: Step):
    assert step.left_open(seed_step.run_seed) == []


def test_a_seed_of_a_run_that_has_another_input_leaves_nothing_open(step: Step):
    seed_step.run_seed(step.values())
    step.input.write_text("id,depth\nk0,1\n")

    def seed(values: argparse.Namespace) -> None:
        with pytest.raises(RunStateError):
            seed_step.run_seed(values)

    assert step.left_open(seed) == []


def test_a_consumer_that_cannot_begin_leaves_nothing_open(step: Step, monkeypatch: pytest.MonkeyPatch):
    seed_step.run_seed(step.values())
    monkeypatch.delenv("TOKEN_OF_TEST", raising=False)

    def consume(values: argparse.Namespace) -> None:
        document = json.loads(values.experiment)
        document["activity"]["secrets"] = {"TOKEN_OF_TEST": "https://v1234.vault.azure.net/secrets/token"}
        values.experiment = json.dumps(document)
        with pytest.raises(HyperscaleError, match="TOKEN_OF_TEST"):
            consume_step.run_consume(values, threading.Event())

    assert step.left_open(consume) == []


def test_a_teardown_leaves_nothing_open(step: Step):
    seed_step.run_seed(step.values())
    write_cancel(step.store, 0, "user", "enough")

    assert step.left_open(lambda values: teardown_step.run_teardown(values, threading.Event())) == []
