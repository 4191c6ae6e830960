"""The seed step: fills the queue from the command line's words, and leaves a copy of seed.json for consumers."""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale import blobs
from hyperscale.experiment import NodeExperiment
from hyperscale.log_lines import fields
from hyperscale.node.azure.azure_job import find_job, inputs_of, run_of
from hyperscale.node.consuming.event_queues import make_event_queues
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.seeding.seed import seed_rows
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.places import keep_places, resolved
from hyperscale.node.storing.queues import open_queue
from hyperscale.node.storing.stores import open_store

logger = logging.getLogger(__name__)


def run_seed(values: argparse.Namespace) -> int:
    """Seed the run, then write the step's output: consumers are bound to it, so they start when it is there."""
    run_id = resolve_run_id(values.run_id, os.environ)
    experiment = NodeExperiment.from_document(json.loads(values.experiment))
    counts = RequestCounts()
    queue_url, store_url = resolved(values.queue, values.store, os.environ)
    with (
        closing(CountingStore(open_store(store_url, run_id), "seed", counts)) as store,
        closing(CountingQueue(open_queue(queue_url, run_id), "seed", counts)) as queue,
    ):
        make_event_queues(queue_url, experiment, counts)
        record = seed_rows(
            run_id=run_id,
            queue=queue,
            store=store,
            source=experiment.input,
            path=Path(values.input),
            rows_per_message=values.rows_per_message,
            seed_id=secrets.token_hex(8),
            manifest=_manifest(run_id, experiment, values, store.now()),
            counts=counts,
            clock=store.now,
        )
    logger.info("%d rows are in the queue", record.rows, extra=fields("seeded", rows=record.rows))
    output = Path(values.seeded)
    output.mkdir(parents=True, exist_ok=True)
    keep_places(output, queue_url, store_url)
    (output / blobs.SEED).write_text(json.dumps(asdict(record)), encoding="utf-8")
    return 0


def _manifest(run_id: str, experiment: NodeExperiment, values: argparse.Namespace, created_at: float) -> dict[str, Any]:
    """Return run.json of a pipeline that nobody but Azure ML has seen before."""
    plan = ("rows_per_message", "lease_seconds", "workers_per_node", "consumers")
    return {
        "run_id": run_id,
        "experiment": experiment.name,
        "created_at": created_at,
        "version": hyperscale.__version__,
        "node_experiment": experiment.to_document(),
        "plan": {"rows": None, **{name: getattr(values, name) for name in plan}},
        "hashes": {"experiment": None, "input": None, "code": None},
        "experiment_file": None,
        "azure": _azure(values),
    }


def _azure(values: argparse.Namespace) -> dict[str, Any] | None:
    job = find_job(os.environ)
    return run_of(job, **inputs_of(values)).to_document() if job else None
