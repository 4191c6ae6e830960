"""Fills the queue from the input, once per run, and seals that with seed.json (protocol rules 1 to 4 and 27)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.experiment import Input
from hyperscale.node.collecting.ledger_reader import read_seals, tally_of
from hyperscale.node.control import (
    Resume,
    SeedRecord,
    Selection,
    read_manifest,
    read_resumes,
    read_seed,
    read_selected_rows,
    rows_of_run,
    selection_of,
    write_manifest,
    write_seed,
)
from hyperscale.node.reading.duplicate_keys import batches_of_unique_keys
from hyperscale.node.reading.readers import Rows, input_hash, open_rows
from hyperscale.node.seeding.packing import NumberedRows, Packed, chosen, numbered, pack
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.queues import Queue
from hyperscale.node.storing.stores import Store

#: Often enough for a progress bar; teardown takes a seed for dead after minutes.
BEAT_SECONDS = 2.0
#: So many messages, of at most 64 KiB each, are put together: one fsync in SQLite, side by side over a network.
MESSAGES_TOGETHER = 16


def seed_rows(
    *,
    run_id: str,
    queue: Queue,
    store: Store,
    source: Input,
    path: Path,
    rows_per_message: int,
    seed_id: str,
    manifest: Mapping[str, Any],
    counts: RequestCounts,
    clock: Callable[[], float],
) -> SeedRecord:
    """Put the rows of the run that still have to be put, and return seed.json.

    Those are all of them when there is no seed.json; the rows that were missing when the run was resumed, if its
    newest resume names them; else none. Another seed of the run may be at work at the same time.

    Args:
        run_id: of the run.
        queue: of the run; made if it is not there.
        store: of the run.
        source: what the experiment says about the input.
        path: the file or folder that holds the rows.
        rows_per_message: at most so many travel together; fewer where they would not fit.
        seed_id: drawn anew at each start.
        manifest: what run.json says if there is none yet.
        counts: the storage requests of this process, for its heartbeat.
        clock: Unix seconds.

    Raises:
        RunStateError: when the input is another than the one that was seeded, or that rows were selected from.
        ExperimentError: when the input cannot be read, a row is too large, or two rows have one key.
        QueueGoneError: when the queue was removed while it was being filled: the run is over.
    """
    write_manifest(store, dict(manifest))
    selection = selection_of(read_manifest(store))
    resumes = read_resumes(store)
    pulse = _Pulse(store, counts, clock, seed_id=seed_id, life=len(resumes))
    try:
        pulse.beat("running")
        job = _Job(run_id, queue, store, rows_per_message, open_rows(source, path), pulse)
        digest = input_hash(source, path)
        record = read_seed(store)
        if record is None:
            record = _seed_all(job, seed_id, source, digest, clock, selection)
        else:
            _check_same_input(record, digest)
            if resumes and resumes[-1].seed_id is not None:
                _seed_missing(job, record, resumes[-1], resumes[-1].seed_id)
    except BaseException as error:
        with suppress(HyperscaleError):
            pulse.beat("broken", str(error) or type(error).__name__)
        raise
    pulse.beat("left")
    return record


@dataclass(frozen=True)
class _Job:
    """What all ways of seeding work with."""

    run_id: str
    queue: Queue
    store: Store
    rows_per_message: int
    rows: Rows
    pulse: _Pulse


def _seed_all(
    job: _Job,
    seed_id: str,
    source: Input,
    digest: str,
    clock: Callable[[], float],
    selection: Selection | None,
) -> SeedRecord:
    """Put all rows of the run under `seed_id`, then seal; return what is sealed, by whichever seed was first."""
    started_at = clock()
    batches: Iterable[NumberedRows] = numbered(batches_of_unique_keys(job.rows, source, job.rows_per_message))
    if selection is not None:
        _check_selected_input(selection, digest)
        selected = read_selected_rows(job.store, selection)
        batches = chosen(batches, selected.rows_between, size=job.rows_per_message)
    job.queue.create()
    messages = pack(batches, run_id=job.run_id, seed_id=seed_id, columns=tuple(job.rows.columns))
    rows, batch_count = _put(job, messages)
    if selection is not None and rows != selection.rows:
        raise RunStateError(
            f"the input ends before the last of {selection.rows:,} selected rows: {rows:,} of them are in it",
            hint="input.limit must let in all rows that were selected",
        )
    in_tables = job.rows.in_tables
    record = SeedRecord(
        seed_id=seed_id,
        rows=rows,
        batches=batch_count,
        columns=tuple(in_tables.columns),
        types=dict(in_tables.types),
        key=source.key_column,
        input_hash=digest,
        seconds=clock() - started_at,
        selection=selection,
    )
    if write_seed(job.store, record):
        return record
    # Ours after all, if its answer was lost; else another seed has won, and our messages are stale (rule 2).
    sealed = read_seed(job.store)
    if sealed is None:
        raise RunStateError(f"{blobs.SEED} was there and is not any more: the run was removed while it was seeded")
    _check_same_input(sealed, digest)
    return sealed


def _seed_missing(job: _Job, record: SeedRecord, resume: Resume, seed_id: str) -> None:
    """Put the rows that are missing by the seal that `resume` names, under the seed_id that it names."""
    seals = [seal for seal in read_seals(job.store) if seal.number <= (resume.seal or 0)]
    tally = tally_of(job.store, rows_of_run(job.store, record), seals)
    job.queue.create()
    batches = numbered(job.rows.batches(job.rows_per_message))
    missing = chosen(batches, tally.missing_rows, size=job.rows_per_message)
    _put(job, pack(missing, run_id=job.run_id, seed_id=seed_id, columns=tuple(job.rows.columns)))


def _put(job: _Job, messages: Iterable[Packed]) -> tuple[int, int]:
    """Put all messages, some at a time; return how many rows and messages they were."""
    # A thread that puts while the next message is packed was tried on SQLite: a fifth slower, for the GIL.
    rows = batches = 0
    waiting = _with_rows_stored(job, messages)
    while together := list(islice(waiting, MESSAGES_TOGETHER)):
        job.queue.put_all([message.body for message in together])
        rows += sum(message.rows for message in together)
        batches += len(together)
        job.pulse.rows_seeded = rows
        job.pulse.beat_if_due()
    return rows, batches


def _with_rows_stored(job: _Job, messages: Iterable[Packed]) -> Iterator[Packed]:
    """Yield the messages; what one of them names is in the store before it is put."""
    for message in messages:
        if message.stored is not None:
            job.store.create(message.stored.name, message.stored.data)
            job.pulse.beat_if_due()
        yield replace(message, stored=None)  # several wait to be put together: one row at a time is held


def _check_same_input(record: SeedRecord, digest: str) -> None:
    if record.input_hash != digest:
        raise RunStateError(
            f"the input has changed since the run was seeded: its SHA-256 is {digest[:12]}..., "
            f"{blobs.SEED} says {record.input_hash[:12]}...",
            hint="put the input back as it was to go on with this run, or start a new run",
        )


def _check_selected_input(selection: Selection, digest: str) -> None:
    if selection.input_hash != digest:
        raise RunStateError(
            f"the input has changed since the rows of this run were selected: its SHA-256 is {digest[:12]}..., "
            f"it was {selection.input_hash[:12]}...",
            hint="put the input back as it was, or start a new run of all its rows",
        )


class _Pulse:
    """The heartbeat of a seed. Its rows have no outcome yet: they are `rows_seeded`, and never `rows_done`."""

    def __init__(
        self, store: Store, counts: RequestCounts, clock: Callable[[], float], *, seed_id: str, life: int
    ) -> None:
        """Prepare the heartbeat; `life` counts the resumes so far."""
        self.rows_seeded = 0
        self._store, self._counts, self._clock = store, counts, clock
        self._name = blobs.heartbeat(f"seed-{seed_id}")
        self._started_at = clock()
        self._life = life
        self._due_at = 0.0

    def beat_if_due(self) -> None:
        if self._clock() >= self._due_at:
            self.beat("running")

    def beat(self, state: str, message: str = "") -> None:
        """Say that the seed is `state` (running, left or broken), and why."""
        self._due_at = self._clock() + BEAT_SECONDS
        self._store.beat(
            self._name,
            {
                "role": "seed",
                "state": state,
                "message": message,
                "life": self._life,
                "rows_seeded": self.rows_seeded,
                "rows_done": 0,
                "rows_failed": 0,
                "rows_held": 0,
                "workers": 0,
                "started_at": self._started_at,
                "seconds": round(self._clock() - self._started_at, 3),
                **self._counts.as_fields(),
            },
        )
