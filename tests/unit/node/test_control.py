from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.node.control import (
    SeedRecord,
    read_cancel,
    read_manifest,
    read_resumes,
    read_seed,
    write_cancel,
    write_manifest,
    write_resume,
    write_seed,
)
from hyperscale.node.storing.stores.folder import FolderStore

RECORD = SeedRecord("s1", 10, 2, ("id", "depth"), {"id": "string", "depth": "integer"}, "id", "ab" * 32, 0.5)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "run")


def test_nothing_is_known_of_a_run_that_has_not_begun(store: FolderStore) -> None:
    assert read_manifest(store) is None
    assert read_seed(store) is None
    assert read_cancel(store, 0) is None
    assert read_resumes(store) == []


def test_markers_tell_the_time_by_the_clock_of_the_store(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "run", clock=lambda: 1_000.0)

    write_cancel(store, 0, "user", "")

    assert write_resume(store).created_at == 1_000.0
    cancel = read_cancel(store, 0)
    assert cancel is not None
    assert cancel.created_at == 1_000.0


def test_the_first_manifest_stays(store: FolderStore) -> None:
    write_manifest(store, {"run_id": "r", "by": "first"})
    write_manifest(store, {"run_id": "r", "by": "second"})

    assert read_manifest(store) == {"run_id": "r", "by": "first"}


def test_seed_json_comes_back_as_it_was_written(store: FolderStore) -> None:
    assert write_seed(store, RECORD) is True
    assert read_seed(store) == RECORD


def test_the_first_seed_to_seal_wins(store: FolderStore) -> None:
    other = SeedRecord(**{**vars(RECORD), "seed_id": "s2"})
    write_seed(store, RECORD)

    assert write_seed(store, other) is False
    assert read_seed(store) == RECORD


def test_resumes_are_numbered_from_one(store: FolderStore) -> None:
    written = [write_resume(store), write_resume(store, seed_id="s2", seal=3)]

    assert [(marker.number, marker.seed_id, marker.seal) for marker in written] == [(1, None, None), (2, "s2", 3)]
    assert read_resumes(store) == written


def test_the_tenth_resume_comes_after_the_ninth(store: FolderStore) -> None:
    for _ in range(11):
        write_resume(store)

    assert [marker.number for marker in read_resumes(store)] == list(range(1, 12))


class Faster(FolderStore):
    """A store in which somebody else resumes between the look for the newest marker and the write."""

    def names(self, prefix: str) -> list[str]:
        found = super().names(prefix)
        write_resume(FolderStore(self._folder))
        return found


def test_two_resumes_at_once_get_two_numbers(store: FolderStore, tmp_path: Path) -> None:
    write_resume(store)

    marker = write_resume(Faster(tmp_path / "run"), seed_id="mine")

    assert marker.number == 3
    assert [found.seed_id for found in read_resumes(store)] == [None, None, "mine"]


def test_the_first_reason_to_cancel_stays(store: FolderStore) -> None:
    write_cancel(store, 0, "limit", "max_hours is reached")
    write_cancel(store, 0, "user", "Ctrl-C")

    cancel = read_cancel(store, 0)

    assert cancel is not None
    assert (cancel.reason, cancel.message) == ("limit", "max_hours is reached")


def test_a_cancelled_life_does_not_cancel_the_next_one(store: FolderStore) -> None:
    write_cancel(store, 0, "user", "")

    assert read_cancel(store, 1) is None
