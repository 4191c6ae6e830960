"""Finds the rows of a run that a retry makes again: those that failed or are missing by a seal of it (rule 28)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyperscale.control.failed.choosing import check_signatures
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.watching import look_once
from hyperscale.control.reading.checking import (
    CheckedExperiment,
    SelectedRows,
    check_experiment,
    with_selected,
)
from hyperscale.control.reading.input_check import open_input
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError, RunStateError
from hyperscale.ledger import Seal
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.collecting.failure_groups import FailureGroups
from hyperscale.node.collecting.kept_parts import PartKeepingStore
from hyperscale.node.collecting.lineage import Generation, all_rows, ancestors, failed_so, unsucceeded
from hyperscale.node.control import SeedRecord, Selection, read_seed, rows_of_run
from hyperscale.node.reading.readers import content_hash
from hyperscale.node.seeding.packing import numbered
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.places import is_remote
from hyperscale.node.storing.stores import Store
from hyperscale.row_key import key_text
from hyperscale.row_set import RowSet
from hyperscale.talk import Say
from hyperscale.where import Where, read_where

_BATCH_ROWS = 2_000


def check_again(
    run: FoundRun,
    file: Path,
    overrides: Sequence[str],
    conditions: Sequence[str],
    environ: Mapping[str, str],
    say: Say,
) -> CheckedExperiment | None:
    """Return the experiment of `run` as its file and code are now, with the rows that are to be retried.

    Args:
        run: that is to be retried.
        file: of the experiment, where the one that `run` was made from is not here.
        overrides: `key=value` each, of now; those of `run` are not kept, except for input.limit.
        conditions: of `--where`.
        environ: of this command.
        say: tells people how far a long fetch of remote data is.

    Returns:
        None when there are no such rows.

    Raises:
        RunStateError: when the run goes on, its input has changed, or data of it is gone.
        ExperimentError: when the experiment, its input or its code is wrong, or a condition cannot be read.
        AzureError: when a run on Azure ML cannot be looked at.
    """
    read_where(conditions)  # a slip of the pen is told before anything is looked at
    _check_over(run)
    limit = (((run.manifest or {}).get("node_experiment") or {}).get("input") or {}).get("limit")
    limits = [] if limit is None else [f"input.limit={limit}"]
    file = _file_of(run, file)
    return select_again(
        run.folder,
        check_experiment(
            file,
            [*limits, *overrides],
            environ if run.azure else None,
            reads="plan" if run.azure else "run",
            say=say,
        ),
        conditions,
    )


def _check_over(run: FoundRun) -> None:
    if run.folder.is_locked() if run.azure is None else not look_once(run).is_over:
        raise RunStateError(
            f"run {run.run_id} is still running: which of its rows fail is not known yet",
            hint="wait until it ends, or end it: `hyperscale cancel`",
        )


def _file_of(run: FoundRun, file: Path) -> Path:
    """Return the experiment file of `run`; relative to here if it is below."""
    named = (run.manifest or {}).get("experiment_file")
    found = Path(named if named and Path(named).is_file() else file).absolute()
    if not found.is_file():
        raise RunStateError(
            f"run {run.run_id} cannot be retried: there is no {named or found}, which is its experiment",
            hint="put the file and its code back where they were, or name the file: --file FILE",
        )
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found


def select_again(run: RunFolder, checked: CheckedExperiment, conditions: Sequence[str]) -> CheckedExperiment | None:
    """Return `checked` with those rows alone that failed or are missing in `run`; None when there are none.

    Args:
        run: that nobody works on any more. What is in its ledger is made final.
        checked: the experiment as it is now.
        conditions: of `--where`; of those rows only the ones that meet them.

    Raises:
        RunStateError: when the run was never seeded, its input has changed, or data of it is gone.
        ExperimentError: when a condition cannot be read.
    """
    where = read_where(conditions)
    with closing(_store(run)) as store:
        seed = read_seed(store)
        if seed is None:
            raise RunStateError(
                f"no row of run {run.run_id} was ever put into its queue: there is nothing to retry",
                hint="start a new run",
            )
        _check_input(run, seed, checked)
        seals = _seals(store, seed)
        with ancestors(seed, lambda run_id: _store(replace(run, run_id=run_id))) as older:
            lineage = (*older, Generation(run.run_id, store, seed, seals))
            rows = _meeting(where, unsucceeded(lineage), lineage, checked)
    if not rows.count:
        return None
    if not checked.facts.estimated and len(rows.marks) > checked.facts.rows:
        raise RunStateError(
            f"row {len(rows.marks) - 1:,} is to be retried, and input.limit is {checked.facts.rows:,} now",
            hint="leave out input.limit, or raise it to what it was",
        )
    selection = Selection(rows.count, seed.input_hash, tuple(conditions), run.run_id, seals[-1].number)
    return with_selected(checked, SelectedRows(selection, rows))


def _store(run: RunFolder) -> Store:
    store = run.store()
    # Every part is read two or three times.
    return PartKeepingStore(store, "retry", RequestCounts(), None) if is_remote(run.store_url) else store


def _seals(store: Store, seed: SeedRecord) -> list[Seal]:
    """Return the seals of the run, the newest of which holds all that its ledger has."""
    return Chain(store, rows_of_run(store, seed)).seal("incomplete: the run had ended, and was retried", store.now())


def _check_input(run: RunFolder, seed: SeedRecord, checked: CheckedExperiment) -> None:
    now = checked.facts.input_hash
    if now is not None and now != seed.input_hash:
        source = checked.loaded.experiment.input
        if content_hash(now) == content_hash(seed.input_hash):
            is_grouped = seed.input_hash != content_hash(seed.input_hash)
            were = f"groups by {', '.join(seed.columns[:-1])}" if is_grouped else "no groups"
            raise RunStateError(
                f"the rows of run {run.run_id} were {were}: input.group_by is another now",
                hint="put input.group_by back as it was, or start a new run: rows are known by their place",
            )
        raise RunStateError(
            f"the input {getattr(source, source.form)} has changed since run {run.run_id}: "
            f"its SHA-256 is {now[:12]}..., it was {seed.input_hash[:12]}...",
            hint="put the input back as it was, or start a new run: rows are known by their place in it",
        )


def _meeting(where: Where, rows: RowSet, lineage: Sequence[Generation], checked: CheckedExperiment) -> RowSet:
    """Return those of `rows` that meet `where`."""
    last = len(all_rows(lineage).marks) - 1
    if where.ranges and min(first for first, _ in where.ranges) > last:
        raise ExperimentError(f"--where rows=...: the run has none of them, its last row is {last:,}")
    if where.asks_for_failures:
        rows = _with_failures(where, rows, lineage)
    rows = rows.among(where.rows_in_ranges(len(rows.marks)))
    return rows.among(_with_keys(where, checked)) if where.keys else rows


def _with_failures(where: Where, rows: RowSet, lineage: Sequence[Generation]) -> RowSet:
    """Return those of `rows` whose failures `where` means."""
    groups = FailureGroups()

    def is_meant(row_index: int, failure: Mapping[str, Any]) -> bool:
        return where.takes_failure(failure, groups.add(row_index, failure))

    chosen = failed_so(lineage, rows, is_meant)
    check_signatures(where, groups)
    return chosen


def _with_keys(where: Where, checked: CheckedExperiment) -> RowSet:
    """Return the rows of the input that have one of the keys."""
    source = checked.loaded.experiment.input
    if source.key_column is None:
        raise ExperimentError(
            "--where key=...: the rows have no keys", hint="input.key names the column that holds them"
        )
    if checked.facts.estimated:
        raise ExperimentError(
            "--where key=...: input.rows spares reading the input, and the keys are in it",
            hint="name the rows: --where rows=100-200,300",
        )
    rows = open_input(checked.loaded)
    column = rows.columns.index(source.key_column)
    found = {
        key: row_index
        for batch in numbered(rows.batches(_BATCH_ROWS))
        for row_index, values in batch.items()
        if (key := key_text(values[column])) in where.keys
    }
    for key in sorted(where.keys - found.keys()):
        raise ExperimentError(f"--where key={key}: no row of the input has that {source.key_column}")
    return RowSet.of(found.values())
