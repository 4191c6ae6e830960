"""The table of results as Python code gets it."""

from __future__ import annotations

import csv
from pathlib import Path

from hyperscale.control.results_table import TABLES, read_table
from hyperscale.node.storing.stores import open_store


def test_texts_with_line_breaks_are_read_from_a_csv_of_several_blocks(tmp_path: Path) -> None:
    said = [f"{number}\n" * 10_000 for number in range(60)]  # pyarrow reads a megabyte at a time
    with (tmp_path / "table.csv").open("w", newline="") as text:
        csv.writer(text).writerows([("row_index", "said"), *enumerate(said)])
    store = open_store(str(tmp_path), "r-1")
    store.upload(TABLES[".csv"], tmp_path / "table.csv")

    assert read_table(store).column("said").to_pylist() == said
