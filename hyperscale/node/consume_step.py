"""The consume step: puts a consumer together from the command line, and runs it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from hyperscale.errors import HyperscaleError
from hyperscale.experiment import NodeExperiment
from hyperscale.failures import RetryPolicy
from hyperscale.node.azure.azure_job import step_name
from hyperscale.node.consuming.arriving import LOOK_SECONDS, await_rows
from hyperscale.node.consuming.checkpoints import Checkpoints
from hyperscale.node.consuming.consumer import REQUEST_THREADS, Consumer, Tools
from hyperscale.node.consuming.custody import Custody
from hyperscale.node.consuming.deputy import Deputy
from hyperscale.node.consuming.event_queues import open_events
from hyperscale.node.consuming.gpus import find_gpus, share_gpus
from hyperscale.node.consuming.heartbeat import Counts, Heartbeat
from hyperscale.node.consuming.key_vault import fetch_secrets, patience_of
from hyperscale.node.consuming.row_logs import RowLogs
from hyperscale.node.consuming.strays import adopt_orphans
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.control import read_resumes
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.step_log import is_local
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.credentials import worker_client_id
from hyperscale.node.storing.patience import Patience
from hyperscale.node.storing.places import places_by_seed
from hyperscale.node.storing.queues import Queue, open_queue
from hyperscale.node.storing.stores import Store, open_store

#: A heartbeat is written at most this often: where a look at the queue is free.
LEAST_BEAT_SECONDS = 0.25


def run_consume(values: argparse.Namespace, stop: threading.Event) -> int:
    """Run one consumer until the queue is empty; return the exit code of the step."""
    with ExitStack() as opened:
        return _consume(values, stop, opened)


def _consume(values: argparse.Namespace, stop: threading.Event, opened: ExitStack) -> int:
    run_id = resolve_run_id(values.run_id, os.environ, values.run_name)
    experiment = NodeExperiment.from_document(json.loads(values.experiment))
    counts = RequestCounts()
    patience = Patience.until(stop)
    queue_url, store_url = places_by_seed(values.queue, values.store, values.seeded)
    queue = CountingQueue(open_queue(queue_url, run_id, patience), "consume", counts)
    opened.callback(queue.close)
    store = CountingStore(open_store(store_url, run_id, patience), "consume", counts)
    opened.callback(store.close)
    name = f"c-{secrets.token_hex(8)}"
    background = Background(REQUEST_THREADS)
    opened.callback(background.close)  # before the two that its threads ask
    life = len(read_resumes(store))
    beat_seconds = _beat_seconds(queue, store, values.lease_seconds)
    heartbeat = Heartbeat(
        store, background, counts,
        process=name, life=life, interval_seconds=beat_seconds,
        clock=time.monotonic, started_at=store.now(), step=step_name(os.environ), node=platform.node(),
        deputy=Deputy(store, life=life, limits=experiment.limits, clock=time.monotonic),
    )  # fmt: skip
    if not _has_rows(queue, store, life, heartbeat, stop, min(LOOK_SECONDS, beat_seconds)):
        return 0
    secret_values = _fetch_secrets(experiment, heartbeat, stop)
    settings = replace(_worker_settings(experiment, values, run_id, name), secrets=secret_values)
    events = open_events(queue_url, experiment, run_id, counts)
    if events:
        opened.callback(events.close)
    custody = Custody(
        queue, store, background,
        Checkpoints(store, background, settings.scratch, name, lease_seconds=values.lease_seconds),
        run_id=run_id, consumer=name, lease_seconds=values.lease_seconds, clock=time.monotonic,
        events=events,
    )  # fmt: skip
    consumer = Consumer(
        Tools(custody, background, heartbeat, RowLogs(store, background, name), experiment.idle_seconds),
        settings,
        workers=values.workers,
        policy=RetryPolicy(
            experiment.activity.max_attempts,
            experiment.activity.retry_delay_seconds,
            experiment.activity.no_retry_on,
        ),
        stop_requested=stop.is_set,
    )
    broken = consumer.run()
    if broken:
        raise HyperscaleError(broken)
    return 0


def _has_rows(
    queue: Queue, store: Store, life: int, heartbeat: Heartbeat, stop: threading.Event, look_seconds: float
) -> bool:
    """Wait until all rows are in the queue; return False, and leave, when the run is over."""

    def wait(seconds: float) -> None:
        stop.wait(seconds)

    has_rows = await_rows(
        queue, store, life, look_seconds=look_seconds, stop_requested=stop.is_set, wait=wait, tell=heartbeat.waits
    )
    if not has_rows:
        heartbeat.last("left", "", Counts())
    return has_rows


def _beat_seconds(queue: Queue, store: Store, lease_seconds: float) -> float:
    """Return how often this consumer beats: two silent leases are taken for its death (rule 21)."""
    is_watched = is_local(os.environ)  # somebody looks
    wanted = min(queue.poll_seconds, store.poll_seconds) if is_watched else queue.poll_seconds
    return max(LEAST_BEAT_SECONDS, min(wanted, lease_seconds / 2))


def _fetch_secrets(experiment: NodeExperiment, heartbeat: Heartbeat, stop: threading.Event) -> dict[str, str]:
    """Return the values of `activity.secrets`; a consumer that cannot have them says so, and is broken."""
    try:
        return fetch_secrets(experiment.activity.secrets, os.environ, patience_of(stop.is_set, stop.wait))
    except HyperscaleError as error:
        heartbeat.last("broken", f"{error}; {error.hint}" if error.hint else str(error), Counts())
        raise


def _identity() -> dict[str, str]:
    """Return what an activity's own DefaultAzureCredential needs to find the node's identity."""
    client_id = worker_client_id(os.environ)
    return {"AZURE_CLIENT_ID": client_id} if client_id else {}


def _worker_settings(
    experiment: NodeExperiment, values: argparse.Namespace, run_id: str, consumer: str
) -> WorkerSettings:
    activity = experiment.activity
    return WorkerSettings(
        run_id=run_id,
        consumer=consumer,
        entry=activity.entry,
        command=activity.command,
        parallel_script=activity.parallel_script,
        error_on_missing=activity.error_on_missing,
        code_folder=Path.cwd(),
        scratch=Path(tempfile.mkdtemp(prefix="hyperscale-", dir=os.environ.get("HYPERSCALE_SCRATCH"))),
        key=experiment.input.key_column,
        is_grouped=bool(experiment.input.group_by),
        input_folder=Path(values.input).resolve() if experiment.input.form == "files" else None,
        arguments=activity.arguments,
        mounts=dict(mount.split("=", 1) for mount in values.mount),
        environment_variables={**_identity(), **activity.environment_variables},
        rows_per_call=activity.rows_per_call,
        set_up_timeout_seconds=activity.set_up_timeout_seconds,
        timeout_seconds=activity.timeout_seconds,
        concurrency=activity.concurrency,
        log_level=experiment.log_level,
        logs=experiment.output.logs,
        adopts_orphans=adopt_orphans(),
        gpus=share_gpus(find_gpus(os.environ), values.workers),
    )
