from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from hyperscale import blobs
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore


def test_nothing_asked_is_nothing_counted() -> None:
    assert RequestCounts().as_fields() == {}


def test_each_request_to_a_queue_counts_for_its_process(tmp_path: Path) -> None:
    counts = RequestCounts()
    with closing(CountingQueue(SqliteQueue(tmp_path / "queue.sqlite"), "consume", counts)) as queue:
        queue.create()
        for _ in range(4):
            queue.put("m")
        messages = queue.receive(32, 60)
        receipt = queue.update(messages[0].id, messages[0].receipt, "m2", lease_seconds=60)
        queue.delete(messages[0].id, receipt)
        depth = queue.depth()

    assert (len(messages), depth) == (4, 3)
    assert counts.as_fields() == {"requests.consume": 1 + 4 + 1 + 1 + 1 + 1}


def test_requests_to_a_store_count_for_what_they_are_about(tmp_path: Path) -> None:
    counts = RequestCounts()
    store = CountingStore(FolderStore(tmp_path / "run"), "seed", counts)
    file = tmp_path / "file"
    file.write_bytes(b"log")

    store.create(blobs.SEED, b"{}")
    store.read(blobs.SEED)
    store.create(blobs.part("c-1", 0), b"")
    store.names(blobs.LEDGER)
    store.upload("logs/c-1", file)
    store.download("logs/c-1", file)
    store.beat(blobs.heartbeat("c-1"), {"rows_done": 1})
    beats = list(store.beats(blobs.CONSUMERS))

    assert [fields for _, _, fields in beats] == [{"rows_done": 1}]
    assert counts.as_fields() == {
        "requests.heartbeat": 2,
        "requests.ledger": 2,
        "requests.logs": 2,
        "requests.seed": 2,
    }


def test_queue_and_store_share_their_counts(tmp_path: Path) -> None:
    counts = RequestCounts()
    with closing(CountingQueue(SqliteQueue(tmp_path / "queue.sqlite"), "seed", counts)) as queue:
        queue.create()
    CountingStore(FolderStore(tmp_path / "run"), "seed", counts).names("")

    assert counts.as_fields() == {"requests.seed": 2}


def test_requests_of_several_threads_are_all_counted() -> None:
    counts = RequestCounts()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(counts.add, ["ledger"] * 2000))

    assert counts.as_fields() == {"requests.ledger": 2000}
