"""Options that go together, for commands and for Python code."""

from __future__ import annotations

from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.azure_run import AzureRun
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.handles.run import Run
from hyperscale.control.options import check_whole_numbers, check_workers_here
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError

AZURE = AzureRun("s", "g", "lab", ("r-1",), (), "hyperscale_run", "r-1", "control", None)


def test_workers_of_a_retry_are_those_of_this_machine(tmp_path: Path, wording: Wording) -> None:
    folder = RunFolder.under(tmp_path, "r-1")

    check_workers_here(64, 2, azure=False)
    check_workers_here(None, azure=True)
    with pytest.raises(ExperimentError) as refused:
        Run.of(FoundRun(folder, tmp_path, None, AZURE)).retry(workers=64)
    wording(refused)


@pytest.mark.parametrize("value", [0, True, 1.0, "1", 10**5_000, -(10**5_000)], ids=range(6))
def test_what_is_no_whole_number_from_1_on_is_refused_whatever_its_length(value: object, wording: Wording) -> None:
    check_whole_numbers(rows=None, workers=1)

    with pytest.raises(ExperimentError) as refused:
        check_whole_numbers(rows=value)
    names(refused, "rows", "whole number from 1 on")
    wording(refused)
