from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples
from wordings import Wording, names

from hyperscale.body import FILL_BODY_BYTES, Body, BodyError
from hyperscale.node.seeding.packing import numbered, pack
from hyperscale.node.seeding.stored_rows import with_values
from hyperscale.node.storing.stores import Store
from hyperscale.node.storing.stores.folder import FolderStore

COLUMNS = ("id", "text")
NAME = "batches/s1-0.json"
#: Small ones, those about the size of a message, and far larger ones.
SIZES = st.sampled_from([0, 10, 1_000, 30_000, 57_000, 66_000, 100_000, 1_000_000])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "run")


def noise(size: int, seed: int) -> str:
    """Return text that compression makes little of."""
    return random.Random(seed).randbytes(size // 2).hex()


def seeded(store: Store, batches: list[list[list[Any]]]) -> list[Body]:
    """Put what has to be there into `store`, and return the bodies of the messages."""
    bodies = []
    for message in pack(numbered(batches), run_id="run", seed_id="s1", columns=COLUMNS):
        if message.stored:
            assert store.create(message.stored.name, message.stored.data)
        bodies.append(Body.decode(message.body))
    return bodies


@settings(max_examples=examples(25))
@given(st.lists(st.lists(SIZES, min_size=1, max_size=5), max_size=4))
def test_whatever_the_sizes_each_row_comes_back_from_its_message_and_the_store(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]]
) -> None:
    store = FolderStore(tmp_path_factory.getbasetemp() / uuid4().hex)
    batches = [[[index, noise(size, index)] for index, size in enumerate(batch)] for batch in sizes]

    bodies = seeded(store, batches)

    rows = [row for batch in batches for row in batch]
    found = [pair for body in bodies for pair in with_values(body, store).rows.items()]
    assert found == list(enumerate(rows))
    assert len(store.names("batches/")) == sum(body.stored is not None for body in bodies)
    assert all(len(body.encode()) <= FILL_BODY_BYTES for body in bodies)


def test_a_body_keeps_its_reference_beside_the_values(store: Store) -> None:
    (body,) = seeded(store, [[["a", noise(200_000, 1)]]])

    whole = with_values(body, store)

    assert whole.rows == {0: ["a", noise(200_000, 1)]}
    assert whole.encode() == body.encode()


def test_what_is_stored_can_be_read_by_people(store: Store) -> None:
    seeded(store, [[["a", noise(200_000, 1)]]])

    assert json.loads(store.read(NAME)) == ["a", noise(200_000, 1)]


def test_a_message_whose_stored_row_is_finished_asks_for_nothing(store: Store) -> None:
    body = Body("run", "s1", 0, COLUMNS, {}, stored=1)

    assert with_values(body, store) is body


def test_values_that_are_gone_are_named(store: Store, wording: Wording) -> None:
    body = Body("run", "s1", 0, COLUMNS, {1234: []}, stored=1)

    with pytest.raises(BodyError) as refused:
        with_values(body, store)
    names(refused, "row 1,234")
    wording(refused)


def test_values_that_were_altered_are_named(store: Store, tmp_path: Path, wording: Wording) -> None:
    (body,) = seeded(store, [[["a", noise(200_000, 1)]]])
    path = tmp_path / "run" / NAME
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(BodyError) as refused:
        with_values(body, store)
    names(refused, "row 0")
    wording(refused)


@pytest.mark.parametrize("data", [b"", b"[", b"3", b"{}", b'["a"]', b"[" * 100_000])
def test_what_somebody_else_has_put_there_is_refused(store: Store, data: bytes) -> None:
    body = Body("run", "s1", 0, COLUMNS, {0: []}, stored=zlib.crc32(data))
    store.create(NAME, data)

    with pytest.raises(BodyError, match=NAME):
        with_values(body, store)
