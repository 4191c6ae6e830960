"""Makes the clusters of a run all at once, and says which of them could not be had."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hyperscale.azure_run import TAG_RUN
from hyperscale.control.azure.azure_ml import AzureMl, wait_for_cluster
from hyperscale.errors import AzureError
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.ownership import Owner, owner_of
from hyperscale.talk import Say
from hyperscale.tempo import at_tempo

#: How long one look at a cluster that is being made may wait: Ctrl-C is heard between two of them.
LOOK_SECONDS = 1.0


def make_clusters(
    azure_ml: AzureMl,
    files: Sequence[Path],
    computes: Sequence[ComputeFacts],
    *,
    owned: Collection[str],
    run_id: str,
    say: Say,
) -> dict[str, AzureError]:
    """Make what is not there yet of the clusters of `files`, whose names are those of the files.

    Args:
        azure_ml: makes them.
        files: one for each cluster; the shared control cluster may be among them.
        computes: of the workspace.
        owned: names of the run's own.
        run_id: they are tagged with it.
        say: tells people what happens.

    Returns:
        Those of its own that could not be provisioned, and why.

    Raises:
        AzureError: when none of its own could, or the control cluster could not.
    """
    there = {cluster.name: cluster for cluster in computes}
    missing = [file for file in files if not _is_ready(there.get(file.stem), file.stem in owned, run_id)]
    if missing:
        say(f"clusters are made: {', '.join(file.stem for file in missing)}")
    failed: dict[str, AzureError] = {}
    waiting: dict[str, Any] = {}
    for name, begun in azure_ml.begin_clusters(missing).items() if missing else ():
        if isinstance(begun, AzureError):
            failed[name] = begun
        else:
            waiting[name] = begun
    for name, poller in waiting.items():
        try:
            wait_for_cluster(name, poller, at_tempo(LOOK_SECONDS))
        except AzureError as error:
            failed[name] = error
    for name, problem in failed.items():
        say(f"warning: cluster {name}: {problem}")
    # Without the control cluster nothing seeds, and without one of its own nothing works.
    fatal = [problem for name, problem in failed.items() if name not in owned or failed.keys() >= set(owned)]
    if fatal:
        raise fatal[0]
    return failed


def _is_ready(cluster: ComputeFacts | None, is_owned: bool, run_id: str) -> bool:
    """Return whether a cluster need not be made: the shared one is there, or an earlier try has made ours."""
    if cluster is None:
        return False
    if not is_owned:
        return cluster.state != "Failed"
    if owner_of(cluster.tags) != Owner(TAG_RUN, run_id):
        raise AzureError(
            f"there is a cluster {cluster.name} already, and it is not this run's",
            hint="submit again: the next run has other names",
        )
    return cluster.state == "Succeeded"
