"""The gate step of a further pipeline: waits for the run's seed, so that its consumers begin when there are rows."""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import RunStateError
from hyperscale.experiment import Limits, NodeExperiment
from hyperscale.log_lines import fields
from hyperscale.node.azure.azure_job import find_job
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.node.control import (
    SeedRecord,
    azure_run_of,
    read_beats,
    read_cancel,
    read_manifest,
    read_resumes,
    read_seed,
)
from hyperscale.node.ending import drain
from hyperscale.node.ending.joins import Join, note_join
from hyperscale.node.ending.step_sight import StepSight
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.storing.places import keep_places, resolved
from hyperscale.node.storing.stores import Store, open_store
from hyperscale.ownership import AUTO
from hyperscale.tempo import at_tempo

#: It waits for minutes, alone on a small node: a look is a handful of requests.
LOOK_SECONDS = 10.0

logger = logging.getLogger(__name__)


def run_gate(values: argparse.Namespace, stop: threading.Event) -> int:
    """Wait for the seed, then write the step's output: the consumers beside it are bound to that."""
    if values.run_id == AUTO:
        raise RunStateError(
            "run_id is `auto`: this pipeline holds further consumers of a run, and does not say of which run",
            hint="submit it again with the id of the run: az ml job create -f FILE --set inputs.run_id=ID; where the "
            "first pipeline was given no id, it is the name of its job, in lower case and with - for _",
        )
    run_id = resolve_run_id(values.run_id, os.environ)
    experiment = NodeExperiment.from_document(json.loads(values.experiment))
    queue_url, store_url = resolved(values.queue, values.store, os.environ)
    with closing(open_store(store_url, run_id)) as store, ExitStack() as opened:
        record = await_seed(
            store,
            run_id,
            limits=experiment.limits,
            steps=_steps(store, run_id, opened),
            stop_requested=stop.is_set,
            clock=time.monotonic,
            wait=stop.wait,
        )
        _join(store)
    output = Path(values.seeded)
    output.mkdir(parents=True, exist_ok=True)
    keep_places(output, queue_url, store_url)
    (output / blobs.SEED).write_text(json.dumps(asdict(record)), encoding="utf-8")
    return 0


def await_seed(
    store: Store,
    run_id: str,
    *,
    limits: Limits,
    steps: Callable[[], tuple[StepFacts, ...]],
    stop_requested: Callable[[], bool],
    clock: Callable[[], float],
    wait: Callable[[float], object],
) -> SeedRecord:
    """Wait until all rows of a run are in its queue, and return what its seed has sealed.

    Whether the seed has failed is judged here as teardown judges it, and not by teardown's marker alone: teardowns
    and gates share a cluster, and this gate may stand on the node that the run's teardown waits for.

    Args:
        store: of the run.
        run_id: of it, for messages.
        limits: of the run; its hours are counted from now on.
        steps: says what Azure ML tells of the run's steps now; nothing where that cannot be seen.
        stop_requested: whether this process was asked to end.
        clock: gives seconds.
        wait: waits so many seconds, or less.

    Raises:
        RunStateError: when the run is over or was cancelled, its seed has failed, its hours have passed, or this
            process was asked to end: its consumers have nothing to do.
    """
    began, life = clock(), len(read_resumes(store))
    while True:
        # In this order: a run that is over was seeded all the same, and who fails has written what it could before.
        seen = steps()
        beats = tuple(drain.beat_of(*beat) for beat in read_beats(store, life) if beat[2].get("role") == "seed")
        cancel = read_cancel(store, life)
        if cancel is not None:
            raise _closed(run_id, f"it was ended: {cancel.message}")
        if store.names(blobs.RUN_RESULTS):
            raise _closed(run_id, "it is over, its results are collected")
        record = read_seed(store)
        if record is not None:
            logger.info("%d rows are in the queue: consumers begin", record.rows, extra=fields("open"))
            return record
        view = drain.View(
            rows=None, depth=None, beats=beats, consumers=0, lease_seconds=0.0,
            seconds=clock() - began, limits=limits, steps=seen,
        )  # fmt: skip
        decision = drain.decide(view)
        if isinstance(decision, drain.Cancel):
            raise _closed(run_id, decision.message)
        if stop_requested():
            raise _closed(run_id, "this step was asked to end before the rows were in the queue")
        wait(at_tempo(LOOK_SECONDS))


def _closed(run_id: str, why: str) -> RunStateError:
    return RunStateError(
        f"no further consumers of run {run_id} begin: {why}",
        hint=f"`hyperscale status {run_id}` tells more; a run that is over takes no more consumers",
    )


def _steps(store: Store, run_id: str, opened: ExitStack) -> Callable[[], tuple[StepFacts, ...]]:
    """Return what looks at the steps of the run's first pipeline: a seed that never began has no heartbeat."""
    job = find_job(os.environ)
    if job is None:
        return tuple
    # The SDK takes half a second to import: tests of this module need none of it.
    from hyperscale.node.storing.auto_places import open_workspace

    workspace = open_workspace(job, os.environ)
    opened.callback(workspace.azure.close)

    def jobs() -> tuple[str, ...]:
        run = azure_run_of(read_manifest(store))
        # Before the seed has begun, the name that `render` proposes for the first pipeline's job is what there is.
        return run.jobs[:1] if run else (run_id,)

    return StepSight(workspace, jobs).look


def _join(store: Store) -> None:
    """Have teardown look at the steps of this pipeline, too, unless it knows of it: of `submit` it does."""
    job, run = find_job(os.environ), azure_run_of(read_manifest(store))
    if job is not None and run is not None and job.pipeline not in run.jobs:
        note_join(store, Join(job.pipeline, ()))
