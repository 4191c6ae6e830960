"""Makes the report of a run: one page that needs no network, from the ledger and what else the run has left."""

from __future__ import annotations

import json
import os
import re
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.report.curves import RunCurves
from hyperscale.control.report.facts import RunFacts
from hyperscale.control.report.page import render_page
from hyperscale.control.report.row_times import row_times
from hyperscale.control.results_table import is_too_far, read_keys, table_file
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.trial.figures import TRIALS, Trial
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.control import read_manifest, read_seed, rows_of_run
from hyperscale.node.storing.places import is_remote
from hyperscale.node.storing.stores import Store
from hyperscale.secret_words import without_secrets

REPORT = "report.html"
#: Names of environment variables whose values nobody else should read.
_SECRET_VARIABLE = re.compile(
    r"(\b[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|CONNECTION)[A-Z0-9_]*[\"']?\s*:\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,}]+)"
)


def report_file(run: RunFolder) -> Path:
    """Return where the report of `run` is: beside its results, or in its folder here if those are elsewhere."""
    return run.path / REPORT if is_remote(run.store_url) else Path(run.store_file(REPORT))


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
        return ReportAtEnd(write_report(run), rows)
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
    manifest, seed, seals = read_manifest(store) or {}, read_seed(store), read_seals(store)
    beats = [
        {**fields, "name": name.removeprefix(blobs.CONSUMERS)}
        for name, _, fields in store.beats(blobs.CONSUMERS)
        if fields.get("role") == "consume"
    ]
    ended_at = seals[-1].sealed_at if seals else 0.0
    curves = RunCurves(float(manifest.get("created_at") or ended_at - float(results["seconds"])), ended_at)
    if seed is not None:
        rows = rows_of_run(store, seed)
        for row in row_times(store, rows if isinstance(rows, int) else len(rows.marks), seals):
            curves.add(row)
    named = {row.row_index for row in curves.slowest()}
    for group in results.get("failure_groups") or ():
        named |= {int(group["first_row_index"]), int(group.get("last_row_index") or 0)}
    return RunFacts(
        run_id=run.run_id,
        results=results,
        manifest=manifest,
        seed=seed,
        seals=seals,
        beats=beats,
        curves=curves,
        keys=_keys(run, store, named, results["rows"]["total"]) if seed is not None and seed.key else {},
        trial=_trial(run, manifest),
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
            return _safe(file.read_text(encoding="utf-8")), f"{file.name}, as it was when the run began"
    text = json.dumps(manifest.get("node_experiment"), indent=2, ensure_ascii=False)
    return _safe(text), "what the nodes were given: the file is not here any more as it was, or --set changed it"


def _safe(text: str) -> str:
    return _SECRET_VARIABLE.sub(r"\1***", without_secrets(text))
