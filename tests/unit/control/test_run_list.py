"""Finding and listing the runs of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale import blobs
from hyperscale.control.run_folder import RUNS, Launch, RunFolder
from hyperscale.control.run_list import find_run, list_runs, name_of, runs_of
from hyperscale.errors import RunStateError

RESULTS = {"outcome": "incomplete", "rows": {"succeeded": 4, "failed": 1, "missing": 0, "total": 5}}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / RUNS


def make(runs: Path, run_id: str, started_at: float, *, store: Path | None = None) -> RunFolder:
    run = RunFolder.under(runs, run_id, store=str(store) if store else None)
    run.write_launch(Launch("digits", str(run.rendered / "p.yml"), run.queue_url, run.store_url, started_at))
    return run


def test_runs_are_listed_newest_first_with_their_state_and_counts(runs: Path) -> None:
    make(runs, "digits-1", 100.0).store().create(blobs.RUN_RESULTS, json.dumps(RESULTS).encode())
    live = make(runs, "digits-3", 300.0)
    make(runs, "digits-2", 200.0)

    with live.lock():
        listed = [(run.run.run_id, run.state, run.rows) for run in list_runs(runs)]

    assert listed == [
        ("digits-3", "running", None),
        ("digits-2", "unfinished", None),
        ("digits-1", "incomplete", RESULTS["rows"]),
    ]


def test_a_folder_that_is_no_run_is_not_listed(runs: Path) -> None:
    (runs / "something").mkdir(parents=True)

    assert list_runs(runs) == []


def test_the_document_of_a_run_holds_its_start_as_a_time_and_its_folder(runs: Path) -> None:
    make(runs, "digits-1", 1_763_800_000.0)

    (document,) = [run.to_document() for run in list_runs(runs)]

    assert document["started_at"] == "2025-11-22T08:26:40+00:00"
    assert document["folder"] == str(runs / "digits-1")


@pytest.mark.parametrize("name", ["digits-1", ".hyperscale/runs/digits-1"])
def test_a_run_is_found_by_its_id_or_its_folder(runs: Path, name: str) -> None:
    make(runs, "digits-1", 100.0)
    make(runs, "digits-2", 200.0)

    assert find_run(runs, name).path == runs / "digits-1"


def test_without_a_name_the_newest_run_is_meant(runs: Path) -> None:
    make(runs, "digits-1", 200.0)
    make(runs, "digits-2", 100.0)

    assert find_run(runs, None).run_id == "digits-1"


def test_a_run_remembers_that_its_store_is_elsewhere(runs: Path, tmp_path: Path) -> None:
    make(runs, "digits-1", 200.0, store=tmp_path / "elsewhere").store().create("x", b"")

    assert find_run(runs, "digits-1").store_file("x") == str(tmp_path / "elsewhere" / "digits-1" / "x")
    assert Path(find_run(runs, "digits-1").store_file("x")).exists()


def test_an_unknown_run_is_an_error_that_offers_the_nearest_and_the_newest(runs: Path, wording: Wording) -> None:
    for number in range(7):
        make(runs, f"digits-20261122-00000{number}", float(number))

    with pytest.raises(RunStateError) as caught:
        find_run(runs, "digits-20261122-000099")
    names(caught, "'digits-20261122-000099'", "digits-20261122-000006")
    wording(caught)

    assert str(caught.value.hint).count("digits") == 6


def test_a_folder_without_runs_says_how_to_start_one(runs: Path, wording: Wording) -> None:
    with pytest.raises(RunStateError) as refused:
        find_run(runs, None)
    wording(refused)


def test_a_command_names_a_run_by_its_id_only_from_its_own_folder(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(runs, "digits-1", 1.0)

    assert name_of(run) == "digits-1"
    monkeypatch.chdir(tmp_path.parent)
    assert find_run(runs_of(Path("experiment.yaml")), name_of(run)) == run
