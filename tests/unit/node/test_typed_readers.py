"""JSON lines and Parquet files as rows, and files that are compressed."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples
from wordings import Wording, names

from hyperscale.documents import build
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.readers import Rows, input_hash, open_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def rows_of(path: Path, **parts: Any) -> Rows:
    source = build(Input, {"columns": {}, "group_by": [], path.name.split(".")[1]: path.name, **parts})
    return open_rows(source, path)


def listed(rows: Rows, size: int = 2) -> list[list[Any]]:
    return [row for batch in rows.batches(size) for row in batch]


def problems_of(rows: Rows) -> list[str]:
    problems: list[Problem] = []
    for _ in rows.checked_batches(3, problems.append):
        pass
    return [str(problem) for problem in problems]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@given(st.lists(st.dictionaries(st.sampled_from(["id", "depth", "path name"]), VALUES), min_size=1, max_size=7))
@settings(max_examples=examples(50))
def test_objects_are_read_back_as_they_were_written(tmp_path_factory, objects):
    file = written(tmp_path_factory.mktemp("x") / "rows.jsonl", "".join(f"{json.dumps(row)}\n" for row in objects))

    rows = rows_of(file)

    names = list(dict.fromkeys(name for row in objects for name in row))
    assert rows.columns == tuple(names)
    assert listed(rows) == [[row.get(name) for name in names] for row in objects]


def test_columns_of_json_have_the_types_of_their_values(tmp_path):
    lines = ['{"a": 1, "b": 1, "c": true, "d": "x", "e": [1], "f": null}', "", '{"a": 2, "b": 0.5, "d": 1}']
    rows = rows_of(written(tmp_path / "rows.jsonl", "\n".join(lines)))

    assert rows.types == {
        "a": "integer", "b": "number", "c": "boolean", "d": "string", "e": "string", "f": "string"
    }  # fmt: skip
    assert listed(rows) == [[1, 1, True, "x", [1], None], [2, 0.5, None, 1, None, None]]


def test_lines_that_are_no_objects_are_named(tmp_path, wording: Wording):
    lines = ['{"id": 1}', "[1]", '{"id": 2', '{"id": NaN}', "", '{"id": 3}']
    rows = rows_of(written(tmp_path / "rows.jsonl", "\n".join(lines)))

    names(problems_of(rows), "rows.jsonl:2", '{"id": 1}', "rows.jsonl:3:9", "rows.jsonl:4", "NaN", "null")
    wording(problems_of(rows))


def test_numbers_and_text_that_no_table_can_hold_are_refused(tmp_path, wording: Wording):
    lines = [
        '{"x": 1e999}',
        '{"x": [-1e999]}',
        '{"x": "a\\ud83d"}',
        '{"\\uDE00": 1}',
        '{"x": "\\ud83d\\ude00"}',
        '{"x": 1e308}',
    ]
    rows = rows_of(written(tmp_path / "rows.jsonl", "\n".join(lines)))

    names(
        problems_of(rows),
        "rows.jsonl:1",
        "1e999",
        "64 bits",
        "rows.jsonl:2",
        "-1e999",
        "rows.jsonl:3",
        r"\ud83d",
        "rows.jsonl:4",
        r"\ude00",
    )
    wording(problems_of(rows))
    assert [rows for batch in rows.checked_batches(9, lambda _: None) for rows in batch.rows] == [["😀"], [1e308]]


def test_integers_that_python_makes_no_number_of_are_refused(tmp_path):
    lines = ['{"x": 1}', f'{{"x": [{"7" * 5_000}]}}', f'{{"x": {"7" * 400}}}']
    rows = rows_of(written(tmp_path / "rows.jsonl", "\n".join(lines)))

    assert problems_of(rows) in (["rows.jsonl:2: holds an integer of more than 4,300 digits; write it as text"], [])
    assert [row for batch in rows.checked_batches(9, lambda _: None) for row in batch.rows][-1] == [int("7" * 400)]


def test_keys_that_cannot_name_a_row_are_refused_with_their_lines(tmp_path):
    values = ["[1]", '"a"', '{"b": []}', "null", "[]", "-0.0"]
    lines = written(tmp_path / "rows.jsonl", "\n".join(f'{{"k": {value}}}' for value in values))
    kind = pa.struct([("b", pa.int64())])
    pq.write_table(pa.table({"k": pa.array([None, {"b": 1}], kind)}), tmp_path / "boxes.parquet")
    pq.write_table(pa.table({"k": pa.array([[1], None, []])}), tmp_path / "lists.parquet")

    def places(rows):
        return [problem.rpartition(" cannot name a row")[0].split(",")[0] for problem in problems_of(rows)]

    rows = rows_of(lines, key="k")
    assert places(rows) == ["rows.jsonl:1: k: a list", "rows.jsonl:3: k: an object", "rows.jsonl:5: k: a list"]
    with pytest.raises(ExperimentError) as caught:
        listed(rows)
    names(caught, "rows.jsonl:1: k", "list", "row")
    assert places(rows_of(tmp_path / "boxes.parquet", key="k")) == ["boxes.parquet:2: k: an object"]
    assert places(rows_of(tmp_path / "lists.parquet", key="k")) == [
        "lists.parquet:1: k: a list",
        "lists.parquet:3: k: a list",
    ]
    assert listed(rows_of(tmp_path / "lists.parquet")) == [[[1]], [None], [[]]]


def test_a_limit_counts_objects(tmp_path):
    rows = rows_of(written(tmp_path / "rows.jsonl", '{"id": 1}\n\n{"id": 2}\n{"id": 3}\n'), limit=2)

    assert listed(rows) == [[1], [2]]


def test_a_table_is_read_back_with_its_types(tmp_path):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    columns = {
        "id": pa.array([1, 2, 3]),
        "rate": pa.array([0.5, None, float("nan")]),
        "is_new": pa.array([True, False, None]),
        "name": pa.array(["a", "ä", None]),
        "at": pa.array([moment, moment, None]),
        "price": pa.array([decimal.Decimal("1.10"), None, None]),
        "tags": pa.array([["x"], [], None]),
        "box": pa.array([{"w": 1.5, "on": datetime.date(2026, 1, 2)}, None, None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")

    rows = rows_of(tmp_path / "rows.parquet")

    assert rows.types == {
        "id": "integer", "rate": "number", "is_new": "boolean", "name": "string", "at": "string", "price": "string",
        "tags": "string", "box": "string",
    }  # fmt: skip
    assert listed(rows) == [
        [1, 0.5, True, "a", "2026-01-02T03:04:05+00:00", "1.10", ["x"], {"w": 1.5, "on": "2026-01-02"}],
        [2, None, False, "ä", "2026-01-02T03:04:05+00:00", None, [], None],
        [3, None, None, None, None, None, None, None],
    ]
    assert listed(rows_of(tmp_path / "rows.parquet", limit=1)) == [listed(rows)[0]]


ODD_TIMES = [
    (pa.timestamp("s"), 1, "1970-01-01T00:00:01"),
    (pa.timestamp("ns"), 1_500_000_000, "1970-01-01T00:00:01.500000"),
    (pa.timestamp("ns"), -1, "1969-12-31T23:59:59.999999999"),
    (pa.timestamp("ns", "UTC"), 1_000_000_001, "1970-01-01T00:00:01.000000001+00:00"),
    (pa.timestamp("us", "Europe/Berlin"), 0, "1970-01-01T01:00:00+01:00"),
    (pa.time64("ns"), 1_000_000_001, "00:00:01.000000001"),
    (pa.time64("ns"), 1_000_000_000, "00:00:01"),
    (pa.duration("s"), 86_401, "1 day, 0:00:01"),
    (pa.duration("ns"), 1_500_000_000, "0:00:01.500000"),
    (pa.duration("ns"), 1_000_000_001, "0:00:01.000000001"),
    (pa.duration("ns"), 1_500_000_001, "0:00:01.500000001"),
]


@pytest.mark.parametrize(("kind", "stored", "text"), ODD_TIMES)
@pytest.mark.parametrize("has_pandas", [True, False])
def test_dates_and_times_are_the_same_text_with_and_without_pandas(
    tmp_path, monkeypatch, kind, stored, text, has_pandas
):
    if not has_pandas:
        monkeypatch.setitem(sys.modules, "pandas", None)
    moments = pa.array([stored], pa.int64()).cast(kind)
    columns = {
        "at": moments,
        "box": pa.StructArray.from_arrays([moments], ["at"]),
        "list": pa.ListArray.from_arrays([0, 1], moments),
        "map": pa.MapArray.from_arrays([0, 1], ["a"], moments),
        "none": pa.nulls(1, kind),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", version="2.6")

    rows = rows_of(tmp_path / "rows.parquet")

    assert listed(rows) == [[text, {"at": text}, [text], [["a", text]], None]]
    assert set(rows.types.values()) == {"string"}


def test_a_date_that_is_out_of_range_is_a_problem_of_its_row(tmp_path, wording: Wording):
    at = pa.array([0, 2**60, 1, 2**61], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"id": [1, 2, 3, 4], "at": at}), tmp_path / "rows.parquet")
    problems: list[Problem] = []

    batches = list(rows_of(tmp_path / "rows.parquet", limit=3).checked_batches(9, problems.append))

    assert [(batch.rows, list(batch.lines)) for batch in batches] == [
        ([[1, "1970-01-01T00:00:00"], [3, "1970-01-01T00:00:00.000001"]], [1, 3])
    ]
    names(problems, "rows.parquet:2: at", "timestamp[us] 1152921504606846976", 1, 9999)
    wording(problems)


def test_columns_of_one_name_are_refused(tmp_path, wording: Wording):
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "rows.parquet")

    with pytest.raises(ExperimentError) as caught:
        rows_of(tmp_path / "rows.parquet")

    names(caught, "rows.parquet", "'a'", 2)
    wording(caught)


def test_integers_without_a_sign_are_text_to_tables_and_keep_all_their_bits(tmp_path):
    columns = {"hash": pa.array([2**64 - 1, None], pa.uint64()), "count": pa.array([2**32 - 1, 0], pa.uint32())}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")

    rows = rows_of(tmp_path / "rows.parquet")

    assert rows.types == {"hash": "string", "count": "integer"}
    assert listed(rows) == [[2**64 - 1, 2**32 - 1], [None, 0]]


BYTES = pa.array([b"\0", b"\xff"])
VIEW = pa.array([b"\0", b"\xff"], pa.binary_view())
DICTIONARY = BYTES.dictionary_encode()


@pytest.mark.parametrize(
    "column",
    [
        BYTES,
        BYTES.cast(pa.large_binary()),
        BYTES.cast(pa.binary(1)),
        VIEW,
        DICTIONARY,
        pa.ListArray.from_arrays([0, 1, 2], BYTES),
        pa.ListArray.from_arrays([0, 1, 2], DICTIONARY),
        pa.LargeListArray.from_arrays([0, 1, 2], VIEW),
        pa.FixedSizeListArray.from_arrays(DICTIONARY, 1),
        pa.StructArray.from_arrays([DICTIONARY], ["of"]),
        pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1, 2], VIEW)], ["of"]),
        pa.MapArray.from_arrays([0, 1, 2], ["a", "b"], DICTIONARY),
        pa.MapArray.from_arrays([0, 1, 2], BYTES, ["a", "b"]),
    ],
    ids=lambda column: str(column.type),
)
def test_columns_of_bytes_are_refused_whatever_they_are_packed_in(tmp_path, column):
    pq.write_table(pa.table({"i": [1, 2], "packed": column}), tmp_path / "rows.parquet")

    with pytest.raises(ExperimentError) as caught:
        rows_of(tmp_path / "rows.parquet")

    (problem,) = caught.value.problems
    names(problem, "'packed'", "bytes", "leave it out")


def test_columns_that_are_packed_or_rare_are_what_is_in_them(tmp_path):
    columns = {
        "words": pa.array(["x", "y"]).dictionary_encode(),
        "large": pa.array(["x", None], pa.large_string()).dictionary_encode(),
        "view": pa.array(["x", None], pa.string_view()),
        "count": pa.array([7, 8]).dictionary_encode(),
        "listed": pa.ListArray.from_arrays([0, 1, 2], pa.array(["x", "y"]).dictionary_encode()),
        "half": pa.array([0.5, None], pa.float16()),
        "halves": pa.array([[0.5], None], pa.list_(pa.float16())),
        "exact": pa.array([decimal.Decimal("2.50"), None], pa.decimal256(60, 2)),
        "id": pa.array([bytes(range(16)), None], pa.binary(16)),
    }
    if hasattr(pa, "uuid"):
        columns["id"] = columns["id"].cast(pa.uuid())
    else:
        del columns["id"]
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")

    rows = rows_of(tmp_path / "rows.parquet")

    first, second = (dict(zip(rows.columns, row, strict=True)) for row in listed(rows))
    expected = {
        "words": "x", "large": "x", "view": "x", "count": 7, "listed": ["x"], "half": 0.5, "halves": [0.5],
        "exact": "2.50", "id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
    }  # fmt: skip
    assert first == {name: expected[name] for name in rows.columns}
    assert second["half"] is second["halves"] is second["exact"] is None
    assert (rows.types["count"], rows.types["half"], rows.types["words"]) == ("integer", "number", "string")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_a_file_that_is_not_there_and_a_column_that_is_not_there_are_named(tmp_path, name):
    with pytest.raises(ExperimentError) as refused:
        rows_of(tmp_path / name)
    names(refused, name)

    written(tmp_path / "rows.jsonl", '{"id": 1}\n')
    pq.write_table(pa.table({"id": [1]}), tmp_path / "rows.parquet")
    with pytest.raises(ExperimentError) as caught:
        rows_of(tmp_path / name, key="idd")
    names(caught, "'idd'")


def test_what_is_no_parquet_file_is_said(tmp_path, wording: Wording):
    with pytest.raises(ExperimentError) as caught:
        rows_of(written(tmp_path / "rows.parquet", "id\n1\n"))

    names(caught, "rows.parquet", "Parquet")
    wording(caught)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_compressed_files_are_expanded(tmp_path, form, packing):
    text = "id\n1\n2\n" if form == "csv" else '{"id": "1"}\n{"id": "2"}\n'
    file = tmp_path / f"rows.{form}.{packing}"
    with gzip.open(file, "w") if packing == "gz" else pa.CompressedOutputStream(str(file), "zstd") as stream:
        stream.write(text.encode())

    rows = rows_of(file)

    assert listed(rows) == [["1"], ["2"]]
    assert listed(rows) == [["1"], ["2"]]
    assert input_hash(build(Input, {"columns": {}, form: file.name}), file)


def packed(file: Path, content: bytes) -> bytes:
    """Write `content` compressed as the name of `file` says; return what is in it then."""
    with gzip.open(file, "w") if file.suffix == ".gz" else pa.CompressedOutputStream(str(file), "zstd") as stream:
        stream.write(content)
    return file.read_bytes()


def last_said_of(file: Path) -> str:
    """Return the last problem of a file that cannot be read, or not to its end."""
    try:
        return problems_of(rows_of(file))[-1]
    except ExperimentError as error:
        return str(error.problems[-1])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(("packing", "archive"), [("gz", "gzip"), ("zst", "zstd")])
def test_an_archive_that_is_broken_is_said(tmp_path, form, packing, archive):
    line = b"%d\n" if form == "csv" else b'{"id": %d}\n'
    file = tmp_path / f"rows.{form}.{packing}"
    whole = packed(file, b"".join(line % number for number in range(1_000)))
    start, middle = 20, len(whole) // 2

    for broken in (whole[:middle], whole[:-2], whole[:start] + b"\xff" * 99 + whole[start + 99 :], b"id\n1\n"):
        file.write_bytes(broken)
        names(last_said_of(file), archive)


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_rows_before_the_place_where_an_archive_is_cut_off_are_given_first(tmp_path, packing):
    file = tmp_path / f"rows.csv.{packing}"
    file.write_bytes(packed(file, b"".join(b"%d\n" % number for number in range(300_000)))[:-50])
    problems: list[Problem] = []

    batches = list(rows_of(file).checked_batches(10_000, problems.append))

    rows = [row for batch in batches for row in batch.rows]
    assert len(rows) > 100_000
    assert rows == [[str(number)] for number in range(1, len(rows) + 1)]
    (problem,) = problems
    names(problem, f"{file.name}:{len(rows) + 2}")
