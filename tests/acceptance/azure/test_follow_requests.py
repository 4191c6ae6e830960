"""What following a run costs Azure: a handful of requests a look, whatever the number of its consumers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure_site import AzureSite
from emulator import Emulator
from emulator.execution.images import BUILD_LOG, ERROR_LINE, write_build_log
from emulator.resources import Failure, Job, Step

from hyperscale import blobs
from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.look import Look
from hyperscale.control.follow.observing import STEPS_EVERY_LOOKS, Observer
from hyperscale.ledger import failed_line, write_part
from hyperscale.node.control import SeedRecord, write_manifest, write_seed
from hyperscale.node.storing.counting import CountingStore, RequestCounts
from hyperscale.node.storing.places import DEFAULT_CONTAINER
from hyperscale.node.storing.stores import Store, open_store

RUN = "squares-20261122-190000-ab12"
CLUSTER = "hs-squares-a1b2c3-c00"
CONSUMERS = 200
ROWS = 20_000
MOST_REQUESTS = 10


@dataclass
class LargeRun:
    """A run of 200 consumers, as far as Azure can tell.

    Attributes:
        azure: where it is.
        store: of it.
        observer: looks at it.
    """

    azure: Emulator
    store: Store
    observer: Observer
    counts: RequestCounts

    def look(self) -> tuple[Look, int]:
        """Return a look at it, and how many requests that took."""
        before = self._requests()
        look = self.observer.look()
        return look, self._requests() - before

    def beat(self, *, rows_failed: int = 0) -> None:
        """Beat as its teardown and each of its consumers; the first of them may have failed rows."""
        self.store.beat(blobs.heartbeat("teardown-1"), {"role": "teardown", "life": 0, "state": "running"})
        for number in range(CONSUMERS):
            fields = {"role": "consume", "life": 0, "state": "running", "workers": 1, "rows_done": 5, "rows_held": 3}
            failed = 0 if number else rows_failed
            self.store.beat(blobs.heartbeat(f"c-{number}"), {**fields, "rows_failed": failed, "seconds": 36.0})

    def _requests(self) -> int:
        return sum(self.counts.as_fields().values()) + len(self.azure.requests)


@contextmanager
def large_run(tmp_path: Path, azure: Emulator) -> Iterator[LargeRun]:
    """Give a run that is being followed."""
    site = AzureSite(tmp_path, azure)
    put_into(azure)
    with azure.in_this_process():
        run = AzureRun(
            azure.subscription_id, azure.resource_group, azure.workspace_name,
            (RUN,), (CLUSTER,), TAG_RUN, RUN, "hs-control", 0.5, "hs-seed",
        )  # fmt: skip
        url = f"https://{azure.storage_account}.blob.core.windows.net/{DEFAULT_CONTAINER}"
        with closing(open_store(url, RUN)) as store:
            write_manifest(store, {"experiment": "squares", "plan": {"rows": ROWS}, "azure": run.to_document()})
            found = find_anywhere(site.file, RUN, {})
            counts = RequestCounts()
            yield LargeRun(azure, store, Observer(found, CountingStore(store, "look", counts), time.time), counts)
            assert found.session is not None
            found.session.workspace.azure.close()


def put_into(azure: Emulator) -> None:
    """Put the job of the run, its steps and its cluster into the workspace."""
    cluster = azure.add_cluster(CLUSTER, max_nodes=CONSUMERS, tags={TAG_RUN: RUN})
    with azure.world.lock:
        job = Job(RUN, {"jobType": "Pipeline", "jobs": {}}, azure.world.directory.person, status="Running")
        names = ["seed", "teardown", *(f"consume_{number}" for number in range(CONSUMERS))]
        job.steps += [Step(f"{RUN}-{name}", RUN, name, status="Running") for name in names]
        azure.world.jobs[RUN] = job
        azure.world.steps.update({step.run_id: step for step in job.steps})
        cluster.nodes.update({f"node-{number}": "running" for number in range(CONSUMERS)})


def failures(consumer: str, first: int) -> bytes:
    """Return a ledger part with two rows that failed."""
    failure = {"kind": "raised", "type": "ValueError", "message": "no", "frames": []}
    lines = [
        failed_line(row, attempts=1, seconds=0.1, started_at=1.0, consumer=consumer, worker=0, failure=failure)
        for row in (first, first + 1)
    ]
    return write_part(lines)


def test_a_look_at_a_run_of_200_consumers_takes_at_most_ten_requests(tmp_path: Path, azure: Emulator) -> None:
    with large_run(tmp_path, azure) as run:
        run.look()  # the first one logs in
        before_rows = [run.look() for _ in range(2)]
        write_seed(run.store, SeedRecord("s", ROWS, 100, ("number",), {}, None, "0" * 64, 1.0))
        run.beat()
        at_work = [run.look() for _ in range(2 * STEPS_EVERY_LOOKS)]
        for number in range(5):
            run.store.create(blobs.part("c-0", number), failures("c-0", 2 * number))
        run.beat(rows_failed=10)
        failing = [run.look() for _ in range(2 * STEPS_EVERY_LOOKS)]

    requests = [count for _, count in (*before_rows, *at_work, *failing)]
    assert max(requests) <= MOST_REQUESTS, requests
    look = failing[-1][0]
    assert look.phase == "running"
    assert (look.progress.done, look.progress.failed) == (5 * CONSUMERS, 10)
    assert look.nodes == (CONSUMERS, CONSUMERS)
    assert look.cost_usd == 1.0
    assert [(group.type, group.rows) for group in look.groups] == [("ValueError", 10)]


def test_an_image_that_a_consumer_lacks_is_shown_with_its_log_though_rows_are_seeded_and_the_log_comes_late(
    tmp_path: Path, azure: Emulator
) -> None:
    log = tmp_path / "build.txt"
    write_build_log(log)
    with large_run(tmp_path, azure) as run:
        write_seed(run.store, SeedRecord("s", ROWS, 100, ("number",), {}, None, "0" * 64, 1.0))
        run.beat()
        with azure.world.lock:
            step = azure.world.steps[f"{RUN}-consume_3"]
            step.status, step.error = "Failed", Failure("ImageBuildFailure", "Environment image build failed")
        without_log, _ = run.look()
        with azure.world.lock:
            step.logs[BUILD_LOG] = log
        with_log = [run.look()[0] for _ in range(STEPS_EVERY_LOOKS)][-1]

    assert ERROR_LINE not in "".join(without_log.warnings)
    assert ERROR_LINE in "".join(with_log.warnings)
