"""Makes what a run leaves in its store, of any size, without running it: for tests of what reads that later."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.control.run_folder import RUNS, Launch, RunFolder
from hyperscale.ledger import Seal, failed_line, succeeded_line, write_part
from hyperscale.node.control import SeedRecord, write_manifest, write_seed
from hyperscale.node.report.row_times import RowTime
from hyperscale.node.storing.stores import Store

BEGAN_AT = 1_790_000_000.0
PART_LINES = 2_000
FAILURE = {
    "kind": "raised",
    "type": "ValueError",
    "message": "no number",
    "frames": ["act.py:6 run: raise"],
    "exit_code": None,
    "signal": None,
    "last_output": "",
}


def line_of(row: RowTime, result: str = "1", failure: Mapping[str, Any] = FAILURE) -> str:
    """Return the ledger line of a row."""
    head = row.row_index, row.attempts, row.seconds, row.started_at, row.consumer, row.worker
    if row.succeeded:
        return succeeded_line(*head, result)
    index, attempts, seconds, started_at, consumer, worker = head
    return failed_line(
        index,
        attempts=attempts,
        seconds=seconds,
        started_at=started_at,
        consumer=consumer,
        worker=worker,
        failure=dict(failure),
    )


def some_rows(count: int, *, consumers: int, workers: int, seed: int = 7) -> Iterator[RowTime]:
    """Yield rows of a run whose workers take one after the other; a few fail, some need several attempts."""
    chance = random.Random(seed)
    free_at = {
        (f"c-{consumer:016x}", worker): BEGAN_AT + 5 + chance.random() * 20
        for consumer in range(consumers)
        for worker in range(workers)
    }
    names = list(free_at)
    for index in range(count):
        name = names[index % len(names)]
        seconds = math.exp(chance.gauss(-0.5, 0.7))
        attempts = 1 + (chance.random() < 0.03) + (chance.random() < 0.005)
        yield RowTime(index, chance.random() > 0.004, attempts, seconds, free_at[name], *name)
        free_at[name] += seconds + 0.01


def make_run(
    folder: Path,
    rows: Iterable[RowTime],
    *,
    total: int,
    run_id: str = "made-20261122-120000-ab12",
    price: float | None = None,
    results: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Write a run of `total` rows under the experiment folder `folder`, and return it.

    Args:
        folder: of the experiment.
        rows: with an outcome.
        total: how many were seeded.
        run_id: of the run.
        price: list price of a node hour.
        results: in place of some keys of run_results.json.
    """
    run = RunFolder.under(folder / RUNS, run_id)
    run.write_launch(Launch("made", "made.yml", run.queue_url, run.store_url, BEGAN_AT))
    with closing(run.store()) as store:
        _write_run(store, run_id, rows, total, price, results or {})
    return run


def _write_run(
    store: Store, run_id: str, rows: Iterable[RowTime], total: int, price: float | None, more: Mapping[str, Any]
) -> None:
    lives: dict[str, list[float]] = {}
    parts, counted, ended_at = [], {True: 0, False: 0}, BEGAN_AT + 1
    waiting = iter(rows)
    while some := list(islice(waiting, PART_LINES)):
        parts.append(blobs.part("c-0", len(parts)))
        store.create(parts[-1], write_part([line_of(row) for row in some]))
        for row in some:
            counted[row.succeeded] += 1
            ended_at = max(ended_at, row.started_at + row.seconds)
            lives.setdefault(row.consumer, []).append(row.worker)
    for consumer, workers in lives.items():
        beat = {"role": "consume", "state": "left", "workers": int(max(workers)) + 1, "set_up_seconds": 1.5}
        store.beat(blobs.heartbeat(consumer), {**beat, "seconds": ended_at - BEGAN_AT})
    missing = total - sum(counted.values())
    state = "incomplete" if missing else "complete"
    reason = "user: stopped" if missing else ""
    seal = Seal(1, state, reason, total, tuple(sorted(parts)), counted[True], counted[False], missing, 0, ended_at)
    store.create(blobs.seal(1), seal.encode())
    write_seed(store, SeedRecord("s", total, -(-total // 10), ("number",), {"number": "integer"}, None, "ab" * 32, 0.1))
    azure = None
    if price is not None:
        azure = AzureRun(
            "s", "g", "w", (run_id,), (), TAG_RUN, run_id, "control", price, usd_per_control_hour=0.5
        ).to_document()
    plan = {"rows": total, "rows_per_message": 10, "lease_seconds": 30, "workers_per_node": 1, "consumers": len(lives)}
    write_manifest(
        store,
        {
            "run_id": run_id,
            "experiment": "made",
            "created_at": BEGAN_AT,
            "version": "0.1.0",
            "node_experiment": {"name": "made", "limits": {"max_hours": 24, "max_failed": "5%", "max_cost_usd": None}},
            "plan": plan,
            "hashes": {},
            "azure": azure,
            "experiment_file": None,
        },
    )
    store.create(blobs.RUN_RESULTS, json.dumps({**_results(run_id, seal, price, len(lives)), **more}).encode())


def _results(run_id: str, seal: Seal, price: float | None, consumers: int) -> dict[str, Any]:
    seconds = seal.sealed_at - BEGAN_AT
    groups: Sequence[Mapping[str, Any]] = (
        [
            {
                "signature": "ab12cd34",
                "type": "ValueError",
                "message": "no number",
                "rows": seal.failed,
                "first_row_index": 3,
                "kind": "raised",
            }
        ]
        if seal.failed
        else []
    )
    return {
        "run_id": run_id,
        "experiment": "made",
        "outcome": "incomplete" if seal.failed or seal.missing else "succeeded",
        "rows": {
            "total": seal.rows,
            "succeeded": seal.succeeded,
            "failed": seal.failed,
            "missing": seal.missing,
            "duplicate_outcomes": seal.duplicates,
        },
        "seconds": seconds,
        "rows_per_second": (seal.succeeded + seal.failed) / seconds,
        "workers": consumers,
        "cost_usd": None if price is None else round(consumers * seconds / 3600 * price, 4),
        "reason": "stopped" if seal.missing else "",
        "failure_groups": groups,
        "lineage": [run_id],
        "retried": None,
    }
