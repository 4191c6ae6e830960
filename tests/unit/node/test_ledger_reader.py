from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.errors import HyperscaleError
from hyperscale.ledger import DamagedPartError, Seal, failed_line, succeeded_line, write_part
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals, tally_of, unsealed_parts
from hyperscale.node.storing.stores import MissingBlobError
from hyperscale.node.storing.stores.folder import FolderStore

FACTS = {"attempts": 1, "seconds": 0.1, "started_at": 0.0, "consumer": "c-1", "worker": 0}
REST = '"attempts":1,"seconds":0.1,"started_at":0,"consumer":"c-1","worker":-1'


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "run")


def succeeded(row_index: int) -> str:
    return succeeded_line(row_index, **FACTS, result='{"outcome":"failed"}')


def failed(row_index: int) -> str:
    return failed_line(row_index, **FACTS, failure={"kind": "raised", "message": '"outcome":"succeeded"'})


def seal(store: FolderStore, number: int, parts: Sequence[str]) -> None:
    sealed = Seal(number, "incomplete", "", 0, tuple(parts), 0, 0, 0, 0, 0.0)
    store.create(blobs.seal(number), sealed.encode())


def test_lines_of_a_part_come_in_order_with_their_outcome(store: FolderStore) -> None:
    lines = [succeeded(12), failed(3), succeeded(0)]
    store.create("ledger/p", write_part(lines))

    found = list(part_lines(store, "ledger/p"))

    assert found == [(12, True, lines[0].encode()), (3, False, lines[1].encode()), (0, True, lines[2].encode())]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'{{"row_index": 7, "outcome": "succeeded", "result": [2], {REST}}}', (7, True)),
        (f'{{{REST}, "outcome":"failed","row_index":8}}', (8, False)),
        (f'{{{REST}, "outcome":"failed","row_index":8,"failure":{{"kind":"raised","frames":null}}}}', (8, False)),
        (succeeded_line(9, **FACTS, result='"\\ud800"'), (9, True)),
        (succeeded_line(9, **FACTS, result="7" * 4_300), (9, True)),
        (succeeded_line(9, **FACTS, result="[" * 200 + "]" * 200), (9, True)),
    ],
)
def test_a_line_that_is_laid_out_in_another_way_is_read_too(
    line: str, expected: tuple[int, bool], store: FolderStore
) -> None:
    store.create("ledger/p", write_part([line]))

    assert [found[:2] for found in part_lines(store, "ledger/p")] == [expected]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "is no JSON"),
        ("text", "is no JSON"),
        ("[]", "is a list"),
        ("{}", "row_index is missing"),
        ('{"row_index":1}', "attempts is missing"),
        (f'{{"row_index":"1","outcome":"failed",{REST}}}', "row_index is '1'"),
        (f'{{"row_index":true,"outcome":"failed",{REST}}}', "row_index is True"),
        (f'{{"row_index":1,"outcome":"maybe",{REST}}}', "outcome 'maybe'"),
        (f'{{"row_index":1.0,"outcome":"failed",{REST}}}', "row_index is 1.0"),
        (f'{{"row_index":-4,"outcome":"failed",{REST}}}', "row_index -4"),
        (f'{{"row_index":1,"outcome":"succeeded",{REST}}}', "no result"),
        (f'{{"row_index":1,"outcome":"failed","failure":"no",{REST}}}', "failure is 'no'"),
        (f'{{"row_index":1,"outcome":"failed","failure":{{"frames":[4]}},{REST}}}', "failure is"),
        (f'{{"row_index":1,"outcome":"failed","failure":{{"exit_code":{10**30}}},{REST}}}', "failure is"),
        (succeeded_line(1, **{**FACTS, "seconds": 10**30}, result="1"), "seconds is 1"),
        (succeeded_line(1, **{**FACTS, "started_at": float("nan")}, result="1"), "no JSON|started_at"),
        (succeeded_line(1, **{**FACTS, "attempts": '"2"'}, result="1"), "attempts is '2'"),
        (succeeded_line(1, **FACTS, result=""), "is no JSON"),
        (succeeded_line(1, **FACTS, result="{'a': 1}"), "is no JSON"),
        (succeeded_line(1, **FACTS, result='1,"row_index":"x"'), "row_index is 'x'"),
        (succeeded_line(1, **FACTS, result="1")[:-7], "is no JSON"),
        (succeeded_line(1, **FACTS, result="[" * 201 + "]" * 201), "nested 201 levels deep"),
        (succeeded_line(1, **FACTS, result='{"a":' * 985 + "1" + "}" * 985), "nested 985 levels deep"),
        (succeeded_line(1, **FACTS, result="7" * 4_301), "integer of 4,301 digits"),
        ("[" * 50_000, "nested 49,999 levels deep"),
    ],
)
def test_a_line_that_cannot_be_read_is_left_out_and_named(line: str, why: str, store: FolderStore) -> None:
    store.create("ledger/p", write_part([succeeded(3), line, failed(4)]))
    named: list[str] = []

    assert [row_index for row_index, _, _ in part_lines(store, "ledger/p", named.append)] == [3, 4]

    assert len(named) == 1
    assert re.search(f"^line 2 of ledger/p .*({why})", named[0])


def test_a_truncated_part_is_damage(store: FolderStore, wording: Wording) -> None:
    store.create("ledger/p", write_part([succeeded(1), succeeded(2)])[:-1])

    with pytest.raises(DamagedPartError) as refused:
        list(part_lines(store, "ledger/p"))
    names(refused, "ledger/p")
    wording(refused)


def test_seals_come_oldest_first(store: FolderStore) -> None:
    for number in (2, 1, 3):
        seal(store, number, [f"ledger/{number}"])

    assert [found.number for found in read_seals(store)] == [1, 2, 3]


def test_a_run_without_seals_has_none(store: FolderStore) -> None:
    assert read_seals(store) == []


@pytest.mark.parametrize("numbers", [[2], [1, 3]])
def test_a_broken_chain_is_an_error(numbers: list[int], store: FolderStore, wording: Wording) -> None:
    for number in numbers:
        seal(store, number, [])

    with pytest.raises(HyperscaleError) as refused:
        read_seals(store)
    wording(refused)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 50_000, b'{"number": 1', b'{"parts": [], "more": 1}'])
def test_a_damaged_seal_is_named(data: bytes, store: FolderStore, wording: Wording) -> None:
    store.create(blobs.seal(1), data)

    with pytest.raises(HyperscaleError) as refused:
        read_seals(store)
    names(refused, "seals/000001.json")
    wording(str(refused.value).partition(":")[0])


def test_parts_that_no_seal_holds_are_told(store: FolderStore) -> None:
    for name in ("ledger/c", "ledger/B", "ledger/a", "ledger/d"):
        store.create(name, write_part([]))
    seal(store, 1, ["ledger/a"])
    seal(store, 2, ["ledger/c"])

    assert unsealed_parts(store, read_seals(store)) == ["ledger/B", "ledger/d"]


def test_the_tally_follows_the_seals_and_knows_no_other_part(store: FolderStore) -> None:
    store.create("ledger/a", write_part([failed(0), succeeded(1), failed(2)]))
    store.create("ledger/b", write_part([succeeded(0)]))
    store.create("ledger/c", write_part([succeeded(2), succeeded(3)]))
    store.create("ledger/d", write_part([succeeded(4)]))
    seal(store, 1, ["ledger/a", "ledger/b"])
    seal(store, 2, ["ledger/c"])

    tally = tally_of(store, 6, read_seals(store))

    assert (tally.succeeded, tally.failed, tally.missing, tally.duplicates) == (3, 1, 2, 2)
    assert tally.missing_rows() == [4, 5]
    tally.add(2, succeeded=True)
    assert tally.failed == 1  # the last seal is closed, too


def test_a_sealed_part_that_is_gone_is_an_error(store: FolderStore) -> None:
    seal(store, 1, ["ledger/gone"])

    with pytest.raises(MissingBlobError, match="ledger/gone"):
        tally_of(store, 3, read_seals(store))
