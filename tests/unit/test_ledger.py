from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import names

from hyperscale.ledger import (
    DamagedPartError,
    Line,
    Seal,
    Tally,
    failed_line,
    merge,
    read_part,
    succeeded_line,
    write_part,
)
from hyperscale.row_set import RowSet

FACTS = {"attempts": 2, "seconds": 0.25, "started_at": 1_763_800_000.5, "consumer": "c-0123", "worker": 1}
ROWS = 6
PARTS_OF_SEALS = st.lists(st.lists(st.tuples(st.integers(0, ROWS - 1), st.booleans()), max_size=8), max_size=4)


def test_a_line_says_what_became_of_a_row() -> None:
    succeeded = json.loads(succeeded_line(3, **FACTS, result='{"accuracy": 0.97}'))
    failed = json.loads(failed_line(4, **FACTS, failure={"kind": "raised", "message": 'a "quoted"\nword'}))

    assert succeeded == {"row_index": 3, "outcome": "succeeded", **FACTS, "result": {"accuracy": 0.97}}
    assert failed == {
        "row_index": 4,
        "outcome": "failed",
        **FACTS,
        "failure": {"kind": "raised", "message": 'a "quoted"\nword'},
    }


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])), max_size=6))
def test_a_part_comes_back_as_it_was_written(lines: list[str]) -> None:
    data = write_part(lines)

    assert read_part("ledger/p", data) == [line.encode() for line in lines]


def test_a_line_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        write_part(['{"row_index":1}\n{"row_index":2}'])


def test_a_part_is_damaged_wherever_it_is_cut() -> None:
    data = write_part([succeeded_line(row, **FACTS, result="null") for row in range(3)])

    for end in range(len(data)):
        with pytest.raises(DamagedPartError) as refused:
            read_part("ledger/p", data[:end])
        names(refused, "ledger/p")


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x20, 0x80, 0xFF])
def test_a_part_is_damaged_whichever_byte_is_altered(flip: int) -> None:
    data = write_part([succeeded_line(row, **FACTS, result="null") for row in range(2)])

    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= flip
        with pytest.raises(DamagedPartError):
            read_part("ledger/p", bytes(altered))


def test_a_part_is_damaged_when_a_line_is_gone_or_twice_or_something_follows() -> None:
    first, second, last = write_part(['{"row_index":0}', '{"row_index":1}']).splitlines(keepends=True)

    for data in (first + last, first + first + last, second + first + last, first + second + last + b"\n", last):
        with pytest.raises(DamagedPartError):
            read_part("ledger/p", data)


@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n", b"{}\n", b"[]\n", b"[" * 100_000, b"\xff\xfe\n"])
def test_what_never_was_a_part_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedPartError) as caught:
        read_part("ledger/p", data)

    assert caught.value.hint is not None


#: What each seal holds of one row, in order; which line decides it: (seal, place in the seal).
MERGE_TABLE = [
    ("one success", ["S"], (0, 0)),
    ("one failure", ["F"], (0, 0)),
    ("success, then failure", ["SF"], (0, 0)),
    ("failure, then success", ["FS"], (0, 1)),
    ("two successes: the first", ["SS"], (0, 0)),
    ("two failures: the first", ["FF"], (0, 0)),
    ("the first of the successes", ["FSS"], (0, 1)),
    ("a sealed failure stays", ["F", "S"], (0, 0)),
    ("a sealed success stays", ["S", "F"], (0, 0)),
    ("a later seal decides what no earlier one did", ["", "FS"], (1, 1)),
    ("the seal that has any decides, not the one that has a success", ["", "F", "SS"], (1, 0)),
]


@pytest.mark.parametrize(("seals", "decides"), [row[1:] for row in MERGE_TABLE], ids=[r[0] for r in MERGE_TABLE])
def test_one_line_decides_a_row(seals: list[str], decides: tuple[int, int]) -> None:
    lines = [
        Line(seal, 7, outcome == "S", (seal, place))
        for seal, outcomes in enumerate(seals)
        for place, outcome in enumerate(outcomes)
    ]

    decided = merge(lines)

    assert {row: line.content for row, line in decided.items()} == {7: decides}


def test_a_success_decides_before_the_seal_in_every_order() -> None:
    for order in permutations("SFF"):
        decided = merge(Line(1, 0, outcome == "S", outcome) for outcome in order)

        assert decided[0].content == "S"


@given(PARTS_OF_SEALS)
def test_the_tally_counts_what_the_merge_decides(seals: list[list[tuple[int, bool]]]) -> None:
    lines = [Line(number, *line, None) for number, part in enumerate(seals) for line in part]
    tally = Tally(ROWS)

    for part in seals:
        for row_index, succeeded in part:
            tally.add(row_index, succeeded)
        tally.seal()

    decided = merge(lines)
    assert tally.succeeded == sum(line.succeeded for line in decided.values())
    assert tally.failed == len(decided) - tally.succeeded
    assert tally.missing == ROWS - len(decided)
    assert tally.duplicates == len(lines) - len(decided)
    assert tally.missing_rows() == [row for row in range(ROWS) if row not in decided]


@given(PARTS_OF_SEALS)
def test_what_a_seal_decided_is_unchanged_by_every_later_one(seals: list[list[tuple[int, bool]]]) -> None:
    lines = [Line(number, *line, place) for number, part in enumerate(seals) for place, line in enumerate(part)]

    for number in range(len(seals)):
        earlier = merge(line for line in lines if line.seal <= number)

        assert earlier.items() <= merge(lines).items()


# ---- a run and its retries


#: Lines of rows by run, seal and part: each run goes on with what it finds.
LINEAGES = st.lists(PARTS_OF_SEALS, min_size=1, max_size=3)


def lines_of(lineage: list[list[list[tuple[int, bool]]]]) -> list[Line]:
    return [
        Line(seal, *line, (run, seal, place), run)
        for run, seals in enumerate(lineage)
        for seal, part in enumerate(seals)
        for place, line in enumerate(part)
    ]


@pytest.mark.parametrize(
    ("runs", "decides"),
    [
        pytest.param(["S", "F"], "0S", id="what has succeeded stays"),
        pytest.param(["F", "S"], "1S", id="a retry counts in place of a failure"),
        pytest.param(["F", "F"], "1F", id="also if it fails again"),
        pytest.param(["F", ""], "0F", id="a row that the retry has not come to is what it was"),
        pytest.param(["", "F", "S"], "2S", id="a missing row, retried twice"),
        pytest.param(["F", "", "S"], "2S", id="a row that the first retry did not have"),
        pytest.param(["F", "S", "F"], "1S", id="a success of the first retry stays"),
        pytest.param(["F", "FS"], "1S", id="in one seal of the retry, a success decides"),
    ],
)
def test_one_line_of_a_run_and_its_retries_decides_a_row(runs: list[str], decides: str) -> None:
    lines = [Line(1, 7, outcome == "S", f"{run}{outcome}", run) for run, said in enumerate(runs) for outcome in said]

    assert merge(lines)[7].content == decides


@given(LINEAGES)
def test_a_run_and_its_retries_come_to_what_each_of_them_came_to(lineage: list[list[list[tuple[int, bool]]]]) -> None:
    lines = lines_of(lineage)
    expected: dict[int, Line] = {}
    for run in range(len(lineage)):
        for row, line in merge(line for line in lines if line.run == run).items():
            if row not in expected or not expected[row].succeeded:
                expected[row] = line

    assert merge(lines) == expected


@given(PARTS_OF_SEALS, st.sets(st.integers(0, ROWS - 1)))
def test_a_run_of_some_rows_is_counted_as_one_of_all(seals: list[list[tuple[int, bool]]], rows: set[int]) -> None:
    some, every = Tally(RowSet.of(rows)), Tally(ROWS)

    for part in seals:
        for row_index, succeeded in part:
            if row_index in rows:
                some.add(row_index, succeeded)
                every.add(row_index, succeeded)
        some.seal()
        every.seal()

    assert (some.succeeded, some.failed, some.lines) == (every.succeeded, every.failed, every.lines)
    assert some.missing == len(rows) - some.succeeded - some.failed
    assert some.missing_rows() == [row for row in every.missing_rows() if row in rows]
    assert some.succeeded_rows().marks == every.succeeded_rows().marks


@pytest.mark.parametrize("row_index", [-1, 0, 2, 4, 10**9])
def test_an_outcome_of_a_row_that_was_not_selected_counts_for_nothing(row_index: int) -> None:
    tally = Tally(RowSet.of([1, 3]))
    tally.add(1, succeeded=True)
    tally.seal()

    assert not tally.add(row_index, succeeded=True)
    assert (tally.succeeded, tally.failed, tally.missing, tally.duplicates) == (1, 0, 1, 0)


def test_missing_rows_are_told_by_window() -> None:
    tally = Tally(10)
    for row_index in (0, 3, 4, 9):
        tally.add(row_index, succeeded=True)

    assert tally.missing_rows(3, 7) == [5, 6]
    assert tally.missing_rows(8) == [8]
    assert tally.missing_rows(8, 99) == [8]


@pytest.mark.parametrize("row_index", [-1, 3, 10**9])
def test_an_outcome_of_a_row_that_the_run_has_not_counts_for_nothing(row_index: int) -> None:
    tally = Tally(3)

    assert not tally.add(row_index, succeeded=True)
    assert (tally.lines, tally.missing) == (0, 3)


def test_of_many_lines_that_are_set_aside_all_are_counted_and_some_are_named() -> None:
    tally = Tally(3)
    for number in range(1_000):
        tally.set_line_aside(f"line {number}")

    assert (tally.set_aside, len(tally.named), tally.named[:2]) == (1_000, 20, ["line 0", "line 1"])


def test_a_seal_comes_back_as_it_was_encoded() -> None:
    seal = Seal(2, "incomplete", "cancelled", 10, ("ledger/a", "ledger/b"), 6, 1, 3, 2, 1_763_800_000.25)

    assert Seal.decode(seal.encode()) == seal


def test_a_seal_of_a_version_that_set_no_lines_aside_is_read() -> None:
    seal = Seal(1, "complete", "", 2, ("ledger/a",), 2, 0, 0, 0, 1.0, set_aside=4)

    assert Seal.decode(seal.encode().replace(b',\n "set_aside": 4', b"")).set_aside == 0
