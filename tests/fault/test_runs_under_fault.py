"""The proof on the real storage protocol: whatever is killed, frozen or lost, each row ends with one outcome.

Each test prints its figures (`pytest -s`), and keeps them as properties of the test's report.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azurite import Azurite
from fleet import Every, Fleet, until
from profiles import size
from proxy import Answer, Copy, Delay, Drop, LoseAnswer, Proxy

Figures = Callable[..., None]


@pytest.fixture
def figures(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Figures:
    """Prints figures of a test, and keeps them in its report."""
    began_at = time.monotonic()

    def tell(**values: object) -> None:
        values["seconds"] = round(time.monotonic() - began_at, 1)
        for name, value in values.items():
            record_property(name, value)
        told = " ".join(f"{name}={value}" for name, value in values.items())
        sys.stdout.write(f"\n{request.node.name}: {told}\n")

    return tell


def test_consumers_killed_every_second_and_started_again_lose_no_row(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    chance, most = random.Random(1), size(4, 1_000)
    with Fleet(
        tmp_path,
        azurite,
        rows=size(1_500, 10_000),
        rows_per_message=size(30, 100),
        lease_seconds=3,
        consumers=size(2, 4),
        workers=2,
        row_seconds=size(8, 3) / 1_000,
    ) as fleet:
        fleet.seed()
        fleet.start()

        def kill_one() -> None:
            if fleet.restarts < most and fleet.depth() and fleet.consumers:
                os.killpg(fleet.pid(chance.choice(fleet.consumers)), signal.SIGKILL)

        killing = Every(1.0, chance, kill_one)

        def kill_and_replace() -> None:
            killing.tend()
            fleet.replace_dead()

        fleet.wait_for_end(kill_and_replace)

        seal = fleet.check_whole()
        figures(killed_consumers=fleet.restarts, rows=fleet.rows, duplicate_outcomes=seal.duplicates)
        assert fleet.restarts >= 3


def test_workers_killed_every_fifth_of_a_second_charge_only_the_rows_they_were_on(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    chance = random.Random(2)
    with Fleet(
        tmp_path,
        azurite,
        rows=size(2_000, 20_000),
        rows_per_message=size(50, 200),
        lease_seconds=10,
        workers=4,
        row_seconds=size(12, 2) / 1_000,
    ) as fleet:
        fleet.seed()
        fleet.start()
        killed: list[int] = []

        def kill_one() -> None:
            ready = [pid for pid in fleet.ready_workers() if pid not in killed]
            if ready and fleet.depth():
                killed.append(chance.choice(ready))
                os.kill(killed[-1], signal.SIGKILL)

        fleet.wait_for_end(Every(0.2, chance, kill_one).tend)

        seal = fleet.check_whole()
        attempts = fleet.table()["attempts"]
        charged = sum(count - 1 for count in attempts)
        figures(killed_workers=len(killed), charged_attempts=charged, duplicate_outcomes=seal.duplicates)
        assert len(killed) >= 10
        assert 0 < charged <= len(killed)


@pytest.mark.long
def test_storage_that_stops_and_comes_back_again_and_again_loses_no_row(tmp_path: Path, figures: Figures) -> None:
    outages, refused_seconds = size(2, 5), float(size(2, 5))
    with (
        Azurite(tmp_path / "azurite") as azurite,
        Fleet(
            tmp_path / "run",
            azurite,
            rows=size(2_000, 20_000),
            rows_per_message=size(25, 100),
            lease_seconds=10,
            row_seconds=size(12, 3) / 1_000,
        ) as fleet,
    ):
        fleet.seed()
        messages = fleet.depth()
        fleet.start()
        chance = random.Random(3)
        for number in range(outages):
            left = messages * (1 - (number + chance.random()) / (outages + 1))
            until(lambda left=left: fleet.depth() <= left)
            azurite.stop()
            time.sleep(refused_seconds)  # the fault itself
            azurite.start()
        left_then = fleet.depth()
        fleet.wait_for_end()

        seal = fleet.check_whole()
        figures(outages=outages, messages_left_after_the_last=left_then, duplicate_outcomes=seal.duplicates)
        assert left_then > 0


def test_requests_that_are_lost_late_doubled_or_refused_lose_no_row(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    faults = [Drop(), Delay(0.2), Copy(0.2), LoseAnswer(), Answer(503)]
    with (
        Proxy(azurite, dict.fromkeys(faults, 0.3 / len(faults)), seed=4) as proxy,
        Fleet(
            tmp_path,
            proxy,
            rows=size(1_000, 5_000),
            rows_per_message=size(50, 100),
            lease_seconds=4,
            row_seconds=size(4, 2) / 1_000,
            seen=azurite,
        ) as fleet,
    ):
        fleet.seed()
        fleet.start()
        fleet.wait_for_end()  # consumers, too, end by themselves

        seal = fleet.check_whole()
        figures(
            requests=len(proxy.requests),
            **{type(fault).__name__: proxy.counts[fault] for fault in faults},
            duplicate_outcomes=seal.duplicates,
        )
        assert all(proxy.counts[fault] for fault in faults)


@pytest.mark.long
def test_a_consumer_frozen_beyond_its_lease_changes_nothing_when_it_goes_on(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    sizes = {"rows": size(400, 1_000), "rows_per_message": size(20, 50)}
    with Fleet(tmp_path, azurite, **sizes, lease_seconds=2, row_seconds=0.05, python=sys.executable) as fleet:
        fleet.seed()
        fleet.start()
        until(lambda: fleet.consumers_at_work() == 2)
        fleet.send("consume_0", signal.SIGSTOP)
        until(lambda: fleet.has_ended("teardown"))
        seal, table = fleet.check_whole(), fleet.published()
        parts = len(fleet.lines())

        fleet.send("consume_0", signal.SIGCONT)
        fleet.wait_for_end()
        fleet.start_teardown()
        fleet.wait_for("teardown")

        assert fleet.published() == table
        assert fleet.seals() == [seal]
        figures(duplicate_outcomes=seal.duplicates, lines_written_late=len(fleet.lines()) - parts)


def test_rows_that_kill_their_node_fail_alone(tmp_path: Path, azurite: Azurite, figures: Figures) -> None:
    rows, every = size(200, 4_000), size(200, 500)
    with Fleet(
        tmp_path,
        azurite,
        rows=rows,
        rows_per_message=size(50, 100),
        lease_seconds=4,
        consumers=size(2, 4),
        workers=1,
        # Whoever is lost by another's row has said before which of its own are through.
        row_seconds=0.002,
        poison_every=every,
    ) as fleet:
        fleet.seed()
        fleet.start()
        fleet.wait_for_end(fleet.replace_dead)

        poison = list(range(57, rows, every))
        seal = fleet.check_whole(failed=poison)
        kinds = {line["failure"]["kind"] for line in fleet.lines() if line["outcome"] == "failed"}
        figures(poison_rows=len(poison), lost_nodes=fleet.restarts, duplicate_outcomes=seal.duplicates)
        assert kinds == {"poison"}


def test_a_seed_killed_at_several_points_and_run_again_seeds_each_row_once(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    # Each seed that is killed leaves up to as many messages as a whole one puts into the queue.
    chance, points, messages_of_one = random.Random(7), size(3, 10), size(50, 100)
    rows_per_message = size(80, 1_000)
    with Fleet(
        tmp_path,
        azurite,
        rows=messages_of_one * rows_per_message,
        rows_per_message=rows_per_message,
        lease_seconds=10,
    ) as fleet:
        for _ in range(points):
            target = fleet.depth() + chance.randrange(messages_of_one)
            fleet.start_seed()
            until(lambda target=target: fleet.depth() >= target or fleet.has_ended("seed"), look_seconds=0.01)
            fleet.kill("seed")
        fleet.seed()
        messages = fleet.depth()
        fleet.start()
        fleet.wait_for_end()

        seal = fleet.check_whole()
        figures(killed_seeds=points, messages=messages, duplicate_outcomes=seal.duplicates)
        assert messages > messages_of_one


def test_two_runs_of_one_experiment_at_the_same_time_do_not_mix(
    tmp_path: Path, azurite: Azurite, figures: Figures
) -> None:
    sizes = {"rows": size(400, 5_000), "rows_per_message": size(20, 100), "consumers": size(1, 2)}
    with (
        Fleet(tmp_path / "a", azurite, **sizes, lease_seconds=10, row_seconds=0.002) as one,
        Fleet(tmp_path / "b", azurite, **sizes, lease_seconds=10, row_seconds=0.002) as other,
    ):
        for fleet in (one, other):
            fleet.start_seed()
        for fleet in (one, other):
            fleet.wait_for("seed")
            fleet.start()
        for fleet in (one, other):
            fleet.wait_for_end()

        seals = [fleet.check_whole() for fleet in (one, other)]
        figures(runs=2, duplicate_outcomes=sum(seal.duplicates for seal in seals))
