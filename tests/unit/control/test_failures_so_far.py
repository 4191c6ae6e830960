"""The failures of a run while it goes on: a few parts a look, of whoever has new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hyperscale import blobs
from hyperscale.control.follow.failures_so_far import PARTS_A_LOOK, FailuresSoFar
from hyperscale.ledger import failed_line, write_part
from hyperscale.node.storing.counting import CountingStore, RequestCounts
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.stores.folder import FolderStore


def part(row_index: int, message: str = "no") -> bytes:
    failure = {"kind": "raised", "type": "ValueError", "message": message, "frames": []}
    line = failed_line(
        row_index, attempts=1, seconds=0.1, started_at=1.0, consumer="c-1", worker=0, failure=failure
    )  # fmt: skip
    return write_part([line])


def beat(consumer: str, failed: int) -> tuple[str, float, dict[str, Any]]:
    return blobs.heartbeat(consumer), 1.0, {"role": "consume", "rows_failed": failed}


def test_parts_are_read_until_all_failures_that_were_told_are_grouped(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for number in range(5):
        store.create(blobs.part("c-1", number), part(number))
    so_far = FailuresSoFar(store)

    counts = []
    for _ in range(4):
        so_far.look([beat("c-1", 5)])
        counts.append(sum(group.rows for group in so_far.largest))

    assert counts == [PARTS_A_LOOK, 2 * PARTS_A_LOOK, 5, 5]


def test_the_consumer_with_the_most_news_is_read_first(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(blobs.part("c-1", 1), part(1, "few"))
    store.create(blobs.part("c-2", 1), part(2, "many"))
    so_far = FailuresSoFar(store)

    so_far.look([beat("c-1", 1), beat("c-2", 9)])

    assert [group.message for group in so_far.largest] == ["many"]


def test_nothing_is_asked_while_nothing_new_has_failed(tmp_path: Path) -> None:
    counts = RequestCounts()
    so_far = FailuresSoFar(CountingStore(FolderStore(tmp_path), "look", counts))

    for _ in range(3):
        so_far.look([beat("c-1", 0)])

    assert counts.as_fields() == {}


class Unreachable(FolderStore):
    """A store whose service does not answer while `is_down`."""

    is_down = True

    def read(self, name: str) -> bytes:
        if self.is_down:
            raise StorageUnavailableError("the service does not answer")
        return super().read(name)


def test_a_part_that_could_not_be_read_in_an_outage_is_read_by_the_next_look(tmp_path: Path) -> None:
    store = Unreachable(tmp_path)
    store.create(blobs.part("c-1", 0), part(0))
    so_far = FailuresSoFar(store)

    with pytest.raises(StorageUnavailableError):
        so_far.look([beat("c-1", 1)])
    during = so_far.largest
    store.is_down = False
    so_far.look([beat("c-1", 1)])

    assert during == ()
    assert [group.rows for group in so_far.largest] == [1]


def test_a_damaged_part_does_not_end_a_look(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(blobs.part("c-1", 0), part(0))
    store.create(blobs.part("c-1", 1), b"no ledger part\n")
    so_far = FailuresSoFar(store)

    so_far.look([beat("c-1", 2)])

    assert [group.rows for group in so_far.largest] == [1]
