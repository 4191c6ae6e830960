"""The teardown step: waits for the end of the run, proves the count, and says whether rows are missing."""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path

from hyperscale.experiment import NodeExperiment
from hyperscale.node.control import read_resumes
from hyperscale.node.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.kept_parts import PartKeepingStore
from hyperscale.node.patience import Patience
from hyperscale.node.places import is_remote
from hyperscale.node.queues import open_queue
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.stores import open_store
from hyperscale.node.teardown import tear_down


def run_teardown(values: argparse.Namespace, stop: threading.Event) -> int:
    """Run teardown; its step is red for missing rows and passed limits alone, not for failed rows."""
    run_id = resolve_run_id(values.run_id, os.environ)
    counts = RequestCounts()
    patience = Patience.until(stop)
    scratch = Path(os.environ["HYPERSCALE_SCRATCH"]) if "HYPERSCALE_SCRATCH" in os.environ else None
    queue = CountingQueue(open_queue(values.queue, run_id, patience), "teardown", counts)
    with closing(_store(values.store, run_id, patience, counts, scratch)) as store:
        results = tear_down(
            run_id=run_id,
            queue=queue,
            store=store,
            experiment=NodeExperiment.from_document(json.loads(values.experiment)),
            input_path=Path(values.input),
            consumers=values.consumers,
            lease_seconds=values.lease_seconds,
            resumes=len(read_resumes(store)),
            clock=time.time,
            wait=lambda seconds: _wait(stop, seconds),
            stop_requested=stop.is_set,
            scratch=scratch,
        )
    return results.exit_code


def _store(url: str, run_id: str, patience: Patience, counts: RequestCounts, scratch: Path | None) -> CountingStore:
    store = open_store(url, run_id, patience)
    if is_remote(url):
        return PartKeepingStore(store, "teardown", counts, scratch)
    return CountingStore(store, "teardown", counts)


def _wait(stop: threading.Event, seconds: float) -> None:
    """Wait, less when asked to stop meanwhile; once asked, the consumers still need their time."""
    if stop.is_set():
        time.sleep(seconds)
    else:
        stop.wait(seconds)
