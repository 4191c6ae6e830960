"""Runs as Python code holds them are listed and shown though the account of one does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import BEGAN_AT, make_run, some_rows

from hyperscale import load
from hyperscale.control.run_folder import RUNS, Launch, RunFolder
from hyperscale.node.storing.credentials import CONNECTION_STRING

NOWHERE = "http://127.0.0.1:1/account"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An experiment with a run here, and a newer one in an account that does not answer."""
    make_run(tmp_path, some_rows(9, consumers=1, workers=1), total=9, run_id="here-1")
    away = RunFolder.under(tmp_path / RUNS, "away-1", queue=NOWHERE, store=f"{NOWHERE}/runs")
    away.write_launch(Launch("away", "away.yml", away.queue_url, away.store_url, BEGAN_AT + 1))
    file = tmp_path / "experiment.yaml"
    file.write_text("name: digits\ninput: {csv: rows.csv}\nactivity: {entry: 'sweep:fit'}\n")
    return file


def test_runs_are_listed_and_shown_though_one_cannot_be_reached(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION_STRING, f"AccountName=account;AccountKey=a2V5;BlobEndpoint={NOWHERE}")

    away, here = load(file).runs()

    assert [away.run_id, here.run_id] == ["away-1", "here-1"]
    assert repr(away) == "<run away-1: unreachable>"
    assert "Connection refused" in away._repr_html_()
    assert "succeeded=9" in repr(here)
    assert here.counts.total == 9
