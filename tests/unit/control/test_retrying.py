"""Which rows of a run are run again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.retrying import select_again
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError
from hyperscale.node.control import SeedRecord, write_seed

#: Values whose text is another than Python's.
KEYS = (True, False, None, 1.0, "True")


@pytest.fixture
def checked(tmp_path: Path) -> CheckedExperiment:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "act.py").write_text("def run(row):\n    return row\n")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"k": key}) + "\n" for key in KEYS))
    document = {
        "name": "keys",
        "input": {"jsonl": "rows.jsonl", "key": "k"},
        "activity": {"code": "src", "entry": "act:run"},
        "parallelism": {"workers": 1},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return check_experiment(tmp_path / "experiment.yaml", reads="run")


@pytest.fixture
def run(tmp_path: Path, checked: CheckedExperiment) -> RunFolder:
    """A run of which every row is missing."""
    folder = RunFolder.under(tmp_path, "r-1")
    record = SeedRecord("s-1", len(KEYS), 1, ("k",), {"k": "mixed"}, "k", checked.facts.input_hash or "", 0.1)
    with closing(folder.store()) as store:
        write_seed(store, record)
    return folder


@pytest.mark.parametrize(
    ("key", "row_index"), [("true", 0), ("false", 1), ("1.0", 3), ("True", 4)], ids=["true", "false", "float", "text"]
)
def test_a_row_is_named_by_the_text_of_its_key(
    run: RunFolder, checked: CheckedExperiment, key: str, row_index: int
) -> None:
    again = select_again(run, checked, [f"key={key}"])

    assert again is not None
    assert again.selected is not None
    assert [index for index, mark in enumerate(again.selected.rows.marks) if mark] == [row_index]


def test_what_is_the_text_of_no_key_names_no_row(run: RunFolder, checked: CheckedExperiment) -> None:
    with pytest.raises(ExperimentError, match="key=None"):
        select_again(run, checked, ["key=None"])
