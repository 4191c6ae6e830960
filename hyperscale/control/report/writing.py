"""Makes the report of a run: one page that needs no network, from the ledger and what else the run has left."""

from __future__ import annotations

import json
import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.control.local.deciding import TEARDOWN
from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.results_table import is_too_far, read_keys, table_file
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.trial.figures import TRIALS, Trial
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.collecting.results_copy import COPIED_FROM, add_later
from hyperscale.node.control import read_manifest
from hyperscale.node.report.facts import RunFacts, read_facts
from hyperscale.node.report.page import (
    NODE_EXPERIMENT,
    node_experiment_text,
    render_page,
    without_secret_values,
)
from hyperscale.node.storing.places import is_remote
from hyperscale.node.storing.stores import Store


def report_file(run: RunFolder) -> Path:
    """Return where the report of `run` is: beside its results, or in its folder here if those are elsewhere."""
    return run.path / blobs.REPORT if is_remote(run.store_url) else Path(run.store_file(blobs.REPORT))


def write_report(run: RunFolder, out: Path | None = None) -> Path:
    """Write the report of a run that has results, and return where it is.

    Args:
        run: whose store is read.
        out: the file; None: `report_file`.

    Raises:
        RunStateError: when the run has no results, or the file cannot be written.
        DamagedPartError: when the ledger cannot be read.
    """
    file = out or report_file(run)
    with closing(run.store()) as store:
        page = render_page(_facts(run, store), *_experiment_text(read_manifest(store) or {}))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        coming = file.with_name(f".{file.name}.{os.getpid()}.part")  # `run` and a `watch` of it may end together
        coming.write_text(page, encoding="utf-8")
        coming.replace(file)
    except OSError as error:
        raise RunStateError(
            f"{file} cannot be written: {error.strerror}", hint="choose another place with -o"
        ) from error
    return file


@dataclass(frozen=True)
class ReportAtEnd:
    """What became of the report at the end of a run.

    Attributes:
        file: where it is; None when it was not written.
        rows: of the run.
        problem: why it could not be made; empty when it was made, or is made on request alone.
    """

    file: Path | None
    rows: int
    problem: str = ""


def write_report_at_end(run: RunFolder, results: dict[str, Any]) -> ReportAtEnd:
    """Write the report of a run that is over, unless it is too large to be read over the network unasked.

    Nothing is raised: what a run came to does not depend on a page about it.

    Args:
        run: that is over.
        results: run_results.json.
    """
    rows = int(results["rows"]["total"])
    if is_too_far(run, rows):
        return ReportAtEnd(None, rows)
    try:
        file = write_report(run)
        beside = run.step_output(TEARDOWN, "results")
        if (beside / COPIED_FROM).is_file():  # of a run on this machine, whose teardown leaves the page to us
            add_later(beside, blobs.REPORT, file.read_text(encoding="utf-8"))
        return ReportAtEnd(file, rows)
    except Exception as error:
        what = str(error) if isinstance(error, HyperscaleError) else f"{type(error).__name__}: {error}"
        return ReportAtEnd(None, rows, " ".join(what.split()))


def report_line(report: ReportAtEnd, command: str) -> str:
    """Return one line that says where the report is, or why there is none.

    Args:
        report: of the run.
        command: that makes the report later.
    """
    if report.file is not None:
        return f"report:   {report.file}"
    if report.problem:
        return f"report:   not made: {report.problem}"
    return f"report:   {command}  (it reads the ledger of {report.rows:,} rows)"


def _facts(run: RunFolder, store: Store) -> RunFacts:
    results = read_results(store)
    if results is None:
        raise RunStateError(f"run {run.run_id} has no results: there is nothing to report", hint="wait for its end")
    return read_facts(
        store,
        run.run_id,
        results,
        keys=lambda rows: _keys(run, store, rows, results["rows"]["total"]),
        trial=_trial(run, read_manifest(store) or {}),
    )


def _keys(run: RunFolder, store: Store, rows: set[int], total: int) -> dict[int, str]:
    """Return the keys of `rows` as far as the table of results tells them; where it is too far, they have none."""
    if is_too_far(run, total):
        return {}
    with table_file(run, store, blobs.RESULTS_PARQUET) as table:
        return {} if table is None else read_keys(table, rows)


def _trial(run: RunFolder, manifest: dict[str, Any]) -> Trial | None:
    """Return what a trial on this machine measured before the run, if the code was the same."""
    file = run.runs.parent / TRIALS.name / f"{manifest.get('experiment')}.json"
    with suppress(OSError, ValueError, TypeError):
        trial = Trial(**json.loads(file.read_text(encoding="utf-8")))
        hashes = manifest.get("hashes") or {}
        is_earlier = trial.measured_at <= float(manifest.get("created_at") or 0)
        if is_earlier and trial.code_hash is not None and trial.code_hash == hashes.get("code"):
            return trial
    return None


def _experiment_text(manifest: dict[str, Any]) -> tuple[str, str]:
    """Return the experiment of a run without secrets, and what that text is."""
    file = Path(str(manifest.get("experiment_file") or ""))
    wanted = (manifest.get("hashes") or {}).get("experiment")
    with suppress(HyperscaleError, OSError, ValueError):
        if wanted is not None and file.is_file() and load_experiment(file).experiment_hash == wanted:
            return without_secret_values(file.read_text(encoding="utf-8")), f"{file.name}, as it was when the run began"
    text = node_experiment_text(manifest)
    return text, f"{NODE_EXPERIMENT}: the file is not here any more as it was, or --set changed it"
