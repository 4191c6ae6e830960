"""Which run a name means, before anybody asks Azure."""

from __future__ import annotations

from pathlib import Path

import pytest
from wordings import Wording

from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.run_folder import RUNS, Launch, RunFolder
from hyperscale.control.run_list import runs_of
from hyperscale.errors import RunStateError


def launch(folder: Path, run_id: str, started_at: float) -> RunFolder:
    run = RunFolder.under(folder / RUNS, run_id)
    run.write_launch(Launch("digits", str(run.rendered / "p.yml"), run.queue_url, run.store_url, started_at))
    return run


@pytest.mark.parametrize(("name", "found"), [(None, "digits-2"), ("digits-1", "digits-1")])
def test_a_run_of_this_folder_is_found_without_azure(tmp_path: Path, name: str | None, found: str) -> None:
    launch(tmp_path, "digits-1", 100.0)
    launch(tmp_path, "digits-2", 200.0)

    run = find_anywhere(tmp_path / "experiment.yaml", name, {})

    assert run.run_id == found
    assert run.folder.runs == runs_of(tmp_path / "experiment.yaml")
    assert (run.manifest, run.azure, run.session) == (None, None, None)


@pytest.mark.parametrize("name", [None, "digits-9", "../elsewhere"])
def test_a_run_that_is_not_here_is_unknown_where_no_workspace_is_given(
    tmp_path: Path, name: str | None, wording: Wording
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text("name: digits\ninput: {csv: rows.csv}\nactivity: {entry: 'sweep:fit'}\n")

    with pytest.raises(RunStateError) as refused:
        find_anywhere(file, name, {"AZURE_CONFIG_DIR": str(tmp_path)})
    wording(refused)
