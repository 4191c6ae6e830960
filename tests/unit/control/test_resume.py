"""What a further life of a run begins with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hyperscale import blobs
from hyperscale.control.local.resume import Found, next_life, prepare_resume, prepare_resume_here
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.submit.journal import JOURNAL
from hyperscale.errors import RunStateError
from hyperscale.ledger import succeeded_line, write_part
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.control import SeedRecord, read_resumes, write_cancel, write_seed
from hyperscale.node.storing.queues import Queue
from hyperscale.node.storing.stores import Store


@pytest.mark.parametrize(
    ("seeded", "depth", "complete", "published", "life"),
    [
        (False, None, False, False, "goes on"),
        (False, 3, False, False, "goes on"),
        (True, 3, False, False, "goes on"),
        (True, 3, False, True, "goes on"),
        (True, 0, False, False, "seeds missing"),
        (True, None, False, False, "seeds missing"),
        (True, None, True, False, "goes on"),
        (True, 0, True, True, "nothing"),
    ],
)
def test_what_a_run_left_behind_decides_what_a_resume_does(
    seeded: bool, depth: int | None, complete: bool, published: bool, life: str
) -> None:
    assert next_life(Found(seeded, depth, complete, published)) == life


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.under(tmp_path, "r-1")


@pytest.fixture
def store(run: RunFolder) -> Store:
    return run.store()


@pytest.fixture
def queue(run: RunFolder) -> Iterator[Queue]:
    with closing(run.queue()) as queue:
        yield queue


def seed(store: Store, rows: int) -> None:
    write_seed(store, SeedRecord("s-1", rows, 1, ("id",), {"id": "integer"}, None, "0" * 64, 0.1))


def finish(store: Store, *row_indices: int) -> None:
    lines = [
        succeeded_line(index, attempts=1, seconds=0.1, started_at=1.0, consumer="c-1", worker=0, result="{}")
        for index in row_indices
    ]
    store.create(blobs.part("c-1", len(store.names(blobs.LEDGER))), write_part(lines))


def test_messages_that_are_left_are_worked_on_at_once_in_a_new_life(store: Store, queue: Queue) -> None:
    seed(store, 2)
    queue.create()
    queue.put("rows")
    queue.receive(1, lease_seconds=3600)
    write_cancel(store, 0, "user", "stopped")

    assert prepare_resume(store, queue) is None

    assert [(marker.number, marker.seed_id, marker.seal) for marker in read_resumes(store)] == [(1, None, None)]
    assert [message.body for message in queue.receive(1, lease_seconds=1)] == ["rows"]


@pytest.mark.parametrize("is_made", [True, False])
def test_rows_that_no_message_holds_are_named_by_a_seal_and_a_new_seeding(
    store: Store, queue: Queue, is_made: bool
) -> None:
    seed(store, 3)
    finish(store, 1)
    if is_made:
        queue.create()

    assert prepare_resume(store, queue) is None

    (marker,) = read_resumes(store)
    assert marker.seal == 1
    assert marker.seed_id not in (None, "s-1")
    (seal,) = Chain(store, 3).seals
    assert (seal.state, seal.succeeded, seal.missing) == ("incomplete", 1, 2)


def test_a_ledger_that_is_complete_but_not_sealed_is_only_published(store: Store, queue: Queue) -> None:
    seed(store, 2)
    finish(store, 0, 1)

    assert prepare_resume(store, queue) is None

    assert [marker.seed_id for marker in read_resumes(store)] == [None]
    assert Chain(store, 2).is_complete


def test_a_complete_run_gives_its_results_and_changes_nothing(store: Store, queue: Queue) -> None:
    seed(store, 1)
    finish(store, 0)
    Chain(store, 1).seal("", time.time())
    results = {"rows": {"succeeded": 1, "failed": 0, "missing": 0, "total": 1}}
    store.create(blobs.RUN_RESULTS, json.dumps(results).encode())
    before = store.names("")

    assert prepare_resume(store, queue) == results

    assert store.names("") == before


def test_a_run_that_was_stopped_before_it_was_seeded_seeds_in_a_new_life(store: Store, queue: Queue) -> None:
    write_cancel(store, 0, "user", "stopped")

    assert prepare_resume(store, queue) is None

    assert [marker.seed_id for marker in read_resumes(store)] == [None]


def test_a_run_on_azure_ml_is_not_resumed_and_nothing_is_written_into_its_store(run: RunFolder, store: Store) -> None:
    seed(store, 2)
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / JOURNAL).write_text("{}")
    before = store.names("")

    with pytest.raises(RunStateError, match="on Azure ML") as refused:
        prepare_resume_here(run)

    assert "hyperscale retry r-1" in str(refused.value.hint)
    assert store.names("") == before
