"""After a run, the commands that get done what it has not are named, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.azure_run import AzureRun
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.verdicts import next_lines
from hyperscale.control.run_folder import RunFolder

AZURE = AzureRun("s", "g", "lab", ("r-1",), (), "hyperscale_run", "r-1", "control", None)
RETRY = ("failures: hyperscale failures r-1", "retry:    hyperscale retry r-1  (once the code is corrected)")


@pytest.mark.parametrize(
    ("azure", "failed", "missing", "lines"),
    [
        (None, 0, 0, []),
        (None, 1, 0, [*RETRY]),
        (None, 0, 1, ["continue: hyperscale run --resume r-1"]),
        (None, 1, 1, ["continue: hyperscale run --resume r-1", *RETRY]),
        (AZURE, 0, 0, []),
        (AZURE, 1, 0, [*RETRY]),
        (AZURE, 0, 1, ["continue: hyperscale retry r-1"]),
        (AZURE, 1, 1, [*RETRY]),
    ],
)
def test_what_is_left_to_do_is_named(
    azure: AzureRun | None, failed: int, missing: int, lines: list[str], tmp_path: Path
) -> None:
    folder = RunFolder.under(tmp_path, "r-1", queue=str(tmp_path), store=str(tmp_path))
    found = FoundRun(folder, tmp_path / "experiment.yaml", None, azure)

    assert next_lines(found, {"rows": {"failed": failed, "missing": missing}}, "hyperscale") == lines
