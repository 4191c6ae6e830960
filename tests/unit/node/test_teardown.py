"""The end of a run: what teardown waits for, what it makes final, what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from finished_runs import CREATED_AT, experiment, failed, part, sealed, seeded, succeeded, write_input

from hyperscale import blobs
from hyperscale.azure_run import AzureRun
from hyperscale.cost import Rates
from hyperscale.errors import HyperscaleError, RunStateError, TeardownError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import DamagedPartError, Seal
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.control import read_cancel, write_cancel, write_manifest, write_resume
from hyperscale.node.ending.clusters import Deleted, Deletion
from hyperscale.node.ending.fleet import Fleet, NoFleet
from hyperscale.node.ending.joins import Join
from hyperscale.node.ending.teardown import Teardown
from hyperscale.node.storing.queues import QueueGoneError
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore

LEASE = 30.0
PUBLISHED = (
    blobs.RESULTS_PARQUET,
    blobs.RESULTS_CSV,
    blobs.FAILURES_CSV,
    blobs.JOBLOG,
    blobs.RUN_RESULTS,
)


class World:
    """A run on one machine whose clock moves only while teardown waits; `then` says what happens meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = CREATED_AT + 5.0
        self.store = FolderStore(folder / "run", clock=self.clock)
        self.queue = SqliteQueue(folder / "run" / "queue.sqlite", clock=self.clock)
        self.stop = False
        self.scratch: Path | None = None
        self._events: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, 1.0)
        for event in [event for event in self._events if event[0] <= self.now]:
            self._events.remove(event)
            event[1]()
        assert self.now < CREATED_AT + 10 * 3600, "teardown waits for ever"

    def after(self, seconds: float, event: Callable[[], Any]) -> None:
        self._events.append((self.now + seconds, event))

    def seed(self, rows: int, messages: int = 0) -> None:
        path = write_input(self.folder, rows)
        self.queue.create()
        for _ in range(messages):
            self.queue.put("{}")
        seeded(self.store, rows, input_path=path)

    def take_message(self) -> None:
        (message,) = self.queue.receive(1, LEASE)
        self.queue.delete(message.id, message.receipt)

    def beat(self, process: str = "c-1", state: str = "running", role: str = "consume", **fields: Any) -> None:
        named = {"role": role, "state": state, "life": 0, "started_at": self.now, "message": ""}
        self.store.beat(blobs.heartbeat(process), {**named, **fields})

    def tear_down(
        self,
        *,
        spec: NodeExperiment | None = None,
        consumers: int = 1,
        resumes: int = 0,
        fleet: Fleet | None = None,
    ) -> RunResults:
        return Teardown(
            run_id="r",
            queue=self.queue,
            store=self.store,
            experiment=spec or experiment(),
            input_path=self.folder / "input.csv",
            consumers=consumers,
            lease_seconds=LEASE,
            life=resumes,
            clock=self.clock,
            wait=self.wait,
            stop_requested=lambda: self.stop,
            open_run=lambda run_id: FolderStore(self.folder / run_id, clock=self.clock),
            scratch=self.scratch,
            fleet=fleet or NoFleet(),
        ).run()

    def published(self) -> dict[str, bytes]:
        return {name: self.store.read(name) for name in PUBLISHED}

    def has_queue(self) -> bool:
        try:
            self.queue.depth()
        except QueueGoneError:
            return False
        return True

    def own_states(self) -> list[Any]:
        beats = self.store.beats(blobs.CONSUMERS)
        return [fields["state"] for _, _, fields in beats if fields["role"] == "teardown"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.queue.close()


def counts(results: RunResults) -> tuple[int, int, int]:
    return results.rows.succeeded, results.rows.failed, results.rows.missing


def test_a_run_that_is_complete_is_sealed_and_published(world: World) -> None:
    world.seed(3)
    part(world.store, "c-1", [succeeded(row, {"x": row}) for row in range(3)])

    results = world.tear_down()

    assert (results.outcome, results.reason, results.exit_code) == ("succeeded", "", 0)
    assert counts(results) == (3, 0, 0)
    assert [seal.state for seal in read_seals(world.store)] == ["complete"]
    assert json.loads(world.store.read(blobs.RUN_RESULTS)) == json.loads(json.dumps(results.to_document()))
    assert world.store.names("results") == [blobs.RESULTS_CSV, blobs.RESULTS_PARQUET]
    assert not world.has_queue()
    assert world.own_states() == ["left"]


def test_it_waits_for_the_seed_and_for_the_last_message(world: World) -> None:
    world.queue.create()
    world.beat("seed-1", role="seed")
    world.after(100, lambda: world.seed(2, messages=1))
    world.after(101, lambda: world.beat("seed-1", "left", role="seed"))
    world.after(150, lambda: part(world.store, "c-1", [succeeded(0), succeeded(1)]))
    world.after(160, world.take_message)

    results = world.tear_down()

    assert results.outcome == "succeeded"
    assert world.now >= CREATED_AT + 160
    assert read_cancel(world.store, 0) is None


def test_a_depth_that_is_wrong_for_a_while_ends_nothing(world: World) -> None:
    world.seed(2)
    world.after(20, lambda: world.queue.put("{}"))
    world.after(70, lambda: part(world.store, "c-1", [succeeded(0), succeeded(1)]))
    world.after(80, world.take_message)

    results = world.tear_down()

    assert (results.outcome, read_cancel(world.store, 0)) == ("succeeded", None)


def test_rows_that_are_missing_from_an_empty_queue_are_counted_after_a_lease(world: World) -> None:
    world.seed(3)
    part(world.store, "c-1", [succeeded(1)])
    began_at = world.now

    results = world.tear_down()

    assert counts(results) == (1, 0, 2)
    assert (results.outcome, results.exit_code) == ("incomplete", 6)
    assert "queue is empty" in results.reason
    assert began_at + LEASE <= world.now <= began_at + LEASE + 5
    assert world.has_queue()


def test_a_part_that_comes_within_the_lease_completes_the_run(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(1)])
    world.after(LEASE - 5, lambda: part(world.store, "c-2", [succeeded(0)]))

    assert world.tear_down().outcome == "succeeded"


def test_a_seed_that_died_ends_the_run_without_a_seal(world: World) -> None:
    seeded(world.store, 4)
    (world.folder / "run" / blobs.SEED).unlink()
    world.beat("seed-1", "broken", role="seed", message="input.csv is empty")

    results = world.tear_down()

    assert (results.outcome, results.reason, results.exit_code) == ("incomplete", "input.csv is empty", 6)
    assert (results.rows.total, results.rows.missing) == (4, 4)
    assert read_seals(world.store) == []
    assert json.loads(world.store.read(blobs.RUN_RESULTS))["outcome"] == "incomplete"


def test_a_seed_that_died_before_anything_is_known_is_no_success(world: World) -> None:
    world.beat("seed-1", "broken", role="seed", message="no such file")

    results = world.tear_down()

    assert (results.outcome, results.rows.total, results.exit_code) == ("incomplete", 0, 6)


def test_a_run_whose_consumers_have_all_left_is_stalled(world: World) -> None:
    world.seed(2, messages=1)
    part(world.store, "c-1", [succeeded(0)])
    world.beat("c-1", "left", rows_done=1)

    results = world.tear_down()

    assert counts(results) == (1, 0, 1)
    assert "messages left in the queue: 1" in results.reason
    assert world.has_queue()


def test_an_activity_that_cannot_be_started_cancels_the_run(world: World) -> None:
    world.seed(2, messages=1)
    for number in range(3):
        world.after(10 + number, lambda number=number: world.beat(f"c-{number}", "broken", message="no module sweep"))

    results = world.tear_down(consumers=8)

    assert (results.outcome, results.cause) == ("cancelled", "broken")
    assert results.reason == "3 of 8 consume jobs could not start: no module sweep"
    assert counts(results) == (0, 0, 2)
    assert read_seals(world.store)[-1].reason == f"broken: {results.reason}"


def test_passing_max_failed_stops_the_run(world: World) -> None:
    world.seed(200, messages=2)
    part(world.store, "c-1", [failed(row) if row < 11 else succeeded(row) for row in range(100)])
    world.beat("c-1", rows_done=100, rows_failed=11)
    world.after(20, lambda: world.beat("c-1", "left", rows_done=100, rows_failed=11))

    results = world.tear_down(spec=experiment(max_failed="5%"))

    assert (results.outcome, results.exit_code) == ("limit", 6)
    assert counts(results) == (89, 11, 100)
    assert "max_failed is 5%" in results.reason


def test_a_complete_run_with_too_many_failures_has_passed_its_limit(world: World) -> None:
    world.seed(3)
    part(world.store, "c-1", [failed(0), failed(1), succeeded(2)])

    results = world.tear_down(spec=experiment(max_failed=1))

    assert (results.outcome, results.reason, results.exit_code) == ("limit", "", 6)
    assert not world.has_queue()


def test_failed_rows_are_an_incomplete_run_that_teardown_itself_ends_well(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [failed(0, "depth 7"), succeeded(1)])

    results = world.tear_down()

    assert (results.outcome, results.reason, results.exit_code) == ("incomplete", "", 0)
    assert [group.message for group in results.failure_groups] == ["depth 7"]


def test_the_time_limit_stops_the_run(world: World) -> None:
    world.seed(2, messages=1)

    def work_on() -> None:
        world.beat("c-1", "left" if read_cancel(world.store, 0) else "running")
        world.after(20, work_on)

    work_on()

    results = world.tear_down(spec=experiment(max_hours=1))

    assert results.outcome == "limit"
    assert CREATED_AT + 3600 <= world.now <= CREATED_AT + 3700


def test_after_a_cancel_it_waits_for_consumers_to_write_what_they_know(world: World) -> None:
    world.seed(2, messages=1)
    world.beat("c-1")
    write_cancel(world.store, 0, "user", "stopped by the user")
    world.after(20, lambda: part(world.store, "c-1", [succeeded(0)]))
    world.after(21, lambda: world.beat("c-1", "left"))

    results = world.tear_down()

    assert counts(results) == (1, 0, 1)
    assert (results.outcome, results.reason) == ("cancelled", "stopped by the user")
    assert world.now < CREATED_AT + LEASE + 5


def test_after_a_cancel_it_waits_two_leases_at_most(world: World) -> None:
    world.seed(2, messages=1)
    world.beat("c-1")
    began_at = world.now
    write_cancel(world.store, 0, "user", "stopped by the user")

    world.tear_down()

    assert began_at + 2 * LEASE <= world.now <= began_at + 2 * LEASE + 3


def test_a_signal_cancels_the_run_in_good_order(world: World) -> None:
    world.seed(2, messages=1)
    world.beat("c-1")
    world.after(10, lambda: setattr(world, "stop", True))
    world.after(20, lambda: world.beat("c-1", "left"))

    results = world.tear_down()

    assert (results.outcome, results.reason) == ("cancelled", "stopped by a signal")
    cancel = read_cancel(world.store, 0)
    assert cancel is not None
    assert cancel.reason == "user"


def test_a_resumed_run_obeys_neither_old_markers_nor_old_heartbeats(world: World) -> None:
    world.seed(2, messages=1)
    part(world.store, "c-1", [succeeded(0)])
    world.beat("c-1", "broken", life=0)
    write_cancel(world.store, 0, "user", "stopped by the user")
    world.tear_down()
    write_resume(world.store)
    world.after(30, lambda: part(world.store, "c-2", [succeeded(0), failed(1)]))
    world.after(31, world.take_message)

    results = world.tear_down(resumes=1)

    assert counts(results) == (1, 1, 0)
    assert results.rows.duplicate_outcomes == 1
    assert [(seal.number, seal.state) for seal in read_seals(world.store)] == [(1, "incomplete"), (2, "complete")]


def test_rows_that_are_seeded_again_are_waited_for(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0)])
    sealed(world.store, 2)
    world.queue.remove()
    write_resume(world.store, seed_id="t", seal=1)
    world.after(10 * LEASE, world.queue.create)
    world.after(10 * LEASE + 1, lambda: world.queue.put("{}"))
    world.after(10 * LEASE + 2, lambda: world.beat("seed-2", "left", role="seed", life=1))
    world.after(12 * LEASE, lambda: part(world.store, "c-2", [succeeded(1)]))
    world.after(12 * LEASE + 1, world.take_message)

    assert world.tear_down(resumes=1).outcome == "succeeded"


def test_nothing_new_since_a_seal_publishes_that_seal(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0)])
    write_cancel(world.store, 0, "user", "enough")
    first = world.tear_down()
    before = world.published()
    world.now += 1000

    again = world.tear_down()

    assert again == first
    assert len(read_seals(world.store)) == 1
    assert world.published() == before


def test_a_late_part_changes_nothing_after_a_complete_seal(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), failed(1)])
    world.tear_down()
    before = world.published()

    part(world.store, "c-0", [succeeded(1)])
    world.tear_down()

    assert world.published() == before


def test_two_teardowns_in_step_publish_one_seal(tmp_path: Path) -> None:
    world, other = World(tmp_path), World(tmp_path)
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), failed(1)])
    found: list[RunResults] = []
    create = world.store.create

    def create_after_the_other(name: str, data: bytes) -> bool:
        if name.startswith(blobs.SEALS) and not found:
            part(other.store, "c-0", [succeeded(1)])  # the other one sees more than this one had
            found.append(other.tear_down())
            found_bytes.update(other.published())
        return create(name, data)

    found_bytes: dict[str, bytes] = {}
    world.store.create = create_after_the_other  # type: ignore[method-assign]

    results = world.tear_down()

    assert results == found[0]
    assert counts(results) == (2, 0, 0)
    assert world.published() == found_bytes
    assert len(read_seals(world.store)) == 1


@pytest.mark.parametrize("name", [*PUBLISHED, "nothing"])
def test_a_teardown_killed_between_seal_and_results_is_repeated_to_the_same_bytes(
    world: World, tmp_path: Path, name: str
) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0, {"x": 1}), failed(1)])
    upload = world.store.upload

    def killed_before(uploaded: str, path: Path) -> None:
        if uploaded == name:
            raise KeyboardInterrupt
        upload(uploaded, path)

    world.store.upload = killed_before  # type: ignore[method-assign]
    if name == "nothing":
        world.tear_down()
    else:
        with pytest.raises(KeyboardInterrupt):
            world.tear_down()

    second = World(tmp_path)
    second.now += 500
    second.tear_down()
    first = World(tmp_path / "undisturbed")
    first.folder.mkdir()
    first.seed(2)
    part(first.store, "c-1", [succeeded(0, {"x": 1}), failed(1)])
    first.tear_down()

    assert second.published() == first.published()
    assert read_seals(second.store) == read_seals(first.store)


def test_a_damaged_part_is_an_error_and_no_count(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), succeeded(1)])
    path = world.folder / "run" / blobs.part("c-1", 0)
    path.write_bytes(path.read_bytes().replace(b"succeeded", b"successed", 1))

    with pytest.raises(DamagedPartError, match="c-1"):
        world.tear_down()

    assert read_seals(world.store) == []
    assert world.own_states() == ["broken"]


def unreadable(row_index: int) -> list[str]:
    """Return lines that no table can hold: too deep, too long an integer, cut off, of other types."""
    line = succeeded(row_index, "@")
    deep, digits = "[" * 700 + "]" * 700, "4" * 5_000
    return [
        line.replace('"@"', deep),
        line.replace('"@"', digits),
        line[:-9],
        line.replace('"attempts":1', '"attempts":[]'),
    ]


def test_lines_that_cannot_be_read_or_fit_no_row_are_set_aside_named_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.seed(4)
    part(world.store, "c-1", [succeeded(0, {"x": 1}), *unreadable(1), succeeded(10**9, 7), failed(2), succeeded(3)])
    part(world.store, "c-2", [succeeded(1, {"x": 5}), *unreadable(3), failed(99), succeeded(0, {"x": 6})])

    results = world.tear_down()

    assert counts(results) == (3, 1, 0)
    assert (results.rows.duplicate_outcomes, results.rows.set_aside_lines) == (1, 10)
    assert [seal.set_aside for seal in read_seals(world.store)] == [10]
    assert "line 2 of ledger/c-1-000000.jsonl is nested 700 levels deep" in caplog.text
    assert "ledger/c-1-000000.jsonl has an outcome of row 1000000000, which the run does not have" in caplog.text
    table = world.published()[blobs.RESULTS_CSV].decode()
    assert [line.partition(",")[0] for line in table.splitlines()[1:]] == ["0", "1", "2", "3"]


def test_a_row_whose_only_line_cannot_be_read_is_missing_and_runs_again(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), *unreadable(1)])
    write_cancel(world.store, 0, "user", "stopped by the user")

    stopped = world.tear_down()
    write_resume(world.store)
    part(world.store, "c-2", [succeeded(1, 8)])
    resumed = world.tear_down(resumes=1)

    assert (counts(stopped), stopped.rows.set_aside_lines) == ((1, 0, 1), 4)
    assert (counts(resumed), resumed.rows.set_aside_lines) == ((2, 0, 0), 4)


def test_a_run_that_an_older_version_sealed_over_such_a_line_is_collected_without_its_row(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0, 8), unreadable(1)[0]])
    name = blobs.part("c-1", 0)
    world.store.create(blobs.seal(1), Seal(1, "complete", "", 2, (name,), 2, 0, 0, 0, CREATED_AT).encode())

    results = world.tear_down()

    assert (counts(results), results.rows.set_aside_lines, results.exit_code) == ((1, 0, 1), 1, 6)
    assert "a retry executes" in results.reason


def test_an_input_that_has_changed_is_an_error_and_can_be_put_back(world: World) -> None:
    world.seed(3)
    part(world.store, "c-1", [succeeded(row) for row in range(3)])
    path = world.folder / "input.csv"
    path.write_text(path.read_text().replace("k1", "k7"))

    with pytest.raises(RunStateError, match="has changed"):
        world.tear_down()
    write_input(world.folder, 3)
    results = world.tear_down()

    assert (results.outcome, len(read_seals(world.store))) == ("succeeded", 1)


def test_figures_come_from_manifest_seal_and_heartbeats(world: World) -> None:
    world.seed(4)
    part(world.store, "c-1", [succeeded(row) for row in range(4)])
    world.beat("seed-1", "left", role="seed", **{"requests.seed": 7, "requests.heartbeat": 1})
    world.beat("c-1", "left", **{"requests.consume": 5, "requests.ledger": 2, "requests.heartbeat": 3})
    world.beat("c-2", "left", **{"requests.consume": 6, "requests.logs": 4})
    world.now = CREATED_AT + 16.0

    results = world.tear_down()

    assert (results.seconds, results.rows_per_second, results.workers) == (16.0, 0.25, 6)
    assert results.storage_requests == {"seed": 7, "consume": 11, "ledger": 2, "logs": 4, "heartbeat": 4}
    assert results.cost_usd is None


_KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_teardown import World
world = World(Path(sys.argv[1]))
world.scratch = world.folder / "scratch"
world.scratch.mkdir()
upload = world.store.upload
world.store.upload = lambda name, path: os.kill(os.getpid(), 9)
world.tear_down()
"""


def test_a_teardown_that_dies_of_kill_9_after_its_seal_leaves_all_to_the_next(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), succeeded(1)])

    done = subprocess.run([sys.executable, "-c", _KILLED, str(world.folder), str(Path(__file__).parent)])

    assert done.returncode == -9
    assert len(read_seals(world.store)) == 1
    assert world.store.names("results") == []
    assert world.tear_down().outcome == "succeeded"


def test_what_a_killed_teardown_leaves_lies_in_its_scratch_folder(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), succeeded(1)])

    subprocess.run([sys.executable, "-c", _KILLED, str(world.folder), str(Path(__file__).parent)])

    (left,) = (world.folder / "scratch").iterdir()
    assert (left / blobs.RESULTS_CSV).exists()


def test_a_scratch_folder_that_cannot_be_written_is_named(world: World) -> None:
    world.seed(1)
    part(world.store, "c-1", [succeeded(0)])
    world.scratch = world.folder / "nowhere"

    with pytest.raises(HyperscaleError, match=str(world.scratch)):
        world.tear_down()


class Machines:
    """The machines of a run that write down what is asked of them; deleting them takes 100 seconds."""

    is_ours = True

    def __init__(self, world: World, *, left: str = "", usd_per_node_hour: float | None = None) -> None:
        self.asked: list[str] = []
        self.states: list[Any] = []
        self.seen: tuple[StepFacts, ...] = ()
        self._usd_per_node_hour = usd_per_node_hour
        self._world, self._left = world, left

    def rates(self, idle_seconds: float) -> Rates:
        return Rates(self._usd_per_node_hour)

    def follow(self, jobs: Iterable[str], joins: Callable[[], list[Join]]) -> None:
        """The test says what is seen."""

    def steps(self) -> tuple[StepFacts, ...]:
        return self.seen

    def begin_deletion(self) -> None:
        self.asked.append("begin deletion")

    def delete(self, wait: Callable[[float], None]) -> Deleted:
        self.asked.append("delete")
        for _ in range(10):
            wait(10.0)
            self.states = self._world.own_states()
        return Deleted(left=(Deletion(self._left, problem="a lock"),)) if self._left else Deleted(gone=("hs-a-c00",))

    def tell(self, results: RunResults) -> None:
        self.asked.append(f"tell {results.rows.succeeded}")

    def log(self, figures: Mapping[str, float]) -> None:
        """Nobody looks at them."""

    def close(self) -> None:
        """Nothing is open."""


def test_the_clusters_are_deleted_when_the_results_are_there(world: World) -> None:
    world.seed(2)
    part(world.store, "c-1", [succeeded(0), succeeded(1)])
    machines = Machines(world)

    world.tear_down(fleet=machines)

    assert machines.asked == ["tell 2", "delete"]
    assert machines.states == ["deleting"]
    assert world.own_states() == ["left"]


def test_a_cluster_that_is_left_is_an_error_after_the_results(world: World) -> None:
    world.seed(1)
    part(world.store, "c-1", [succeeded(0)])

    with pytest.raises(TeardownError, match=r"hs-a-c00 \(a lock\)") as left:
        world.tear_down(fleet=Machines(world, left="hs-a-c00"))

    assert left.value.exit_code == 7
    assert json.loads(world.store.read(blobs.RUN_RESULTS))["outcome"] == "succeeded"
    assert world.own_states() == ["broken"]


def test_the_clusters_are_deleted_when_the_results_cannot_be_collected(world: World) -> None:
    world.seed(1)
    part(world.store, "c-1", [succeeded(0)])
    world.scratch = world.folder / "nowhere"
    machines = Machines(world)

    with pytest.raises(HyperscaleError, match="results"):
        world.tear_down(fleet=machines)

    assert machines.asked == ["delete"]


def test_a_cluster_that_is_left_after_a_failure_is_told_beside_it(world: World) -> None:
    world.seed(1)
    part(world.store, "c-1", [succeeded(0)])
    world.scratch = world.folder / "nowhere"

    with pytest.raises(TeardownError, match=r"hs-a-c00.*results"):
        world.tear_down(fleet=Machines(world, left="hs-a-c00"))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_the_clusters_are_deleted_whatever_happens(world: World, kind: type[BaseException]) -> None:
    world.seed(1, messages=1)
    machines = Machines(world)

    def fail() -> None:
        raise kind

    world.after(5, fail)

    with pytest.raises(kind):
        world.tear_down(fleet=machines)

    assert machines.asked == ["delete"]


def test_the_clusters_are_deleted_when_the_seed_failed(world: World) -> None:
    machines = Machines(world)
    machines.seen = (StepFacts("run-seed", "seed", "Failed", "ImageBuildFailure: pip failed"),)

    results = world.tear_down(fleet=machines)

    assert (results.outcome, results.reason) == ("incomplete", "ImageBuildFailure: pip failed")
    assert machines.asked[-1] == "delete"


def test_a_stop_deletes_the_clusters_before_anything_else(world: World) -> None:
    world.seed(2, messages=1)
    world.beat("c-1")
    machines = Machines(world)
    world.after(10, lambda: setattr(world, "stop", True))
    began_at = world.now

    results = world.tear_down(fleet=machines)

    assert results.outcome == "cancelled"
    assert machines.asked == ["begin deletion", "tell 0", "delete"]
    assert world.now - began_at < 10 + 10 + 5 + 100


def test_a_seed_that_was_killed_is_not_waited_for_once_its_step_is_over(world: World) -> None:
    world.beat("seed-1", role="seed")
    machines = Machines(world)
    world.after(20, lambda: setattr(machines, "seen", (StepFacts("run-seed", "seed", "Failed", "killed"),)))
    began_at = world.now

    results = world.tear_down(fleet=machines)

    assert results.reason == "killed"
    assert world.now - began_at < 20 + 5 + 100


def test_what_the_nodes_cost_ends_the_run_and_is_in_its_results(world: World) -> None:
    azure = AzureRun("s", "g", "w", ("r",), (), "", "", "", 2.0).to_document()
    write_manifest(world.store, {"created_at": CREATED_AT, "azure": azure})
    world.seed(2, messages=1)
    part(world.store, "c-1", [succeeded(0)])
    world.beat("c-1", seconds=1700.0, rows_done=1)
    world.after(60, lambda: world.beat("c-1", "left", seconds=1800.0, rows_done=1))

    results = world.tear_down(spec=experiment(max_cost_usd=1.0), fleet=Machines(world, usd_per_node_hour=2.0))

    assert (results.outcome, results.exit_code, results.cost_usd) == ("limit", 6, 1.0)
    assert "max_cost_usd is 1, the nodes have cost $1.00" in results.reason
