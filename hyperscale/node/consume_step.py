"""The consume step: puts a consumer together from the command line, and runs it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hyperscale.errors import HyperscaleError
from hyperscale.experiment import NodeExperiment
from hyperscale.failures import RetryPolicy
from hyperscale.node.background import Background
from hyperscale.node.consumer import REQUEST_THREADS, Consumer, Tools
from hyperscale.node.control import read_resumes
from hyperscale.node.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.custody import Custody
from hyperscale.node.heartbeat import Heartbeat
from hyperscale.node.queues import open_queue
from hyperscale.node.row_logs import RowLogs
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.stores import open_store
from hyperscale.node.strays import adopt_orphans
from hyperscale.node.worker_settings import WorkerSettings

#: A heartbeat is written this often where a look at the queue is free, else as often as an idle consumer looks.
LEAST_BEAT_SECONDS = 0.25


def run_consume(values: argparse.Namespace, stop_requested: Callable[[], bool]) -> int:
    """Run one consumer until the queue is empty; return the exit code of the step."""
    run_id = resolve_run_id(values.run_id, os.environ)
    experiment = NodeExperiment.from_document(json.loads(values.experiment))
    counts = RequestCounts()
    queue = CountingQueue(open_queue(values.queue, run_id), "consume", counts)
    store = CountingStore(open_store(values.store, run_id), "consume", counts)
    name = f"c-{secrets.token_hex(8)}"
    background = Background(REQUEST_THREADS)
    custody = Custody(
        queue, store, background,
        run_id=run_id, consumer=name, lease_seconds=values.lease_seconds, clock=time.monotonic,
    )  # fmt: skip
    heartbeat = Heartbeat(
        store, background, counts,
        process=name, life=len(read_resumes(store)),
        interval_seconds=max(LEAST_BEAT_SECONDS, queue.poll_seconds), clock=time.monotonic, started_at=time.time(),
    )  # fmt: skip
    consumer = Consumer(
        Tools(custody, background, heartbeat, RowLogs(store, background, name), queue.poll_seconds),
        _worker_settings(experiment, values, run_id, name),
        workers=values.workers,
        policy=RetryPolicy(
            experiment.activity.max_attempts,
            experiment.activity.retry_delay_seconds,
            experiment.activity.no_retry_on,
        ),
        stop_requested=stop_requested,
    )
    broken = consumer.run()
    if broken:
        raise HyperscaleError(broken)
    return 0


def _worker_settings(
    experiment: NodeExperiment, values: argparse.Namespace, run_id: str, consumer: str
) -> WorkerSettings:
    activity = experiment.activity
    if activity.entry is None:
        raise HyperscaleError("activity.entry is not given; other forms of activity are not available yet")
    return WorkerSettings(
        run_id=run_id,
        consumer=consumer,
        entry=activity.entry,
        code_folder=Path.cwd(),
        scratch=Path(tempfile.mkdtemp(prefix="hyperscale-", dir=os.environ.get("HYPERSCALE_SCRATCH"))),
        key=experiment.input.key,
        input_folder=Path(values.input).resolve() if experiment.input.form == "files" else None,
        arguments=activity.arguments,
        mounts=dict(mount.split("=", 1) for mount in values.mount),
        environment_variables=activity.environment_variables,
        rows_per_call=activity.rows_per_call,
        set_up_timeout_seconds=activity.set_up_timeout_seconds,
        timeout_seconds=activity.timeout_seconds,
        concurrency=activity.concurrency,
        log_level=experiment.log_level,
        logs=experiment.output.logs,
        adopts_orphans=adopt_orphans(),
    )
