"""Runs on Azure ML followed, cancelled and cleared away by whoever is there, from any machine."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from azure_site import AzureSite, counts, gated, shown
from emulator import Emulator
from wordings import line_names

from hyperscale.node.storing.places import DEFAULT_CONTAINER
from hyperscale.talk import ASKING

SLOW = "import time\n\ndef run(row):\n    time.sleep(0.3)\n    return {'square': int(row['number']) ** 2}\n"


def test_a_watch_is_left_and_taken_up_again_and_only_a_run_that_is_over_is_torn_down_or_retried(
    tmp_path: Path, azure: Emulator
) -> None:
    gate = tmp_path / "open"
    here, there = AzureSite(tmp_path / "here", azure, code=gated(gate)), AzureSite(tmp_path / "there", azure)

    run = here.submit()
    azure.wait_for_rows(run, at_least_running=2)
    left = leave_watch(there, run)
    refused = there.run("teardown", run, "--yes", code=4)
    retried = here.run("retry", run, "--yes", code=4)
    early = there.run("results", run, code=4)
    gate.touch()
    lines = there.run("watch", run, "--json").stdout.splitlines()
    status = there.document("status", run)
    there.run("teardown", run, "--data", code=2)
    there.run("teardown", run, "--data", "--yes")
    gone = there.run("results", run, code=4)

    assert f"watch {run}" in left
    assert "cancel" in refused.stderr
    line_names(retried.stderr, run, "running")
    assert "still running" in early.stderr
    looks = [json.loads(line) for line in lines]
    assert [look["is_over"] for look in looks] == [False] * (len(looks) - 1) + [True]
    assert looks[-1]["rows"] == {"total": 12, "done": 12, "failed": 0, "held": 0}
    assert (status["phase"], status["outcome"], status["left"]) == ("done", "succeeded", [])
    assert "runs --azure" in gone.stderr
    assert list(azure.storage.container(DEFAULT_CONTAINER).list_blob_names(name_starts_with=f"{run}/")) == []


def test_a_run_whose_job_was_cancelled_is_collected_on_another_machine_without_its_input(
    tmp_path: Path, azure: Emulator
) -> None:
    here = AzureSite(tmp_path / "here", azure, code=SLOW, rows=200)
    there = AzureSite(tmp_path / "there", azure, rows=3)

    run = here.submit()
    azure.wait_for_rows(run, at_least_running=2)
    azure.execution.grace_seconds = 0  # its teardown does not get to it
    azure.cancel_from_studio(run)
    azure.wait_for_job(run)
    watched = there.run("watch", run, code=7)
    torn_down = there.run("teardown", run, "--yes")
    again = there.run("teardown", run)
    results = there.document("results", run)

    assert f"teardown {run}" in watched.stderr, shown(watched)
    assert azure.cluster_names(run) == [], shown(torn_down)
    assert again.returncode == 0
    assert sum(counts(results)) == 200
    assert results["outcome"] == "cancelled"


def leave_watch(site: AzureSite, run: str) -> str:
    """Watch a run until its first look, press Ctrl-C, and return what was said; the exit code must be 130."""
    with site.start("watch", run) as watching:
        assert watching.stderr is not None
        # Where Azure is slow to answer, a line says so before.
        first = next(line for line in watching.stderr if line.strip() != ASKING)
        os.killpg(watching.pid, signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    assert watching.returncode == 130, first + said
    return str(said)
