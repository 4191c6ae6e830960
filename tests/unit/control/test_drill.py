"""Drills: what `--drill` may say, when it kills, and that it kills whole steps or workers alone."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.control.local.drill import Drill, Kill, RunningDrill, kills, read_drill, workers_of
from hyperscale.control.local.steps import Step, StepCommand
from hyperscale.errors import ExperimentError

#: Stands for a consumer: its child's command line reads like a worker's.
CONSUMER = """
import subprocess, sys, time
children = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "hyperscale.node.working.worker"])]
open(sys.argv[1], "w").close()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("text", "drill"),
    [
        ("preempt=5%,crash=1%", Drill(0.05, 0.01, 4)),
        ("crash=0.5%", Drill(0.0, 0.005, 4)),
        ("seed=7, preempt=50%", Drill(0.5, 0.0, 7)),
        ("preempt=10%,seed=0", Drill(0.1, 0.0, 0)),
    ],
)
def test_a_drill_is_read_from_its_shares_and_its_seed(text: str, drill: Drill) -> None:
    assert read_drill(text, lambda: 4) == drill
    assert read_drill(str(drill), lambda: 5) == drill


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("preemt=5%", ("'preemt'", "preempt, crash, seed")),
        ("5%", "'5%'"),
        ("preempt", ("preempt=", "0%", "50%")),
        ("preempt=5", "preempt=5"),
        ("crash=0%", "crash=0%"),
        ("crash=51%", "crash=51%"),
        ("crash=-1%", "crash=-1%"),
        ("crash=1%,crash=2%", "crash"),
        ("seed=7", ("preempt", "crash")),
        ("crash=1%,seed=x", "seed=x"),
    ],
)
def test_what_is_no_drill_is_refused_with_an_example(text: str, said: str | tuple[str, ...], wording: Wording) -> None:
    with pytest.raises(ExperimentError, match="--drill: ") as caught:
        read_drill(text, lambda: 4)

    names(caught, said, "--drill preempt=5%,crash=1%")
    wording(caught)


def test_the_same_seed_kills_at_the_same_rows_and_another_at_others() -> None:
    first, again, other = (list(itertools.islice(kills(Drill(0.05, 0.01, seed), 20), 50)) for seed in (7, 7, 8))

    assert first == again
    assert first != other
    assert [kill.after_rows for kill in first] == sorted(kill.after_rows for kill in first)


def test_as_many_are_killed_as_the_shares_say() -> None:
    rows = 1_000_000
    moments = list(itertools.takewhile(lambda kill: kill.after_rows <= rows, kills(Drill(0.05, 0.01, 7), 50)))

    counted = {victim: sum(kill.victim == victim for kill in moments) for victim in ("consumer", "worker")}

    assert counted["worker"] == pytest.approx(rows * 0.01, rel=0.05)
    assert counted["consumer"] == pytest.approx(rows / 50 * 0.05, rel=0.1)
    assert all(kill.after_rows % 50 == 0 for kill in moments if kill.victim == "consumer")


@pytest.mark.parametrize(("drill", "victim"), [(Drill(0.5, 0.0, 1), "consumer"), (Drill(0.0, 0.5, 1), "worker")])
def test_a_share_that_is_not_given_kills_nobody(drill: Drill, victim: str) -> None:
    assert {kill.victim for kill in itertools.islice(kills(drill, 3), 20)} == {victim}


@pytest.fixture
def consumers(tmp_path: Path) -> Iterator[dict[str, Step]]:
    """Two steps that each have a child which reads like a worker."""
    steps = {}
    for job in ("consume_0", "consume_1"):
        begun = tmp_path / f"{job} has begun"
        arguments = [sys.executable, "-c", CONSUMER, str(begun)]
        steps[job] = Step(StepCommand(job, arguments, tmp_path, {}, tmp_path / f"{job}.log", ()))
        wait_until(begun.exists)
    yield steps
    for step in steps.values():
        step.kill()
        step.close()


def test_nobody_is_killed_before_it_is_due(consumers: dict[str, Step]) -> None:
    drill = RunningDrill(iter([Kill(10, "consumer", 0.9), Kill(20, "worker", 0.0)]))

    assert drill.tend(9, consumers) == set()
    names(drill.told(), "0 consumers", "0 workers")
    assert all(step.exit_code() is None for step in consumers.values())


def test_a_preempted_consumer_goes_with_all_that_is_below_it(consumers: dict[str, Step]) -> None:
    below = workers_of([consumers["consume_1"].pid])
    drill = RunningDrill(iter([Kill(10, "consumer", 0.9)]))

    assert drill.tend(10, consumers) == {"consume_1"}

    wait_until(lambda: consumers["consume_1"].exit_code() == -signal.SIGKILL)
    wait_until(lambda: not is_running(below[0]))
    assert consumers["consume_0"].exit_code() is None
    assert drill.tend(10_000, consumers) == set()
    names(drill.told(), "1 consumer", "0 workers")


def test_a_worker_crashes_alone(consumers: dict[str, Step]) -> None:
    workers = {job: workers_of([step.pid]) for job, step in consumers.items()}
    drill = RunningDrill(iter([Kill(1, "worker", 0.0)]))

    assert drill.tend(1, consumers) == set()

    killed = min(itertools.chain(*workers.values()))
    wait_until(lambda: not is_running(killed))
    assert [is_running(pid) for pid in itertools.chain(*workers.values())].count(True) == 1
    assert all(step.exit_code() is None for step in consumers.values())
    names(drill.told(), "0 consumers", "1 worker")


def test_when_more_is_due_than_there_is_the_rest_is_left_out(consumers: dict[str, Step]) -> None:
    drill = RunningDrill(iter([*[Kill(1, "consumer", 0.5)] * 5, *[Kill(2, "worker", 0.5)] * 5]))

    assert drill.tend(1, {}) == set()
    assert drill.tend(2, consumers) == set()
    names(drill.told(), "0 consumers", "2 workers")


def is_running(pid: int) -> bool:
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(said.strip()) and not said.startswith("Z")


def wait_until(is_true) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
