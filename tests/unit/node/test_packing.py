from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples
from wordings import Wording, names

from hyperscale.body import FILL_BODY_BYTES, Body
from hyperscale.errors import ExperimentError
from hyperscale.ledger import Tally
from hyperscale.node.seeding.packing import chosen, numbered, pack
from hyperscale.node.seeding.stored_rows import MAX_ROW_BYTES

COLUMNS = ("id", "text")


def noise(size: int, seed: int = 0) -> str:
    """Return text that compression makes little of."""
    return random.Random(seed).randbytes(size // 2).hex()


def packed(batches: list[list[list[Any]]]) -> list[Body]:
    messages = list(pack(numbered(batches), run_id="run", seed_id="seed", columns=COLUMNS))
    bodies = [Body.decode(message.body) for message in messages]
    assert [message.rows for message in messages] == [len(body.rows) for body in bodies]
    assert all(len(message.body) <= FILL_BODY_BYTES for message in messages)
    return bodies


def test_each_batch_is_a_message_and_rows_are_numbered_through() -> None:
    bodies = packed([[["a", 1], ["b", None]], [["c", 2.5]]])

    assert [body.rows for body in bodies] == [{0: ["a", 1], 1: ["b", None]}, {2: ["c", 2.5]}]
    assert [(body.run_id, body.seed_id, body.batch, body.columns) for body in bodies] == [
        ("run", "seed", 0, COLUMNS),
        ("run", "seed", 1, COLUMNS),
    ]


def test_a_batch_that_does_not_fit_goes_in_halves_in_order() -> None:
    rows = [[index, noise(12_000, index)] for index in range(9)]

    bodies = packed([rows[:8], rows[8:]])

    assert [row for body in bodies for row in body.rows.values()] == rows
    assert [index for body in bodies for index in body.rows] == list(range(9))
    assert [body.batch for body in bodies] == list(range(len(bodies)))
    assert [len(body.rows) for body in bodies] == [4, 4, 1]


def test_a_message_keeps_room_for_the_bookkeeping_of_renewals() -> None:
    bodies = packed([[["a", noise(40_000, 1)], ["b", noise(40_000, 2)]]])  # some 60,000 bytes when compressed

    assert [len(body.rows) for body in bodies] == [1, 1]


@settings(max_examples=examples(25))
@given(st.lists(st.lists(st.integers(0, 50_000), min_size=1, max_size=6), max_size=4))
def test_every_row_is_packed_once_whatever_the_sizes(sizes: list[list[int]]) -> None:
    batches = [[[index, noise(size, index)] for index, size in enumerate(batch)] for batch in sizes]

    bodies = packed(batches)

    assert [row for body in bodies for row in body.rows.values()] == [row for batch in batches for row in batch]
    assert [body.batch for body in bodies] == list(range(len(bodies)))


def test_a_row_that_fits_no_message_travels_alone_and_says_that_its_values_are_stored() -> None:
    batches = [[["a", "x"], ["b", noise(150_000)], ["c", "z"]]]
    messages = list(pack(numbered(batches), run_id="run", seed_id="s1", columns=COLUMNS))

    bodies = [Body.decode(message.body) for message in messages]
    assert [(list(body.rows), body.stored is not None) for body in bodies] == [([0], False), ([1], True), ([2], False)]
    assert [body.batch for body in bodies] == [0, 1, 2]
    assert [message.stored and message.stored.name for message in messages] == [None, "batches/s1-1.json", None]
    assert len(messages[1].body) < 300


def test_a_row_that_compression_makes_small_is_not_stored() -> None:
    (message,) = pack(numbered([[["a", "x" * 3_000_000]]]), run_id="run", seed_id="s1", columns=COLUMNS)

    assert message.stored is None
    assert Body.decode(message.body).rows == {0: ["a", "x" * 3_000_000]}


def test_a_row_that_is_too_large_for_the_store_is_named_with_its_size(wording: Wording) -> None:
    rows = [["c", "x" * MAX_ROW_BYTES], ["d", "z"]]

    with pytest.raises(ExperimentError) as caught:
        packed([[["a", "x"], ["b", "y"]], rows])

    names(caught, "row 2", "67,108,864", "files")
    wording(caught)


def test_names_of_columns_that_fill_a_message_are_an_error(wording: Wording) -> None:
    columns = tuple(noise(3_000, number) for number in range(50))

    with pytest.raises(ExperimentError) as refused:
        list(pack(numbered([[[1] * 50]]), run_id="run", seed_id="s1", columns=columns))
    names(refused, "columns")
    wording(refused)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 7), st.integers(1, 7))
def test_rows_without_an_outcome_are_gathered_under_their_own_indices(
    done: list[bool], batch_size: int, size: int
) -> None:
    rows = [[f"row {index}"] for index in range(len(done))]
    tally = Tally(len(rows))
    for row_index in range(len(rows)):
        if done[row_index]:
            tally.add(row_index, succeeded=True)
    batches = numbered(rows[start : start + batch_size] for start in range(0, len(rows), batch_size))

    gathered = list(chosen(batches, tally.missing_rows, size=size))

    missing = [index for index in range(len(rows)) if not done[index]]
    assert [pair for batch in gathered for pair in batch.items()] == [(index, rows[index]) for index in missing]
    assert all(len(batch) == size for batch in gathered[:-1])
    assert all(1 <= len(batch) <= size for batch in gathered)
