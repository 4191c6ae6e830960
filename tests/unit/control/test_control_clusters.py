"""Runs at once on the control clusters that they share: whoever is served first, all of them end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from emulator.execution.allocation import Pool, allocate
from emulator.execution.ordering import FINAL, decide
from experiments import WORKSPACE, make_experiment, make_facts

from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.pipeline_parts import parts_of
from hyperscale.plan import make_plan

QUOTA = ("westeurope", "Dedicated", "")
#: Who is served first, where clusters have fewer nodes than steps wait: whoever waits for others, before these others.
WORST_FIRST = ("teardown", "gate", "consume", "seed")


@dataclass
class Steps:
    """The steps of one pipeline of a run."""

    run: int
    computes: Mapping[str, str]
    needs: Mapping[str, frozenset[str]]
    statuses: dict[str, str] = field(default_factory=dict)

    def with_status(self, status: str) -> list[str]:
        return [step for step in self.statuses if self.statuses[step] == status]


def steps_of(run: int, pipeline: Mapping[str, Any]) -> Steps:
    jobs = pipeline["jobs"]
    needs = {
        name: frozenset(re.findall(r"parent\.jobs\.(\w+)\.", " ".join(map(str, job["inputs"].values()))))
        for name, job in jobs.items()
    }
    computes = {name: job["compute"].removeprefix("azureml:") for name, job in jobs.items()}
    return Steps(run, computes, needs, dict.fromkeys(jobs, "NotStarted"))


class Lab:
    """Some runs, each of the same rendered files, on the clusters of these files. Each run has nodes of its own."""

    def __init__(self, runs: int, pipelines: int, folder: Path) -> None:
        experiment = make_experiment(parallelism={"workers": 2 * pipelines}, azure=WORKSPACE)
        plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
        inputs = RunInputs(parts=parts_of(plan.places, pipelines))
        files = render(experiment, plan, folder=folder, out=folder, run=inputs)
        read = {path: yaml.safe_load(text) for path, text in files.items() if path.parts[0] in ("pipelines", "compute")}
        self.plan = plan
        self.nodes = {file["name"]: file["max_instances"] for path, file in read.items() if path.parts[0] == "compute"}
        self.pipelines = [
            steps_of(run, file) for run in range(runs) for path, file in read.items() if path.parts[0] == "pipelines"
        ]

    def play(self) -> set[str]:
        """Let everything happen that can, in the worst order; return the steps that wait for ever."""
        while self._begin() | self._give_nodes() | self._end():
            pass
        return {name for steps in self.pipelines for name in steps.statuses if steps.statuses[name] not in FINAL}

    def _begin(self) -> bool:
        started = False
        for steps in self.pipelines:
            decision = decide(steps.needs, steps.statuses, continues_on_failure=True, is_cancelled=False)
            steps.statuses.update(dict.fromkeys(decision.start, "Queued"))
            started |= bool(decision.start)
        return started

    def _give_nodes(self) -> bool:
        queued = [(steps, name) for steps in self.pipelines for name in steps.with_status("Queued")]
        queued.sort(key=lambda waiting: WORST_FIRST.index(waiting[1].partition("_")[0]))
        places = [(str(number), self._place(steps, name)) for number, (steps, name) in enumerate(queued)]
        given = allocate(places, dict(self._pools()), {QUOTA: 0}).nodes
        for number in given:
            steps, name = queued[int(number)]
            steps.statuses[name] = "Running"
        return bool(given)

    def _place(self, steps: Steps, name: str) -> str:
        """Return the cluster of a step; those of a render are made for each run anew."""
        compute = steps.computes[name]
        return compute if "-c0" not in compute else f"{compute} of {steps.run}"

    def _pools(self) -> Iterator[tuple[str, Pool]]:
        busy = [self._place(steps, name) for steps in self.pipelines for name in steps.with_status("Running")]
        names = {self._place(steps, name) for steps in self.pipelines for name in steps.computes}
        for name in names:
            most = self.nodes[name.partition(" of ")[0]]
            idle = tuple(map(str, range(most - busy.count(name))))
            yield name, Pool(QUOTA, 1, 0, most, idle, 0, most)

    def _end(self) -> bool:
        ended = [
            (steps, name)
            for steps in self.pipelines
            for name in steps.with_status("Running")
            if self._is_done(steps, name)
        ]
        for steps, name in ended:
            steps.statuses[name] = "Completed"
        return bool(ended)

    def _is_done(self, steps: Steps, name: str) -> bool:
        """A seed ends by itself, a gate after it, consumers once the run is seeded, a teardown after one of these."""
        done = {
            other.partition("_")[0]
            for each in self.pipelines
            if each.run == steps.run
            for other in each.with_status("Completed")
        }
        waits_for = {"gate": "seed", "consume": "seed", "teardown": "consume"}.get(name.partition("_")[0])
        return waits_for is None or waits_for in done


@pytest.mark.parametrize(("runs", "pipelines"), [(1, 1), (5, 1), (9, 3), (1, 12)])
def test_however_many_runs_share_the_control_clusters_all_of_them_end(runs: int, pipelines: int, tmp_path: Path):
    assert Lab(runs, pipelines, tmp_path).play() == set()


def test_on_one_cluster_for_both_teardowns_would_keep_seeds_from_its_nodes_for_ever(tmp_path: Path):
    lab = Lab(5, 1, tmp_path)
    for steps in lab.pipelines:
        steps.computes = {**steps.computes, "seed": lab.plan.control_cluster}

    assert lab.play() >= {"seed", "teardown", "consume_0"}
