"""A run of this machine is listed when all is there that it needs, and not before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.control.local.launching import Places, launched, plan_here
from hyperscale.control.planning import Planned
from hyperscale.control.reading.checking import check_experiment
from hyperscale.control.run_list import list_runs
from hyperscale.control.trial.trial_rows import with_trial_rows
from hyperscale.errors import HyperscaleError
from hyperscale.node.control import read_manifest


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Two of three rows, of code that is worth a look."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "work.py").write_text("from other import work\n")
    (tmp_path / "rows.csv").write_text("number\n1\n2\n3\n")
    file = tmp_path / "experiment.yaml"
    file.write_text(json.dumps({"name": "work", "input": {"csv": "rows.csv"}, "activity": {"entry": "work:work"}}))
    return plan_here(with_trial_rows(check_experiment(file), 2, seed=0), workers=1, nodes=1)


def test_a_run_whose_store_takes_nothing_leaves_nothing(planned: Planned, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (tmp_path / "store").write_text("a file, where a folder is expected")

    with (
        pytest.raises(HyperscaleError, match="store"),
        launched(planned, Places(runs, None, str(tmp_path / "store"))),
    ):
        pass

    assert list_runs(runs) == []
    assert not [*runs.iterdir()]


def test_a_run_that_is_listed_has_its_manifest_and_its_rows_and_what_is_worth_a_look_was_said(
    planned: Planned, tmp_path: Path, capsys: pytest.CaptureFixture[str], wording: Wording
) -> None:
    with launched(planned, Places(tmp_path / "runs", None, None)) as (run, _):
        store = run.store()

    assert [info.run for info in list_runs(tmp_path / "runs")] == [run]
    assert read_manifest(store)["selection"]["rows"] == 2  # type: ignore[index]
    assert store.names(blobs.SELECTED_ROWS)
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("warning: ") and "imported there" in line]
    names(said[-1], run.run_id, "2 rows", "1 worker")
    wording(said[-1], hidden={run.run_id: "<run>"})
