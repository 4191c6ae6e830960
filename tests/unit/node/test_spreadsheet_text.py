"""Cells that a spreadsheet would compute, and how they are read again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.node.collecting.result_columns import Column
from hyperscale.node.collecting.result_files import CsvFile
from hyperscale.node.collecting.spreadsheet_text import cell_text, raw_text


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "-5", "+1.5", "-.5e-3", "5 - 3", "'quoted'", "it's", "'", "[-1]", " =x"])
def test_text_that_no_spreadsheet_computes_stays_as_it_is(text: str) -> None:
    assert cell_text(text) == text


@pytest.mark.parametrize(("text", "cell"), [("'=1", "''=1"), ("''-5", "'''-5")])
def test_text_that_looks_like_a_cell_with_an_apostrophe_gets_another_one(text: str, cell: str) -> None:
    assert cell_text(text) == cell


@given(st.text(alphabet="'=+-@\t\r\n15.ea ＝"))
def test_every_text_is_read_again_as_it_was(text: str) -> None:
    assert raw_text(cell_text(text)) == text


def test_a_csv_file_keeps_numbers_and_makes_texts_and_names_safe(tmp_path: Path) -> None:
    columns = [Column("=name", "string"), Column("whole", "integer"), Column("real", "number"), Column("no", "string")]
    file = CsvFile(tmp_path / "t.csv", columns)

    file.write([["@x", -5, -0.5, None], ["-7", -6, float("-inf"), "+x"]])
    file.close()

    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as text:
        assert list(csv.reader(text)) == [
            ["'=name", "whole", "real", "no"],
            ["'@x", "-5", "-0.5", ""],
            ["-7", "-6", "-Infinity", "'+x"],
        ]
