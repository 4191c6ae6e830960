from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hyperscale.node.working.activity import Context
from hyperscale.node.working.row_contexts import RowContexts


def contexts_of(tmp_path: Path, key: str | None, columns: list[str], rows: list[list[Any]], folder: str | None = None):
    shared = Context("run", 0, {}, {}, tmp_path, logging.getLogger("test"))
    order = {"columns": columns, "rows": rows, "row_indices": list(range(len(rows))), "attempts": {}}
    return list(RowContexts(shared, key, folder).of(order))


def test_a_key_is_its_text_whatever_its_value(tmp_path: Path) -> None:
    rows = [[8], [False], [None], [0.25], ["x"]]

    assert [context.key for _, context in contexts_of(tmp_path, "k", ["k"], rows)] == ["8", "false", "", "0.25", "x"]
    assert [context.key for _, context in contexts_of(tmp_path, None, ["k"], rows)] == [None] * 5


def test_a_path_that_is_the_key_is_the_same_on_every_machine(tmp_path: Path) -> None:
    ((row, context),) = contexts_of(tmp_path, "path", ["path"], [["a/x.png"]], folder="/mnt/data")

    assert (row["path"], context.key) == ("/mnt/data/a/x.png", "a/x.png")
