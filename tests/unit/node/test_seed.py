from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from finished_runs import experiment
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.body import Body
from hyperscale.documents import build
from hyperscale.errors import ExperimentError, HyperscaleError, RunStateError
from hyperscale.experiment import Input
from hyperscale.ledger import Seal, failed_line, succeeded_line, write_part
from hyperscale.node import seed_step
from hyperscale.node.control import (
    SeedRecord,
    Selection,
    read_manifest,
    read_seed,
    write_manifest,
    write_resume,
    write_selected_rows,
)
from hyperscale.node.reading.readers import input_hash
from hyperscale.node.seeding.seed import seed_rows
from hyperscale.node.seeding.stored_rows import with_values
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.queues import Queue, QueueGoneError
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore
from hyperscale.row_set import RowSet

ROWS = 10
ROWS_PER_MESSAGE = 3
MESSAGES = 4


def noise(size: int) -> str:
    """Return text that compression makes little of."""
    return random.Random(size).randbytes(size // 2).hex()


class Killed(BaseException):
    """Stands for a process that dies: nothing in the program may catch it and go on."""


class HookedQueue(SqliteQueue):
    """Calls `before` and `after` with the number of each put, from 1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.puts = 0
        self.before: Callable[[int], Any] = lambda number: None
        self.after: Callable[[int], Any] = lambda number: None

    def put_all(self, bodies: Sequence[str]) -> None:
        for body in bodies:  # one by one, so that a seed can be killed between any two
            self.puts += 1
            self.before(self.puts)
            super().put_all([body])
            self.after(self.puts)


@dataclass
class Run:
    """A run whose queue and store are real, and whose input is a CSV file."""

    folder: Path
    opened: list[Queue] = field(default_factory=list)

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder / "run")

    @property
    def input_path(self) -> Path:
        return self.folder / "input.csv"

    def queue(self) -> HookedQueue:
        self.opened.append(HookedQueue(self.folder / "run" / "queue.sqlite"))
        return self.opened[-1]

    def write_input(self, rows: int = ROWS, name: str = "name") -> None:
        text = "".join(f"{row},{name} {row}\n" for row in range(rows))
        self.input_path.write_text(f"depth,name\n{text}")

    def seed(self, seed_id: str, queue: Queue | None = None, **others: Any) -> SeedRecord:
        source = build(Input, {"csv": "input.csv", "columns": {"depth": "integer"}, "key": "name", **others})
        counts = RequestCounts()
        return seed_rows(
            run_id="run",
            queue=CountingQueue(queue or self.queue(), "seed", counts),
            store=CountingStore(self.store, "seed", counts),
            source=source,
            path=self.input_path,
            rows_per_message=ROWS_PER_MESSAGE,
            seed_id=seed_id,
            manifest={"run_id": "run", "by": seed_id},
            counts=counts,
            clock=lambda: 1_800_000_000.0,
        )

    def bodies(self) -> list[Body]:
        return [Body.decode(message.body) for message in self.queue().receive(32, 60)]

    def seeded_rows(self, *seed_ids: str) -> list[int]:
        """Return the rows of the messages that a consumer would not drop as stale."""
        return sorted(index for body in self.bodies() if body.seed_id in seed_ids for index in body.rows)

    def seal(self, number: int, *outcomes: str, missing: int) -> None:
        """Write one part and the seal that holds it."""
        part = blobs.part("c-1", number)
        self.store.create(part, write_part(outcomes))
        seal = Seal(number, "incomplete", "", ROWS, (part,), ROWS - missing, 0, missing, 0, 0.0)
        self.store.create(blobs.seal(number), seal.encode())

    def heartbeat(self, seed_id: str) -> dict[str, Any]:
        beats = {name: fields for name, _, fields in self.store.beats(blobs.CONSUMERS)}
        return beats[f"consumers/seed-{seed_id}"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    run.write_input()
    yield run
    for queue in run.opened:
        queue.close()


def succeeded(row_index: int) -> str:
    facts = {"attempts": 1, "seconds": 0.1, "started_at": 0.0, "consumer": "c-1", "worker": 0}
    return succeeded_line(row_index, **facts, result="null")


def failed(row_index: int) -> str:
    facts = {"attempts": 3, "seconds": 0.1, "started_at": 0.0, "consumer": "c-1", "worker": 0}
    return failed_line(row_index, **facts, failure={"kind": "raised"})


def test_all_rows_are_put_and_then_sealed(run: Run) -> None:
    record = run.seed("s1")

    bodies = run.bodies()
    rows = {index: values for body in bodies for index, values in body.rows.items()}
    assert rows == {row: [row, f"name {row}"] for row in range(ROWS)}
    assert [(body.run_id, body.seed_id, body.batch, len(body.rows)) for body in bodies] == [
        ("run", "s1", 0, 3),
        ("run", "s1", 1, 3),
        ("run", "s1", 2, 3),
        ("run", "s1", 3, 1),
    ]
    assert record == read_seed(run.store)
    assert (record.seed_id, record.rows, record.batches) == ("s1", ROWS, MESSAGES)
    assert (record.columns, record.key) == (("depth", "name"), "name")
    assert record.types == {"depth": "integer", "name": "string"}


def test_an_input_whose_keys_name_two_rows_is_not_sealed(run: Run, wording: Wording) -> None:
    run.input_path.write_text("depth,name\n1,a\n2,b\n3,a\n")

    with pytest.raises(ExperimentError) as caught:
        run.seed("s1")

    (problem,) = caught.value.problems
    names(problem, "input.csv:4: name", "'a'", "line 2")
    wording(caught)
    assert read_seed(run.store) is None
    assert run.heartbeat("s1")["message"] == str(problem)


def test_nothing_is_sealed_before_the_last_put_is_answered(run: Run) -> None:
    queue = run.queue()
    seals = []
    queue.after = lambda number: seals.append(read_seed(run.store))

    run.seed("s1", queue)

    assert seals == [None] * MESSAGES


def test_a_row_that_fits_no_message_is_in_the_store_before_its_message_is_put(run: Run) -> None:
    large = noise(300_000)
    run.write_input(rows=4, name=large)
    queue, stored = run.queue(), []
    queue.before = lambda number: stored.append(len(run.store.names(blobs.BATCHES)))

    run.seed("s1", queue)

    bodies = run.bodies()
    assert stored == [4, 4, 4, 4]
    assert run.store.names(blobs.BATCHES) == [f"batches/s1-{row}.json" for row in range(4)]
    rows = [with_values(body, run.store).rows for body in bodies]
    assert rows == [{row: [row, f"{large} {row}"]} for row in range(4)]


def test_a_large_row_that_is_missing_is_seeded_again_under_the_new_seed_id(run: Run) -> None:
    run.write_input(rows=4, name=noise(300_000))
    run.seed("s1")
    run.queue().remove()
    run.seal(1, succeeded(0), succeeded(2), missing=2)
    write_resume(run.store, seed_id="s2", seal=1)

    run.seed("ignored")

    bodies = run.bodies()
    assert [(body.seed_id, list(body.rows)) for body in bodies] == [("s2", [1]), ("s2", [3])]
    rows = [with_values(body, run.store).rows for body in bodies]
    assert [values[0] for row in rows for values in row.values()] == [1, 3]


def test_an_input_without_rows_is_sealed_as_such(run: Run) -> None:
    run.write_input(rows=0)

    record = run.seed("s1")

    assert (record.rows, record.batches) == (0, 0)
    assert run.queue().depth() == 0


def test_a_limit_holds(run: Run) -> None:
    assert run.seed("s1", limit=4).rows == 4
    assert run.seeded_rows("s1") == [0, 1, 2, 3]


def test_a_seed_that_finds_the_seal_puts_nothing(run: Run) -> None:
    first = run.seed("s1")

    second = run.seed("s2")

    assert second == first
    assert run.queue().depth() == MESSAGES


def test_a_seed_that_finds_the_seal_needs_no_queue(run: Run) -> None:
    run.seed("s1")
    run.queue().remove()

    run.seed("s2")

    with pytest.raises(QueueGoneError):
        run.queue().depth()


def test_an_input_that_has_changed_since_is_refused(run: Run, wording: Wording) -> None:
    run.seed("s1")
    run.write_input(name="other")

    with pytest.raises(RunStateError) as caught:
        run.seed("s2")
    names(caught, "input")
    wording(caught)

    assert run.queue().depth() == MESSAGES


@pytest.mark.parametrize("number", range(1, MESSAGES + 1))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_seed_killed_at_any_put_and_run_again_seeds_each_row_once(run: Run, number: int, moment: str) -> None:
    def die(put: int) -> None:
        if put == number:
            raise Killed

    queue = run.queue()
    setattr(queue, moment, die)
    with pytest.raises(Killed):
        run.seed("killed", queue)
    assert read_seed(run.store) is None

    record = run.seed("again")

    assert record.seed_id == "again"
    assert run.seeded_rows("again") == list(range(ROWS))


@pytest.mark.parametrize("number", range(1, MESSAGES + 1))
def test_of_two_seeds_at_once_one_is_sealed_and_both_end_well(run: Run, number: int) -> None:
    queue, winners = run.queue(), []
    queue.after = lambda put: winners.append(run.seed("fast")) if put == number else None

    slow = run.seed("slow", queue)

    assert [slow] == winners
    assert slow.seed_id == "fast"
    assert run.seeded_rows("fast") == list(range(ROWS))
    assert run.queue().depth() == 2 * MESSAGES  # the messages of the slow one are stale: consumers drop them


def test_a_seal_whose_answer_was_lost_is_the_seeds_own(run: Run) -> None:
    run.seed("s1")
    sealed = run.store.read(blobs.SEED)
    (run.folder / "run" / blobs.SEED).unlink()
    run.queue().remove()
    queue = run.queue()
    queue.after = lambda put: run.store.create(blobs.SEED, sealed) if put == MESSAGES else None

    record = run.seed("s1", queue)

    assert record.seed_id == "s1"
    assert run.seeded_rows("s1") == list(range(ROWS))


def test_a_queue_that_exists_is_not_cleared(run: Run) -> None:
    queue = run.queue()
    queue.create()
    queue.put("of the seed that has won")

    run.seed("s1")

    assert run.queue().depth() == MESSAGES + 1


@pytest.mark.parametrize("number", range(1, MESSAGES + 1))
def test_a_queue_that_was_removed_under_way_is_not_made_again(run: Run, number: int) -> None:
    queue = run.queue()
    queue.before = lambda put: run.queue().remove() if put == number else None

    with pytest.raises(QueueGoneError):
        run.seed("s1", queue)

    assert read_seed(run.store) is None
    with pytest.raises(QueueGoneError):
        run.queue().depth()


def test_a_run_that_was_removed_while_it_was_seeded_says_so(run: Run) -> None:
    queue = run.queue()
    queue.after = lambda put: run.store.remove() if put == MESSAGES else None

    with pytest.raises(HyperscaleError, match="is gone"):
        run.seed("s1", queue)


def test_a_resume_that_names_no_rows_puts_none(run: Run) -> None:
    run.seed("s1")
    write_resume(run.store)

    run.seed("s2")

    assert run.queue().depth() == MESSAGES


def test_a_resume_seeds_the_rows_missing_by_its_seal_under_its_seed_id(run: Run) -> None:
    first = run.seed("s1")
    run.queue().remove()
    run.seal(1, succeeded(0), failed(4), missing=8)
    run.seal(2, succeeded(9), succeeded(1), missing=6)
    write_resume(run.store, seed_id="named", seal=2)

    record = run.seed("s2")

    bodies = run.bodies()
    rows = {index: values for body in bodies for index, values in body.rows.items()}
    assert record == first
    assert rows == {row: [row, f"name {row}"] for row in (2, 3, 5, 6, 7, 8)}
    assert {body.seed_id for body in bodies} == {"named"}
    assert [len(body.rows) for body in bodies] == [3, 3]


def test_a_seal_after_the_named_one_does_not_change_what_a_resume_seeds(run: Run) -> None:
    run.seed("s1")
    run.queue().remove()
    run.seal(1, *map(succeeded, range(8)), missing=2)
    write_resume(run.store, seed_id="named", seal=1)
    run.seal(2, succeeded(8), missing=1)

    run.seed("s2")

    assert run.seeded_rows("named") == [8, 9]


def test_the_newest_resume_counts(run: Run) -> None:
    run.seed("s1")
    write_resume(run.store, seed_id="old", seal=None)
    write_resume(run.store)

    run.seed("s2")

    assert run.queue().depth() == MESSAGES


def test_a_resume_of_a_run_that_was_never_sealed_seeds_all(run: Run) -> None:
    write_resume(run.store)

    record = run.seed("s2")

    assert record.seed_id == "s2"
    assert run.seeded_rows("s2") == list(range(ROWS))


def test_the_manifest_is_written_by_the_first(run: Run) -> None:
    run.seed("s1")
    run.seed("s2")

    assert read_manifest(run.store) == {"run_id": "run", "by": "s1"}


def test_the_heartbeat_tells_what_was_seeded_and_what_it_cost(run: Run) -> None:
    write_resume(run.store)
    run.seed("s1")

    beat = run.heartbeat("s1")

    assert (beat["role"], beat["state"], beat["life"]) == ("seed", "left", 1)
    assert (beat["rows_seeded"], beat["rows_done"]) == (ROWS, 0)
    assert beat["started_at"] == 1_800_000_000.0
    assert beat["requests.seed"] >= MESSAGES + 2
    assert beat["requests.heartbeat"] == 1  # the one before this one


def test_a_seed_says_that_it_runs_while_it_puts(run: Run) -> None:
    queue = run.queue()
    states = []
    queue.before = lambda put: states.append(run.heartbeat("s1")["state"])

    run.seed("s1", queue)

    assert states == ["running"] * MESSAGES


def test_a_seed_that_fails_says_why(run: Run) -> None:
    run.input_path.write_text("depth,name\n1,a\nmany,b\n")

    with pytest.raises(ExperimentError):
        run.seed("s1")

    beat = run.heartbeat("s1")
    assert beat["state"] == "broken"
    assert "input.csv" in beat["message"]
    assert read_seed(run.store) is None


def test_a_seed_that_cannot_open_its_input_says_why(run: Run) -> None:
    run.input_path.unlink()

    with pytest.raises(ExperimentError):
        run.seed("s1")

    assert run.heartbeat("s1")["state"] == "broken"


# ---- a retry, or a trial: some of the rows


def select(run: Run, *rows: int, digest: str | None = None) -> Selection:
    """Say that the run has these rows of its input alone."""
    source = build(Input, {"csv": "input.csv"})
    selection = Selection(len(rows), digest or input_hash(source, run.input_path), (), None, None)
    write_selected_rows(run.store, RowSet.of(rows))
    write_manifest(run.store, {"run_id": "run", "selection": asdict(selection)})
    return selection


def test_of_a_selection_the_rows_are_put_under_the_indices_that_they_have(run: Run) -> None:
    selection = select(run, 1, 4, 5, 9)

    record = run.seed("s1")

    bodies = run.bodies()
    assert [list(body.rows) for body in bodies] == [[1, 4, 5], [9]]
    assert {index: values for body in bodies for index, values in body.rows.items()} == {
        row: [row, f"name {row}"] for row in (1, 4, 5, 9)
    }
    assert (record.rows, record.batches, record.selection) == (4, 2, selection)
    assert read_seed(run.store) == record


def test_of_a_selection_the_missing_rows_are_seeded_again(run: Run) -> None:
    select(run, 1, 4, 5, 9)
    run.seed("s1")
    run.queue().remove()
    run.seal(1, succeeded(4), failed(9), missing=2)
    write_resume(run.store, seed_id="s2", seal=1)

    run.seed("ignored")

    assert run.seeded_rows("s2") == [1, 5]


def test_another_input_than_the_one_that_rows_were_selected_from_is_refused_before_a_put(
    run: Run, wording: Wording
) -> None:
    select(run, 1, 4, digest="0" * 64)

    with pytest.raises(RunStateError) as refused:
        run.seed("s1")
    names(refused, "000000000000")
    wording(refused)

    assert read_seed(run.store) is None
    with pytest.raises(QueueGoneError):
        run.queue().depth()


def test_a_limit_that_cuts_off_selected_rows_is_refused(run: Run, wording: Wording) -> None:
    select(run, 1, 9)

    with pytest.raises(RunStateError) as refused:
        run.seed("s1", limit=5)
    names(refused, "2 selected rows", 1)
    wording(refused)

    assert read_seed(run.store) is None


def test_a_selection_whose_rows_are_lost_puts_nothing(run: Run) -> None:
    select(run, 1, 9)
    (run.folder / "run" / blobs.SELECTED_ROWS).unlink()

    with pytest.raises(HyperscaleError) as refused:
        run.seed("s1")
    names(refused, blobs.SELECTED_ROWS)

    assert read_seed(run.store) is None


def test_a_step_that_is_started_again_makes_the_messages_of_a_killed_one_stale(run: Run) -> None:
    values = argparse.Namespace(
        run_id="run", run_name="", queue=str(run.folder), store=str(run.folder), input=str(run.input_path),
        experiment=json.dumps(experiment().to_document()),
        rows_per_message=ROWS_PER_MESSAGE, workers_per_node=1, consumers=1, lease_seconds=60.0,
        seeded=str(run.folder / "seeded"), clusters="none", owner_tag="", control_cluster="",
        seed_cluster="", usd_per_node_hour="unknown", usd_per_control_hour="unknown",
    )  # fmt: skip
    seed_step.run_seed(values)
    (run.folder / "run" / blobs.SEED).unlink()  # as if it had been killed before it sealed

    seed_step.run_seed(values)

    record = read_seed(run.store)
    assert record is not None
    assert run.queue().depth() == 2 * MESSAGES
    assert run.seeded_rows(record.seed_id) == list(range(ROWS))
