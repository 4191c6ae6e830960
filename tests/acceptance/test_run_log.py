"""The log of a run tells what this machine and each step did, without secrets; a failed run says where it is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from forking import forking_python

EXPERIMENT = """
name: roots
input: {csv: rows.csv, columns: {x: integer}}
activity:
  entry: activity:root
  secrets: {API_KEY: "https://my-vault.vault.azure.net/secrets/api-key"}
  max_attempts: 1
parallelism: {workers: 1}
"""
ACTIVITY = """
import os

def root(row):
    if row["x"] < 0:
        raise ValueError(f"{row['x']} has no root; the key is {os.environ['API_KEY']}")
    return {"root": row["x"] ** 0.5}
"""
SECRET = "hush-hush-1234"


def test_the_log_of_a_failed_run_says_what_each_step_did_whether_it_was_told_or_not(tmp_path: Path):
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "activity.py").write_text(ACTIVITY)
    (tmp_path / "rows.csv").write_text("x\n4\n-1\n")
    command = [forking_python(), "-m", "hyperscale", "run"]

    quiet, verbose = (
        subprocess.run(
            [*command, loudness],
            cwd=tmp_path,
            env={**os.environ, "API_KEY": SECRET},
            capture_output=True,
            text=True,
            check=False,
        )
        for loudness in ("--quiet", "--verbose")
    )

    assert (quiet.returncode, verbose.returncode) == (6, 6)
    assert quiet.stderr == ""
    assert quiet.stdout.splitlines()[-1].startswith("Done. succeeded=1 failed=1 missing=0 total=2")
    told = [line.partition(": ")[2].strip() for line in verbose.stderr.splitlines() if line.startswith("log: ")]
    assert [Path(path).exists() for path in told] == [True]
    assert "step consume_0 starts" in verbose.stderr
    for log in (tmp_path / ".hyperscale" / "runs").glob("*/run.log"):
        text = log.read_text("utf-8")
        events = [(line.split()[2], json.loads("{" + line.partition("  {")[2])) for line in text.splitlines()]
        assert {speaker for speaker, _ in events} == {"run", "seed", "consume_0", "teardown"}
        assert [fields["row_index"] for _, fields in events if fields["event"] == "attempt_failed"] == [1]
        assert SECRET not in text + verbose.stderr
