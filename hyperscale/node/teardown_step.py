"""The teardown step: waits for the end of the run, proves the count, and says whether rows are missing."""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hyperscale.errors import RunStateError, TeardownError
from hyperscale.experiment import NodeExperiment
from hyperscale.node.azure.azure_job import WORKSPACE_VARIABLES, find_job, inputs_of, named_clusters, run_of
from hyperscale.node.collecting.kept_parts import PartKeepingStore
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.control import azure_run_of, read_manifest, read_resumes
from hyperscale.node.ending.fleet import Fleet, NoFleet
from hyperscale.node.ending.joins import read_joins
from hyperscale.node.ending.metrics import Metrics, mlflow_log
from hyperscale.node.ending.results_output import ResultsOutput
from hyperscale.node.ending.teardown import Teardown, delete_after
from hyperscale.node.run_id import resolve_run_id
from hyperscale.node.step_log import is_local
from hyperscale.node.storing.counting import CountingQueue, CountingStore, RequestCounts
from hyperscale.node.storing.credentials import is_node
from hyperscale.node.storing.patience import Patience
from hyperscale.node.storing.places import is_remote, resolved
from hyperscale.node.storing.queues import open_queue
from hyperscale.node.storing.stores import Store, open_store

logger = logging.getLogger(__name__)
#: Azure ML keeps with the job what a step leaves in this folder of its working folder (how-to-track-experiments).
JOB_FILES = "outputs"


def run_teardown(values: argparse.Namespace, stop: threading.Event) -> int:
    """Run teardown; its step is red for missing rows, passed limits and clusters that are left, not for failed rows."""
    run_id = resolve_run_id(values.run_id, os.environ, values.run_name)
    fleet = _fleet(values, run_id)
    try:
        return _tear_down(values, run_id, fleet, stop).exit_code
    except TeardownError:
        raise
    except BaseException as error:  # before the run could even be looked at: its clusters go all the same
        delete_after(error, fleet, run_id, lambda seconds: _wait(stop, seconds))
        raise


def _tear_down(values: argparse.Namespace, run_id: str, fleet: Fleet, stop: threading.Event) -> RunResults:
    counts = RequestCounts()
    patience = Patience.until(stop)
    scratch = Path(os.environ["HYPERSCALE_SCRATCH"]) if "HYPERSCALE_SCRATCH" in os.environ else None
    queue_url, store_url = resolved(values.queue, values.store, os.environ)
    with (
        closing(CountingQueue(open_queue(queue_url, run_id, patience), "teardown", counts)) as queue,
        closing(_store(store_url, run_id, patience, counts, scratch)) as store,
        closing(fleet),
    ):
        if fleet.component:
            _check_claim(store, run_id, values.run_name, fleet.component)
        fleet.follow(_named_jobs(store), lambda: read_joins(store), lambda name: open_store(store_url, name, patience))
        experiment = NodeExperiment.from_document(json.loads(values.experiment))
        return Teardown(
            run_id=run_id,
            queue=queue,
            store=store,
            experiment=experiment,
            input_path=Path(values.input),
            consumers=values.consumers,
            lease_seconds=values.lease_seconds,
            life=len(read_resumes(store)),
            clock=time.time,
            wait=lambda seconds: _wait(stop, seconds),
            stop_requested=stop.is_set,
            open_run=lambda name: _store(store_url, name, patience, counts, scratch),
            scratch=scratch,
            fleet=fleet,
            is_resumable=find_job(os.environ) is None,
            observe=Metrics(mlflow_log(os.environ) or fleet.log, clock=time.monotonic).observe,
            copy_results=_copy_results(values, store, store_url, experiment, fleet),
        ).run()


def _named_jobs(store: Store) -> tuple[str, ...]:
    """Return the jobs that run.json names, which further pipelines of the run are found by; none when it is broken."""
    try:
        named = azure_run_of(read_manifest(store))
    except RunStateError as error:
        logger.warning("further pipelines of the run are not looked at: %s", error)
        return ()
    return named.jobs if named else ()


def _check_claim(store: Store, run_id: str, run_name: str, component: str) -> None:
    """See that the run is this component's, not one of the same name in the same pipeline."""
    # The SDK takes half a second to import: a run on one machine needs none of it.
    from hyperscale.node.component import claim_run

    claim_run(store, run_id, run_name, component)


def _fleet(values: argparse.Namespace, run_id: str) -> Fleet:
    """Return the machines of the run, as far as this process can do something about them."""
    job = find_job(os.environ)
    if job is None:
        named = named_clusters(values.clusters) if is_node(os.environ) else ()
        unset = f"the workspace of this job is not known: not all of {', '.join(WORKSPACE_VARIABLES)} are set"
        return NoFleet(named, unset)
    # The SDK takes half a second to import: a run on one machine needs none of it.
    from hyperscale.node.ending.azure_fleet import AzureFleet
    from hyperscale.node.storing.auto_places import open_workspace

    workspace = open_workspace(job, os.environ)
    if values.run_name:
        from hyperscale.node.component import component_of
        from hyperscale.node.ending.component_fleet import ComponentFleet

        run = run_of(job, **inputs_of(values))
        return ComponentFleet(workspace, component_of(workspace, job, os.environ), run)
    return AzureFleet(
        workspace,
        run_of(job, **inputs_of(values)),
        run_id=run_id,
        consumers=values.consumers,
        clock=time.monotonic,
    )


def _copy_results(
    values: argparse.Namespace, store: Store, store_url: str, experiment: NodeExperiment, fleet: Fleet
) -> Callable[[Path, RunResults], None]:
    """Return what copies the results; a pipeline of an older version has no output for them."""
    if not values.results:
        return lambda *_: None
    is_job = is_node(os.environ) and not is_local(os.environ)
    output = ResultsOutput(
        folder=Path(values.results),
        kept_with_job=Path(JOB_FILES) if is_job else None,
        store=store,
        store_url=store_url,
        experiment=experiment,
        register=fleet.register,
    )
    return output.fill


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
