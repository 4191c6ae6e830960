"""Finds what rows of a run printed, and what else its logs tell, wherever the run is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.control.failed.row_attempts import Record, RowLog, row_log
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.run_input import input_here
from hyperscale.control.results_table import any_table, find_keys
from hyperscale.errors import ExperimentError, RunStateError
from hyperscale.experiment import Input, NodeExperiment
from hyperscale.node.collecting.outcome_lines import UnreadableLineError, read_head, read_outcome
from hyperscale.node.collecting.run_tables import key_of
from hyperscale.node.control import SeedRecord, read_seed, rows_of_run
from hyperscale.node.reading.readers import open_rows
from hyperscale.node.seeding.packing import numbered
from hyperscale.node.storing.read_ahead import read_ahead
from hyperscale.node.storing.stores import Store

_BATCH_ROWS = 2_000


@dataclass(frozen=True)
class LogsOfRows:
    """What is known of some rows of a run.

    Attributes:
        rows: in the order in which they were asked for.
        kept: what `output.logs` of the run says: failed, all or none.
        nodes: consumer to the machine that it ran on, as far as consumers told.
        steps: consumer to the name of its job on Azure ML.
        is_over: whether the results are there; until then a row may have more attempts.
    """

    rows: tuple[RowLog, ...]
    kept: str
    nodes: Mapping[str, str]
    steps: Mapping[str, str]
    is_over: bool


def logs_of(found: FoundRun, row_indices: Sequence[int], keys: Sequence[str]) -> LogsOfRows:
    """Return what is known of the rows of a run that have these indices or keys.

    Raises:
        ExperimentError: when the run has no such row.
        RunStateError: when nothing is seeded yet.
        AzureError: when the storage account does not answer.
    """
    with closing(found.folder.store()) as store:
        seed = read_seed(store)
        if seed is None:
            raise RunStateError(f"run {found.run_id} has no rows yet", hint="`hyperscale status` says how far it is")
        key_of = _rows_with(keys, found, store, seed)
        wanted = list(dict.fromkeys([*row_indices, *key_of]))
        _check_rows(wanted, found, store, seed)
        records = _records(store, set(wanted))
        lines = _lines(store, set(wanted))
        beats = {name.removeprefix(blobs.CONSUMERS): fields for name, _, fields in store.beats(blobs.CONSUMERS)}
        return LogsOfRows(
            rows=tuple(row_log(row, key_of.get(row), records[row], lines[row]) for row in wanted),
            kept=str(experiment_of(found).output.logs),
            nodes={name: str(fields["node"]) for name, fields in beats.items() if fields.get("node")},
            steps={name: str(fields["step"]) for name, fields in beats.items() if fields.get("step")},
            is_over=bool(store.names(blobs.RUN_RESULTS)),
        )


def experiment_of(found: FoundRun) -> NodeExperiment:
    """Return what the nodes of a run were given.

    Raises:
        RunStateError: when nothing of it is there yet.
    """
    document = (found.manifest or {}).get("node_experiment")
    if document is None:
        raise RunStateError(f"run {found.run_id} has left no {blobs.MANIFEST} yet", hint="look again in a while")
    return NodeExperiment.from_document(document)


def _check_rows(wanted: Iterable[int], found: FoundRun, store: Store, seed: SeedRecord) -> None:
    rows = rows_of_run(store, seed)
    for row_index in wanted:
        if isinstance(rows, int) and row_index >= rows:
            raise ExperimentError(f"--row {row_index}: run {found.run_id} has the rows 0 to {rows - 1:,}")
        if not isinstance(rows, int) and row_index not in rows:
            older = seed.selection.retry_of if seed.selection else None
            hint = (
                f"it is a retry: `hyperscale logs {older} --row {row_index}`" if older else "it is a trial of some rows"
            )
            raise ExperimentError(f"--row {row_index}: run {found.run_id} has not worked on that row", hint=hint)


def _records(store: Store, wanted: Collection[int]) -> dict[int, list[Record]]:
    """Return the records of `logs/` that speak of each row."""
    speaks = re.compile(rb'"row_ind(?:ices"|ex":(?:%s)\b)' % b"|".join(b"%d" % row for row in wanted))
    found: dict[int, list[Record]] = {row: [] for row in wanted}
    for name, data in read_ahead(store, store.names(blobs.LOGS)):
        for line in filter(speaks.search, data.splitlines()):
            record = _told(line)
            for row in found.keys() & set(record.get("row_indices") or [record.get("row_index")]):
                found[row].append((_consumer(name, blobs.LOGS), record))
    return found


def _lines(store: Store, wanted: Collection[int]) -> dict[int, list[Record]]:
    """Return the lines of the ledger that speak of each row; a damaged part tells what it still can."""
    speaks = re.compile(rb'^\{"row_index":(?:%s),.*$' % b"|".join(b"%d" % row for row in wanted), re.MULTILINE)
    found: dict[int, list[Record]] = {row: [] for row in wanted}
    for _, data in read_ahead(store, store.names(blobs.LEDGER)):
        for line in speaks.findall(data):
            with suppress(UnreadableLineError):
                row_index, _ = read_head(line)
                told = read_outcome(line)
                found[row_index].append((told["consumer"], told))
    return found


def _told(line: bytes) -> dict[str, Any]:
    """Return what a line says; nothing, of one that is cut off."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _consumer(name: str, folder: str) -> str:
    return name.removeprefix(folder).rpartition("-")[0]


def _rows_with(keys: Sequence[str], found: FoundRun, store: Store, seed: SeedRecord) -> dict[int, str]:
    """Return row_index to key of the rows with `keys`."""
    if not keys:
        return {}
    if seed.key is None:
        raise ExperimentError("--key: the rows have no keys", hint="give their indices: --row N")
    source = experiment_of(found).input
    path = input_here(found, source, seed)
    rows = _in_input(source, path, set(keys)) if path else _in_table(found, store, keys)
    by_key = {key: row for row, key in rows.items()}
    for key in keys:
        if key not in by_key:
            where = "no row of the input has" if path else "no row of the results has"
            raise ExperimentError(f"--key {key}: {where} that {seed.key}", hint="or give its index: --row N")
    return {by_key[key]: key for key in keys}


def _in_input(source: Input, path: Path, keys: Collection[str]) -> dict[int, str]:
    rows = open_rows(source, path).in_tables
    key_of_row = key_of(source, rows.columns)
    named = (
        (row_index, key_of_row(values))
        for batch in numbered(rows.batches(_BATCH_ROWS))
        for row_index, values in batch.items()
    )
    return {row_index: key for row_index, key in named if key is not None and key in keys}


def _in_table(found: FoundRun, store: Store, keys: Collection[str]) -> dict[int, str]:
    """Return the rows with `keys` in the table of results; none while there is no table."""
    with any_table(found.folder, store) as table:
        return {} if table is None else find_keys(table, keys)
