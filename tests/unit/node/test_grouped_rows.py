from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples

from hyperscale.documents import build
from hyperscale.experiment import Input
from hyperscale.node.collecting.result_columns import cell
from hyperscale.node.reading.grouped_rows import BATCH_BYTES, GroupBytes, group_key
from hyperscale.node.reading.readers import Rows, content_hash, input_hash, open_rows

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
)
RECORDS = st.lists(st.fixed_dictionaries({"store": VALUES, "brand": VALUES}), min_size=1, max_size=12).map(
    lambda records: [{**record, "place": place} for place, record in enumerate(records)]
)


def source(file: str, *group_by: str, limit: int | None = None, **parts: Any) -> Input:
    form = file.rpartition(".")[2]
    return build(Input, {"columns": {}, "group_by": list(group_by), "limit": limit, form: file, **parts})


def open_records(folder: Path, records: list[dict[str, Any]], *group_by: str, limit: int | None = None) -> Rows:
    file = folder / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return open_rows(source(file.name, *group_by, limit=limit), file)


def groups_of(rows: Rows, size: int = 3) -> list[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Return key, group and records of each group."""
    return [
        (key, group["group"], [dict(zip(group["columns"], record, strict=True)) for record in group["records"]])
        for batch in rows.batches(size)
        for key, group in batch
    ]


def test_all_records_that_agree_are_one_row_and_groups_come_as_their_first_records_do(tmp_path: Path):
    (tmp_path / "sales.csv").write_text("store,week,sold\nb,1,10\na,1,20\nb,2,30\n")

    rows = open_rows(source("sales.csv", "store", columns={"sold": "integer"}), tmp_path / "sales.csv")

    assert groups_of(rows) == [
        ("b", {"store": "b"}, [{"store": "b", "week": "1", "sold": 10}, {"store": "b", "week": "2", "sold": 30}]),
        ("a", {"store": "a"}, [{"store": "a", "week": "1", "sold": 20}]),
    ]
    assert rows.in_tables.columns == ("store", "rows")
    assert rows.in_tables.types == {"store": "string", "rows": "integer"}
    assert list(rows.in_tables.batches(5)) == [[["b", 2], ["a", 1]]]
    assert rows.records.columns == ("store", "week", "sold")


def test_integers_beside_floats_are_grouped_by_all_their_digits(tmp_path: Path):
    near = [2**60, 2**60 + 1, float(2**60), -(2**53) - 1, -float(2**53), 3, 3.0, None]

    rows = open_records(tmp_path, [{"a": value} for value in near], "a")

    assert [(key, len(members)) for key, _, members in groups_of(rows)] == [
        ("1.152921504606847e+18", 2),
        ("1152921504606846977", 1),
        ("-9007199254740993", 1),
        ("-9007199254740992.0", 1),
        ("3.0", 2),
        ("", 1),
    ]
    assert [count for batch in rows.in_tables.batches(9) for _, count in batch] == [2, 1, 1, 1, 2, 1]


def test_integers_of_parquet_beside_nulls_are_grouped_by_all_their_digits(tmp_path: Path):
    whole = pa.array([2**60, 2**60 + 1, None, 2**60 + 1], pa.int64())
    unsigned = pa.array([2**64 - 1, 2**64 - 2, None, 2**64 - 1], pa.uint64())
    pq.write_table(pa.table({"whole": whole, "unsigned": unsigned}), tmp_path / "rows.parquet")

    def keys(column: str) -> list[str]:
        return [key for key, _, _ in groups_of(open_rows(source("rows.parquet", column), tmp_path / "rows.parquet"))]

    assert keys("whole") == ["1152921504606846976", "1152921504606846977", ""]
    assert keys("unsigned") == ["18446744073709551615", "18446744073709551614", ""]


@settings(max_examples=examples(40))
@given(records=RECORDS, group_by=st.sampled_from([("store",), ("store", "brand"), ("brand", "place")]))
def test_every_record_arrives_once_in_the_group_of_its_own_values(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], group_by: tuple[str, ...]
):
    rows = open_records(tmp_path_factory.mktemp("records"), records, *group_by)

    groups = groups_of(rows)

    def own_values(record: dict[str, Any]) -> dict[str, Any]:
        kinds = rows.records.types  # numbers are compared as they are: 1 == 1.0, to all digits
        return {name: record[name] if kinds[name] == "number" else cell(record[name], kinds[name]) for name in group_by}

    for _, group, members in groups:
        assert [own_values(record) for record in members] == [group] * len(members)
        assert [record["place"] for record in members] == sorted(record["place"] for record in members)
    arrived = sorted((record for _, _, members in groups for record in members), key=lambda record: record["place"])
    assert arrived == records
    assert len({key for key, _, _ in groups}) == len(groups)
    assert [count for batch in rows.in_tables.batches(2) for *_, count in batch] == [len(each[2]) for each in groups]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (("S1",), "S1"),
        (("S1", "Acme"), "S1,Acme"),
        (("S1", "Acme, Inc"), 'S1,"Acme, Inc"'),
        (("a,b", "c"), '"a,b",c'),
        (("a", "b,c"), 'a,"b,c"'),
        (('say "a"',), '"say ""a"""'),
        (("a\nb",), '"a\nb"'),
        ((None, "x"), ",x"),
        (("", "x"), '"",x'),
        ((7, 0.5, True), "7,0.5,true"),
    ],
)
def test_the_name_of_a_group_is_a_line_of_csv(values: tuple[Any, ...], key: str):
    assert group_key(values) == key


@given(st.lists(st.tuples(st.one_of(st.none(), st.text(max_size=4)), st.one_of(st.none(), st.text(max_size=4)))))
def test_different_groups_have_different_names(groups: list[tuple[Any, ...]]):
    assert len({group_key(values) for values in groups}) == len(set(groups))


@pytest.mark.parametrize(
    ("stores", "groups"),
    [
        ([1, 1.0], [{"store": 1.0}]),
        ([1, "1"], [{"store": "1"}]),
        ([True, 1], [{"store": "true"}, {"store": "1"}]),
        ([None, "", None], [{"store": None}, {"store": ""}]),
        ([[1], [1], [2]], [{"store": "[1]"}, {"store": "[2]"}]),
    ],
)
def test_values_are_the_same_if_they_are_the_same_in_a_column_of_their_type(
    tmp_path: Path, stores: list[Any], groups: list[dict[str, Any]]
):
    rows = open_records(tmp_path, [{"store": store} for store in stores], "store")

    assert [group for _, group, _ in groups_of(rows)] == groups


def test_a_limit_takes_the_first_groups_with_all_of_their_records(tmp_path: Path):
    records = [{"store": store, "n": number} for number, store in enumerate("abacbc")]

    rows = open_records(tmp_path, records, "store", limit=2)

    assert [(key, [record["n"] for record in members]) for key, _, members in groups_of(rows)] == [
        ("a", [0, 2]),
        ("b", [1, 4]),
    ]
    assert list(rows.in_tables.batches(9)) == [[["a", 2], ["b", 2]]]


def test_the_measured_bytes_of_a_group_are_those_of_its_message(tmp_path: Path):
    records = [{"store": "é,1" if number % 3 else None, "text": "x" * number} for number in range(40)]
    rows = open_records(tmp_path, records, "store")
    measured = GroupBytes(rows.records, ["store"], None)

    for batch in rows.records.batches(7):
        measured.add(batch)

    taken = [len(json.dumps(row, separators=(",", ":"))) for batch in rows.batches(1) for row in batch]
    assert [size for _, size in measured.above(0)] == taken
    assert (measured.count, measured.records, measured.mean) == (2, 40, sum(taken) / 2)


def test_large_groups_are_not_expanded_all_at_once(tmp_path: Path):
    records = [{"store": number % 6, "text": "x" * 10_000} for number in range(600)]  # a megabyte each

    batches = list(open_records(tmp_path, records, "store").batches(100))

    assert BATCH_BYTES == 1024 * 1024
    assert [len(batch) for batch in batches] == [2, 2, 2]


def test_a_column_called_rows_stands_beside_the_number_of_rows(tmp_path: Path):
    rows = open_records(tmp_path, [{"rows": "a", "group": 1}], "rows", "group")

    assert rows.in_tables.columns == ("rows", "group", "group_rows")
    assert groups_of(rows) == [("a,1", {"rows": "a", "group": 1}, [{"rows": "a", "group": 1}])]


def test_files_of_one_name_are_a_group(tmp_path: Path):
    for name in ("a.png", "a.json", "b.png"):
        (tmp_path / name).touch()
    rows = open_rows(build(Input, {"files": "*", "columns": {}, "group_by": ["name"]}), tmp_path)

    assert [(key, [record["path"] for record in members]) for key, _, members in groups_of(rows)] == [
        ("a", ["a.json", "a.png"]),
        ("b", ["b.png"]),
    ]


def test_the_hash_of_an_input_knows_how_it_is_grouped(tmp_path: Path):
    file = tmp_path / "sales.csv"
    file.write_text("store,brand\na,b\n")

    hashes = [input_hash(source("sales.csv", *by), file) for by in ((), ("store",), ("brand",), ("store", "brand"))]

    assert len(set(hashes)) == 4
    assert {content_hash(digest) for digest in hashes} == {hashes[0]}
