"""Teardown over a network reads each ledger part once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from wordings import names

from hyperscale.errors import HyperscaleError
from hyperscale.node.collecting.kept_parts import PartKeepingStore
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.stores import MissingBlobError
from hyperscale.node.storing.stores.folder import FolderStore


@pytest.fixture
def counts() -> RequestCounts:
    return RequestCounts()


@pytest.fixture
def store(tmp_path: Path, counts: RequestCounts) -> Iterator[PartKeepingStore]:
    (tmp_path / "scratch").mkdir()
    with closing(PartKeepingStore(FolderStore(tmp_path / "store"), "teardown", counts, tmp_path / "scratch")) as store:
        yield store


def test_a_part_is_asked_for_once(store, counts):
    store.create("ledger/c-1-000001.jsonl", b"lines")

    assert [store.read("ledger/c-1-000001.jsonl") for _ in range(3)] == [b"lines"] * 3
    assert counts.as_fields() == {"requests.ledger": 2}


def test_what_may_change_is_asked_for_each_time(store, counts):
    store.create("seed.json", b"{}")

    assert [store.read("seed.json") for _ in range(2)] == [b"{}"] * 2
    assert counts.as_fields() == {"requests.teardown": 3}


def test_a_part_that_is_not_there_is_not_there(store):
    with pytest.raises(MissingBlobError):
        store.read("ledger/c-1-000001.jsonl")


def test_nothing_is_kept_once_it_is_closed(store, tmp_path):
    store.create("ledger/c-1-000001.jsonl", b"lines")
    store.read("ledger/c-1-000001.jsonl")

    store.close()

    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_copy_that_finds_no_room_is_a_clear_error(store, tmp_path):
    store.create("ledger/c-1-000001.jsonl", b"lines")
    (tmp_path / "scratch").rmdir()

    with pytest.raises(HyperscaleError) as refused:
        store.read("ledger/c-1-000001.jsonl")
    names(refused, "ledger", tmp_path / "scratch", "TMPDIR", "--resume")
