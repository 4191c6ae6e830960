"""Finds the failures of a run, wherever it is: final ones once it is collected, before that those known so far."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.control.failed.failed_rows import FailedRow, FailuresInLedger, FailureTable
from hyperscale.control.failed.grouping import FailedGroups, group_failures
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.run_input import input_here
from hyperscale.control.run_list import read_results
from hyperscale.control.summary import missing_lines
from hyperscale.errors import ExperimentError
from hyperscale.experiment import NodeExperiment
from hyperscale.figures import counted
from hyperscale.node.collecting.kept_parts import PartKeepingStore
from hyperscale.node.collecting.run_tables import key_of
from hyperscale.node.control import SeedRecord, read_seed, rows_of_run
from hyperscale.node.reading.readers import open_rows
from hyperscale.node.seeding.packing import numbered
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.places import is_remote
from hyperscale.node.storing.stores import MissingBlobError, Store
from hyperscale.where import Where

#: Of a run that is not collected, so many parts of its ledger are read: over a network each is a request.
MAX_PARTS = 2_000
MAX_REMOTE_PARTS = 200
_BATCH_ROWS = 2_000


@dataclass(frozen=True)
class FailuresOfRun:
    """What is known of why rows of a run failed.

    Attributes:
        groups: of those rows.
        rows_failed: of the whole run; None when nobody has counted them.
        missing: of the whole run, rows without an outcome, and why; empty when there are none, or nobody has counted.
        provisional: why this is not the last word, a sentence; empty when it is.
        is_over: whether nobody works on the run any more, as far as this machine can tell.
    """

    groups: FailedGroups
    rows_failed: int | None
    provisional: str
    missing: str = ""
    is_over: bool = True


def failures_of(found: FoundRun, where: Where) -> FailuresOfRun:
    """Return the failures of the rows of a run that `where` means.

    Raises:
        ExperimentError: when a condition names what the run does not have.
        AzureError: when the storage account does not answer.
    """
    with ExitStack() as stack:
        store = stack.enter_context(_store(found))
        seed = read_seed(store)
        results = read_results(store)
        if where.keys and seed is not None and seed.key is None:
            raise ExperimentError("--where key=...: the rows have no keys", hint="give indices: rows=100-200,300")
        if results is not None and not found.folder.is_locked():
            failed, missing = int(results["rows"]["failed"]), " ".join(missing_lines(results))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hyperscale-")))
            table = _table_of(store, seed, folder)
            groups = FailedGroups((), 0, 0) if table is None else group_failures(table, where)
            return FailuresOfRun(groups, failed, "", missing)
        return _so_far(found, store, seed, where)


def failed_rows_of(found: FoundRun) -> list[FailedRow]:
    """Return each failed row of a run that is collected, in order of rows."""
    with _store(found) as store, tempfile.TemporaryDirectory(prefix="hyperscale-") as folder:
        table = _table_of(store, read_seed(store), Path(folder))
        return [] if table is None else list(table)


def _table_of(store: Store, seed: SeedRecord | None, folder: Path) -> FailureTable | None:
    """Return the collected failures, copied into `folder`; None of a run that nobody has seeded."""
    table = folder / "failures.csv"
    try:
        store.download(blobs.FAILURES_CSV, table)
    except MissingBlobError:
        return None
    return FailureTable(table, seed.types if seed else {}, bool(seed and seed.key))


@contextmanager
def _store(found: FoundRun) -> Iterator[Store]:
    """Give the store of a run; a part of its ledger is asked for once."""
    store = found.folder.store()
    kept = PartKeepingStore(store, "failures", RequestCounts(), None) if is_remote(found.folder.store_url) else store
    try:
        yield kept
    finally:
        kept.close()


def _so_far(found: FoundRun, store: Store, seed: SeedRecord | None, where: Where) -> FailuresOfRun:
    if where.keys:
        raise ExperimentError(
            "--where key=...: the keys of failed rows are known when the results are collected",
            hint="until then give indices: rows=100-200,300",
        )
    told = {
        name.removeprefix(blobs.CONSUMERS): int(fields.get("rows_failed") or 0)
        for name, _, fields in store.beats(blobs.CONSUMERS)
        if fields.get("role") == "consume"
    }
    names = store.names(blobs.LEDGER)
    parts = parts_to_read(names, told, MAX_REMOTE_PARTS if is_remote(found.folder.store_url) else MAX_PARTS)
    rows = rows_of_run(store, seed) if seed else None
    own = range(rows) if isinstance(rows, int) else rows
    groups = group_failures(FailuresInLedger(store, parts, own), where)
    is_alive = found.folder.is_locked() if found.azure is None else True
    why = "its results are collected when it ends" if is_alive else "its results were never collected"
    read = f"from {len(parts):,} of {counted(len(names), 'part')} of its ledger"
    return FailuresOfRun(
        _with_values(groups, found, seed),
        sum(told.values()),
        f"{why}: this is provisional, {read}",
        is_over=not is_alive,
    )


def parts_to_read(names: Sequence[str], failed: Mapping[str, int], at_most: int) -> list[str]:
    """Return which parts of a ledger tell most of its failures: the newest ones of consumers that have some.

    Args:
        names: of all parts, in their order.
        failed: rows that failed, by consumer.
        at_most: so many.
    """
    by_consumer: dict[str, list[str]] = {}
    for name in names:
        consumer = name.removeprefix(blobs.LEDGER).rpartition("-")[0]
        if failed.get(consumer, 1):  # a consumer that has not told yet may have some
            by_consumer.setdefault(consumer, []).append(name)
    each = max(1, at_most // max(1, len(by_consumer)))
    most_first = sorted(by_consumer, key=lambda consumer: -failed.get(consumer, 1))
    return [name for consumer in most_first for name in by_consumer[consumer][-each:]][:at_most]


def _with_values(groups: FailedGroups, found: FoundRun, seed: SeedRecord | None) -> FailedGroups:
    """Return `groups` with the input's values in their samples, if the input lies on this machine."""
    wanted = {row.row_index for group in groups.groups for row in group.samples}
    known = _named_values(found, seed, wanted) if seed is not None and wanted else {}

    def told(row: FailedRow) -> FailedRow:
        key, values = known.get(row.row_index, (None, None))
        return replace(row, key=key, values=values)

    found_groups = (replace(group, samples=tuple(map(told, group.samples))) for group in groups.groups)
    return replace(groups, groups=tuple(found_groups))


def _named_values(
    found: FoundRun, seed: SeedRecord, wanted: set[int]
) -> dict[int, tuple[str | None, dict[str, Any] | None]]:
    """Return the keys and the values of some rows, by their row_index, as far as the input is here."""
    document = (found.manifest or {}).get("node_experiment")
    source = NodeExperiment.from_document(document).input if document else None
    path = input_here(found, source, seed) if source else None
    known: dict[int, tuple[str | None, dict[str, Any] | None]] = {}
    if source is None or path is None:
        return known
    with suppress(ExperimentError):  # it has changed since it was hashed: what failed is worth telling without it
        rows = open_rows(source, path).in_tables
        key = key_of(source, rows.columns)
        for batch in numbered(rows.batches(_BATCH_ROWS)):
            for row_index in wanted & batch.keys():
                values = batch[row_index]
                known[row_index] = key(values), dict(zip(rows.columns, values, strict=True))
            if len(known) == len(wanted):
                break
    return known
