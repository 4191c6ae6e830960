"""Options that go together, for commands and for Python code."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.azure_run import AzureRun
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.handles.run import Run
from hyperscale.control.options import check_workers_here
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError

AZURE = AzureRun("s", "g", "lab", ("r-1",), (), "hyperscale_run", "r-1", "control", None)


def test_workers_of_a_retry_are_those_of_this_machine(tmp_path: Path) -> None:
    folder = RunFolder.under(tmp_path, "r-1")

    check_workers_here(64, 2, azure=False)
    check_workers_here(None, azure=True)
    with pytest.raises(ExperimentError, match="are for runs of this machine"):
        Run.of(FoundRun(folder, tmp_path, None, AZURE)).retry(workers=64)
