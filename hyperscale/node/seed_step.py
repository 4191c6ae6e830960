"""The seed step: fills the queue from the command line's words, and leaves a copy of seed.json for consumers."""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale import blobs
from hyperscale.experiment import NodeExperiment
from hyperscale.log_lines import fields
from hyperscale.node.azure.azure_job import find_job, inputs_of, run_of, step_name
from hyperscale.node.consuming.event_queues import make_event_queues
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.seeding.seed import seed_rows
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.places import keep_places, resolved
from hyperscale.node.storing.queues import open_queue
from hyperscale.node.storing.stores import Store, open_store

logger = logging.getLogger(__name__)


def run_seed(values: argparse.Namespace) -> int:
    """Seed the run, then write the step's output: consumers are bound to it, so they start when it is there."""
    run_id = resolve_run_id(values.run_id, os.environ, values.run_name)
    experiment = NodeExperiment.from_document(json.loads(values.experiment))
    counts = RequestCounts()
    queue_url, store_url = resolved(values.queue, values.store, os.environ)
    with (
        closing(CountingStore(open_store(store_url, run_id), "seed", counts)) as store,
        closing(CountingQueue(open_queue(queue_url, run_id), "seed", counts)) as queue,
    ):
        component = _claim(values, store, run_id, experiment) if values.run_name else ""
        make_event_queues(queue_url, experiment, counts)
        record = seed_rows(
            run_id=run_id,
            queue=queue,
            store=store,
            source=experiment.input,
            path=Path(values.input),
            rows_per_message=values.rows_per_message,
            seed_id=secrets.token_hex(8),
            manifest=_manifest(run_id, experiment, values, store.now(), component),
            counts=counts,
            clock=store.now,
        )
    logger.info("%d rows are in the queue", record.rows, extra=fields("seeded", rows=record.rows))
    output = Path(values.seeded)
    output.mkdir(parents=True, exist_ok=True)
    keep_places(output, queue_url, store_url)
    (output / blobs.SEED).write_text(json.dumps(asdict(record)), encoding="utf-8")
    return 0


def _claim(values: argparse.Namespace, store: Store, run_id: str, experiment: NodeExperiment) -> str:
    """See that no other component of the pipeline has this run, and return the run id of the one that this step is in.

    A seed that Azure ML starts again is in the same one, and goes on.
    """
    job = find_job(os.environ)
    if job is None:
        return ""
    # The SDK takes half a second to import: a run on one machine needs none of it.
    from hyperscale.node.component import claim_run, component_of
    from hyperscale.node.ending.component_fleet import ComponentFleet
    from hyperscale.node.storing.auto_places import open_workspace

    workspace = open_workspace(job, os.environ)
    with closing(workspace.azure):
        component = component_of(workspace, job, os.environ)
        claim_run(store, run_id, values.run_name, component or step_name(os.environ))
        ComponentFleet(workspace, component).tell_run(run_id, experiment.name)
    return component


def _manifest(
    run_id: str, experiment: NodeExperiment, values: argparse.Namespace, created_at: float, component: str
) -> dict[str, Any]:
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
        "azure": _azure(values, component),
    }


def _azure(values: argparse.Namespace, component: str) -> dict[str, Any] | None:
    job = find_job(os.environ)
    if job is None:
        return None
    run = run_of(job, **inputs_of(values))
    return (replace(run, jobs=(component,)) if component else run).to_document()
