"""On 60 columns nothing that counts is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RUN = "a-name-as-long-as-they-may-beeee-20261128-120000-abcd"
RESULTS = {"outcome": "incomplete", "rows": {"total": 20_000, "succeeded": 19_980, "failed": 19, "missing": 1}}


def test_runs_have_all_their_counts(tmp_path: Path):
    folder = tmp_path / ".hyperscale" / "runs" / RUN
    folder.mkdir(parents=True)
    place = str(folder.parent)
    launch = {"experiment": "a-name", "pipeline": "p.yml", "queue": place, "store": place, "started_at": 1.8e9}
    (folder / "launch.json").write_text(json.dumps(launch))
    (folder / "run_results.json").write_text(json.dumps(RESULTS))

    listed = subprocess.run(
        [sys.executable, "-m", "hyperscale", "runs"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "60"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert listed.stdout.splitlines() == [RUN, "  incomplete, 19,980 of 20,000 succeeded, 19 failed, 1 missing"]
