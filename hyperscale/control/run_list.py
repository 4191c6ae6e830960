"""The runs of a folder: found by name, newest first, each with its state and its counts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.control.run_folder import RUNS, RunFolder
from hyperscale.control.submit.journal import JOURNAL
from hyperscale.errors import AzureError, RunStateError
from hyperscale.node.storing.stores import MissingBlobError, Store

#: How many runs an error message offers.
OFFERED_RUNS = 5


@dataclass(frozen=True)
class RunInfo:
    """One run, as `runs` shows it.

    Attributes:
        run: where it lies.
        experiment: name, or of a given pipeline the name of its file.
        started_at: Unix seconds.
        state: running, succeeded, incomplete, cancelled, limit, unfinished when it has no results, submitted when it
            has none and is on Azure ML (`watch` knows more), or unreachable when its storage account does not tell.
        rows: counts of run_results.json, or None.
    """

    run: RunFolder
    experiment: str
    started_at: float
    state: str
    rows: dict[str, int] | None

    def to_document(self) -> dict[str, Any]:
        """Return what `runs --json` prints."""
        return {
            "run_id": self.run.run_id,
            "experiment": self.experiment,
            "started_at": datetime.fromtimestamp(self.started_at, timezone.utc).isoformat(),
            "state": self.state,
            "rows": self.rows,
            "folder": str(self.run.path),
        }


def list_runs(runs: Path) -> list[RunInfo]:
    """Return the runs under the folder `runs`, newest first."""
    return [info(run) for run in run_folders(runs)]


def run_folders(runs: Path) -> list[RunFolder]:
    """Return the folders of the runs under `runs`, newest first; no store is asked."""
    found = [RunFolder.open(launch.parent) for launch in runs.glob("*/launch.json")]
    return sorted(found, key=lambda run: (run.read_launch().started_at, run.run_id), reverse=True)


def info(run: RunFolder) -> RunInfo:
    """Return what is known of `run`."""
    launch = run.read_launch()
    results, unfinished = None, "submitted" if (run.path / JOURNAL).is_file() else "unfinished"
    try:
        with closing(run.store(patience_seconds=0)) as store:
            results = read_results(store)
    except AzureError:  # a list of runs is not given up because of one that lies elsewhere
        unfinished = "unreachable"
    state = "running" if run.is_locked() else results["outcome"] if results else unfinished
    return RunInfo(run, launch.experiment, launch.started_at, state, results["rows"] if results else None)


def find_run(runs: Path, name: str | None) -> RunFolder:
    """Return the run that `name` means.

    Args:
        runs: the folder of runs that is looked in.
        name: a run's id, the path of a run's folder, or None for the newest run.

    Raises:
        RunStateError: when there is no such run.
    """
    if name is not None:
        for folder in (runs / name, Path(name)):
            if (folder / "launch.json").is_file():
                return RunFolder.open(folder)
    found = run_folders(runs)
    if name is None and found:
        return found[0]
    raise _unknown(runs, name, [run.run_id for run in found])


def runs_of(file: Path) -> Path:
    """Return where the runs of the experiment in `file` lie."""
    return file.absolute().parent / RUNS


def name_of(run: RunFolder) -> str:
    """Return how a command that is given here names `run`: by its id if it is a run of this folder."""
    here = Path.cwd()
    if run.runs == here / RUNS:
        return run.run_id
    return str(run.path.relative_to(here) if run.path.is_relative_to(here) else run.path)


def read_results(store: Store) -> dict[str, Any] | None:
    """Return run_results.json, or None while there is none."""
    try:
        document: dict[str, Any] = json.loads(store.read(blobs.RUN_RESULTS))
    except MissingBlobError:
        return None
    return document


def _unknown(runs: Path, name: str | None, known: Sequence[str]) -> RunStateError:
    if not known:
        return RunStateError(
            f"there are no runs in {runs}" + (f", and no run {name!r}" if name else ""),
            hint="start one with `hyperscale run`, or change to the folder of its experiment file",
        )
    close = difflib.get_close_matches(str(name), known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return RunStateError(
        f"there is no run {name!r} in {runs}",
        hint=f"{meant}newest: {', '.join(known[:OFFERED_RUNS])}",
    )
