"""Runs of this machine whose input and mounts are addresses: fetched once, and refused when they have changed."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import Command
from web_site import WebSite
from wordings import line_names

CODE = """
def fit(row, context):
    with open(context.mounts["words"]) as words:
        word = words.read().split()[int(row["number"])]
    if word == "five":
        raise ValueError(word)
    return {"word": word}
"""
WORDS = b"zero one two three four five six seven"
ROWS = b"number\n" + b"".join(b"%d\n" % number for number in range(8))


def test_a_run_reads_what_was_fetched_and_a_retry_sees_that_it_has_changed(
    tmp_path: Path, hyperscale: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "fit.py").write_text(CODE)
    with WebSite(tmp_path / "certificate") as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        rows = site.put("/rows.csv.gz", gzip.compress(ROWS), headers={"ETag": '"1"'})
        words = site.put("/words.txt", WORDS, headers={"ETag": '"1"'})
        (folder / "experiment.yaml").write_text(
            f"name: far\ninput: {{csv: '{rows}', key: number}}\nmounts: {{words: '{words}'}}\n"
            "activity: {entry: 'fit:fit', max_attempts: 1}\n"
        )

        planned = hyperscale("plan", folder=folder)
        first = hyperscale("run", folder=folder)
        (run,) = (folder / ".hyperscale" / "runs").iterdir()
        site.put("/rows.csv.gz", gzip.compress(ROWS + b"8\n"), headers={"ETag": '"2"'})
        changed = hyperscale("retry", folder=folder)
        site.put("/rows.csv.gz", gzip.compress(ROWS), headers={"ETag": '"1"'})
        site.put("/words.txt", WORDS.replace(b"five", b"5"), headers={"ETag": '"2"'})
        again = hyperscale("retry", folder=folder)

    line_names(planned.stdout, "remote", rows)
    assert "upload      0 files" in planned.stdout
    assert first.stdout.splitlines()[-1].startswith("Done. succeeded=7 failed=1 missing=0 total=8"), first.stderr
    assert pq.read_table(run / "results.parquet").column("word").to_pylist()[:2] == ["zero", "one"]
    assert changed.returncode == 4
    line_names(changed.stderr, rows, run.name)
    assert again.stdout.splitlines()[-1].startswith("Done. succeeded=8 failed=0 missing=0 total=8"), again.stderr
    # The mount for the run and, changed, for the second retry; the rows for the plan and, changed, for the first.
    assert sorted(site.fetched()) == ["/rows.csv.gz"] * 2 + ["/words.txt"] * 2


def test_ctrl_c_ends_a_fetch_at_once_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "fit.py").write_text("def fit(row):\n    return {}\n")
    with WebSite(tmp_path / "certificate") as site:
        rows = site.put("/rows.csv", ROWS * 1_000, headers={"ETag": '"1"'}, sent_bytes=1_000, stalls=True)
        (folder / "experiment.yaml").write_text(
            f"name: far\ninput: {{csv: '{rows}'}}\nactivity: {{entry: 'fit:fit'}}\n"
        )
        with subprocess.Popen(
            [sys.executable, "-m", "hyperscale", "validate"],
            cwd=folder,
            env={**os.environ, **site.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            was_stalled = site.stalled.wait(60)
            process.send_signal(signal.SIGINT)
            said, told = process.communicate(timeout=60)

    assert was_stalled
    assert process.returncode == 130
    assert said == ""
    assert [line for line in told.splitlines() if not line.startswith("fetching rows.csv: ")] == []
    assert not list((folder / ".hyperscale" / "inputs").glob("*/[!.]*"))
