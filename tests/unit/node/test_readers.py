from __future__ import annotations

import csv
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale.control.results_table import find_keys
from hyperscale.documents import build
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.csv_rows import MAX_CELL_CHARACTERS
from hyperscale.node.reading.readers import input_hash, open_rows, split_glob
from hyperscale.node.seeding.stored_rows import MAX_ROW_BYTES

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def source(**parts: Any) -> Input:
    return build(Input, {"columns": {}, "group_by": [], **parts})


def csv_file(folder: Path, content: str | bytes) -> Path:
    file = folder / "grid.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return file


def all_rows(file: Path, size: int = 100, **parts: Any) -> list[list[Any]]:
    rows = open_rows(source(csv="grid.csv", **parts), file)
    return [row for batch in rows.batches(size) for row in batch]


def test_rows_are_lists_of_texts_in_the_order_of_the_columns(tmp_path: Path):
    file = csv_file(tmp_path, "id,depth\na,1\nb,2\n")

    rows = open_rows(source(csv="grid.csv"), file)

    assert rows.columns == ("id", "depth")
    assert rows.types == {"id": "string", "depth": "string"}
    assert list(rows.batches(10)) == [[["a", "1"], ["b", "2"]]]


def test_batches_have_the_size_that_was_asked_for(tmp_path: Path):
    file = csv_file(tmp_path, "id\n" + "x\n" * 7)

    rows = open_rows(source(csv="grid.csv"), file)

    assert [len(batch) for batch in rows.batches(3)] == [3, 3, 1]
    assert [len(batch) for batch in rows.batches(7)] == [7]


def test_one_bound_for_cells_holds_whoever_has_read_csv_last(tmp_path: Path):
    long = "x" * (17 * 1024 * 1024)
    before = csv.field_size_limit(1000)
    try:
        rows = open_rows(source(csv="grid.csv"), csv_file(tmp_path, f"id\na\n{long}\n"))
        batches = iter(rows.batches(1))
        assert next(batches) == [["a"]]
        (tmp_path / "results.csv").write_text(f"row_index,key,echo\n7,b,{long}\n")

        assert find_keys(tmp_path / "results.csv", ["b"]) == {7: "b"}
        assert next(batches) == [[long]]
        assert csv.field_size_limit() == MAX_CELL_CHARACTERS == MAX_ROW_BYTES
        csv.field_size_limit(2**30)
        assert find_keys(tmp_path / "results.csv", ["b"]) == {7: "b"}
        assert csv.field_size_limit() == 2**30
    finally:
        csv.field_size_limit(before)


def test_rows_can_be_read_again(tmp_path: Path):
    rows = open_rows(source(csv="grid.csv"), csv_file(tmp_path, "id\na\nb\n"))

    assert list(rows.batches(1)) == list(rows.batches(1))


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2), (3, 3), (9, 4)])
def test_a_limit_counts_rows_and_not_blank_lines(tmp_path: Path, size: int, limit: int, expected: int):
    file = csv_file(tmp_path, "id\n\na\n\n\nb\nc\n\nd\n")

    assert all_rows(file, size, limit=limit) == [["a"], ["b"], ["c"], ["d"]][:expected]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("id,note\na,x\n", [["a", "x"]]),
        ("\ufeffid,note\na,x\n", [["a", "x"]]),
        ("id,note\r\na,x\r\n", [["a", "x"]]),
        ("id,note\ra,x\r", [["a", "x"]]),
        ("id,note\na,x", [["a", "x"]]),
        ('id,note\na,"x, y"\n', [["a", "x, y"]]),
        ('id,note\na,"two\r\nlines"\n', [["a", "two\r\nlines"]]),
        ('id,note\na,"say ""yes"""\n', [["a", 'say "yes"']]),
        ("id,note\na,\n", [["a", ""]]),
        ("id,note\n ä , 😀 \n", [[" ä ", " 😀 "]]),
        (f"id,note\na,{'x' * 200_000}\n", [["a", "x" * 200_000]]),
    ],
    ids=["plain", "bom", "crlf", "cr", "no end", "comma", "line break", "quotes", "empty cell", "unicode", "long cell"],
)
def test_all_dialects_of_csv_are_read(tmp_path: Path, content: str, rows: list[list[str]]):
    file = csv_file(tmp_path, content)

    assert open_rows(source(csv="grid.csv"), file).columns == ("id", "note")
    assert all_rows(file) == rows


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), size=st.integers(1, 9), ends=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back_and_each_row_knows_its_line(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], size: int, ends: str
):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=ends, quoting=csv.QUOTE_ALL)
    starts = []
    writer.writerow(["id", "note"])
    for row in rows:
        starts.append(len(io.StringIO(stream.getvalue() + "x", newline="").readlines()))
        writer.writerow(row)
    file = csv_file(tmp_path_factory.mktemp("csv"), stream.getvalue())

    batches = list(open_rows(source(csv="grid.csv"), file).checked_batches(size, pytest.fail))

    assert [row for batch in batches for row in batch.rows] == [list(row) for row in rows]
    assert [line for batch in batches for line in batch.lines] == starts


def test_cells_have_the_types_of_their_columns(tmp_path: Path):
    file = csv_file(tmp_path, "i,n,b,s\n1,0.5,true,1\n -7 ,1e3,FALSE,\n+0,-.5,0,x\n")
    types = {"i": "integer", "n": "number", "b": "boolean", "s": "string"}

    rows = open_rows(source(csv="grid.csv", columns=types), file)

    assert rows.types == types
    assert list(rows.batches(9)) == [[[1, 0.5, True, "1"], [-7, 1000.0, False, ""], [0, -0.5, False, "x"]]]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("integer", "abc", ("'abc'", "integer")),
        ("integer", "", "integer"),
        ("integer", "1.0", ("'1.0'", "integer")),
        ("integer", "1_000", ("'1_000'", "integer")),
        ("integer", "٣", ("'٣'", "integer")),
        ("integer", str(2**63), ("'9223372036854775808'", "integer", "64 bits")),
        ("integer", "9" * 5000, (f"'{'9' * 40}...'", "integer")),
        ("number", "nan", ("'nan'", "number")),
        ("number", "Infinity", ("'Infinity'", "number")),
        ("number", "1e999", ("'1e999'", "number", "64 bits")),
        ("number", "0x10", ("'0x10'", "number")),
        ("boolean", "yes", ("'yes'", "true", "false")),
    ],
)
def test_a_cell_of_another_type_is_named_with_file_and_line(
    tmp_path: Path, kind: str, text: str, expected: str | tuple[str, ...], wording: Wording
):
    file = csv_file(tmp_path, f"id,depth\na,1\nb,{text}\n")

    with pytest.raises(ExperimentError) as caught:
        all_rows(file, columns={"depth": kind})

    names(str(caught.value), "grid.csv:3: depth", expected)
    wording(str(caught.value))


def test_a_bad_row_is_reported_and_left_out_when_all_are_wanted(tmp_path: Path, wording: Wording):
    file = csv_file(tmp_path, "id,depth\na,1\nb\nc,x\nd,4\n")
    problems: list[Problem] = []

    rows = open_rows(source(csv="grid.csv", columns={"depth": "integer"}), file)
    batches = list(rows.checked_batches(2, problems.append))

    assert [(batch.rows, list(batch.lines)) for batch in batches] == [([["a", 1]], [2]), ([["d", 4]], [5])]
    names(problems, "grid.csv:3", "id, depth", "grid.csv:4: depth", "'x'", "integer")
    wording(problems)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,note\na,1\nb,2,3\n", ("grid.csv:3", 3, 2, "id, note")),
        ('id,note\na,1\nb,"2\nc,3\n', ("grid.csv:3", '(")')),
        ('id,note\na,1\n"b"c,2\n', ("grid.csv:3", "comma", '""')),
        (b"id,note\na,1\nb,\xe4\n", ("grid.csv:3", "0xe4", "UTF-8", "Latin-1")),
        ("id,note\na,1\n".encode("utf-16"), ("grid.csv:1", "0xff", "UTF-8", "UTF-16")),
        ("id,note\na,1\n".encode("utf-16-le"), ("grid.csv:1", "UTF-8", "UTF-16")),
        ("", ("grid.csv",)),
        ("\n", ("grid.csv:1",)),
        ("a,,a\n", ("grid.csv:1", 2)),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, content: str | bytes, expected: tuple[object, ...], wording: Wording
):
    file = csv_file(tmp_path, content)

    with pytest.raises(ExperimentError) as caught:
        all_rows(file)

    names(caught.value.problems[0], *expected)
    wording(caught.value.problems[0])


def test_rows_before_an_unreadable_line_are_given_first(tmp_path: Path):
    file = csv_file(tmp_path, 'id\na\nb\n"c\n')
    problems: list[Problem] = []

    batches = list(open_rows(source(csv="grid.csv"), file).checked_batches(10, problems.append))

    assert [batch.rows for batch in batches] == [[["a"], ["b"]]]
    assert [problem.line for problem in problems] == [4]


def test_behind_cells_of_several_lines_a_quotation_mark_that_is_not_closed_is_told_by_its_line(tmp_path: Path):
    file = csv_file(tmp_path, 'id,note\na,"one\ntwo\nthree"\nb,"four\n')
    problems: list[Problem] = []

    batches = list(open_rows(source(csv="grid.csv"), file).checked_batches(10, problems.append))

    assert [batch.rows for batch in batches] == [[["a", "one\ntwo\nthree"]]]
    assert [problem.line for problem in problems] == [5]


def test_a_bad_line_far_into_a_file_is_found(tmp_path: Path, wording: Wording):
    file = csv_file(tmp_path, b"id,note\n" + b"a,x\n" * 50_000 + b"b,\xff\n")

    with pytest.raises(ExperimentError) as refused:
        all_rows(file)
    names(refused, "grid.csv:50002", "0xff", "UTF-8")
    wording(refused)


def test_columns_that_are_not_there_are_told_with_a_guess(tmp_path: Path, wording: Wording):
    file = csv_file(tmp_path, "id,depth\na,1\n")

    with pytest.raises(ExperimentError) as caught:
        open_rows(source(csv="grid.csv", key="key", columns={"dept": "integer"}), file)

    names(caught, "grid.csv:1: input.key", "'key'", "id, depth", "grid.csv:1: input.columns.dept", "'dept'", "'depth'")
    wording(caught)


def test_a_missing_file_is_named_as_the_user_wrote_it(tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as caught:
        open_rows(source(csv="data/grid.csv"), tmp_path / "mounted")

    names(caught, "data/grid.csv")
    wording(caught)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("images/**/*.png", ("images", "**/*.png")),
        ("images/a/*.png", ("images/a", "*.png")),
        ("*.png", (".", "*.png")),
        ("./data/[ab]/x.png", ("data", "[ab]/x.png")),
        ("data/x.png", ("data", "x.png")),
        ("x.png", (".", "x.png")),
        ("/data/images/?.png", ("/data/images", "?.png")),
        ("../data/*", ("../data", "*")),
        ("a b/**", ("a b", "**")),
    ],
)
def test_a_pattern_splits_into_its_fixed_folder_and_the_rest(pattern: str, expected: tuple[str, str]):
    assert split_glob(pattern) == expected


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with files of several kinds."""
    folder = tmp_path / "images"
    for name, size in {
        "b.png": 1,
        "a/2.x.png": 2,
        "a/10.png": 3,
        "a/b/ü é.png": 4,
        "note.txt": 5,
        ".hidden.png": 6,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    (folder / "folder.png").mkdir()
    return folder


def test_each_file_that_matches_is_a_row(images: Path):
    rows = open_rows(source(files="images/**/*.png"), images)

    assert (rows.columns, rows.types) == (
        ("path", "name", "size"),
        {"path": "string", "name": "string", "size": "integer"},
    )
    assert [row for batch in rows.batches(2) for row in batch] == [
        ["a/10.png", "10", 3],
        ["a/2.x.png", "2.x", 2],
        ["a/b/ü é.png", "ü é", 4],
        ["b.png", "b", 1],
    ]


def test_a_limit_takes_the_first_files(images: Path):
    rows = open_rows(source(files="images/**/*.png", limit=3), images)

    assert [[row[0] for row in batch] for batch in rows.batches(2)] == [["a/10.png", "a/2.x.png"], ["a/b/ü é.png"]]


@pytest.mark.parametrize(
    ("pattern", "folder", "expected"),
    [
        ("images/*.jpg", "images", ("images/*.jpg", "**")),
        ("imgs/*.png", "imgs", ("imgs/*.png", "imgs")),
    ],
)
def test_a_pattern_without_files_is_refused(
    images: Path, pattern: str, folder: str, expected: tuple[str, ...], wording: Wording
):
    with pytest.raises(ExperimentError) as caught:
        open_rows(source(files=pattern), images.parent / folder)

    names(caught.value.problems[0], *expected)
    wording(caught.value.problems[0])


def test_a_file_whose_name_is_no_text_is_refused(tmp_path: Path, wording: Wording):
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    (tmp_path / "a.png").touch()

    rows = open_rows(source(files="*.png"), tmp_path)

    with pytest.raises(ExperimentError) as refused:
        list(rows.batches(10))
    names(refused, r"b'\xff.png'", "UTF-8")
    wording(refused)


def test_the_hash_of_a_csv_file_is_that_of_its_bytes(tmp_path: Path):
    content = b"\xef\xbb\xbfid\r\na\r\n"

    assert input_hash(source(csv="grid.csv"), csv_file(tmp_path, content)) == hashlib.sha256(content).hexdigest()


def test_the_hash_of_files_changes_with_names_and_sizes(images: Path):
    files = source(files="images/**/*.png")
    first = input_hash(files, images)
    (images / "note.txt").write_text("longer than before")
    same = input_hash(files, images)
    (images / "b.png").write_bytes(b"xx")

    assert same == first
    assert input_hash(files, images) != first
