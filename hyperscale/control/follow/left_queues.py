"""The queues of runs that are over: a run whose rows are not all done keeps its queue, and nobody needs it for ever."""

from __future__ import annotations

import os
import re
from contextlib import closing

from azure.storage.queue import QueueServiceClient

from hyperscale.control.azure.session import Session
from hyperscale.control.follow.claims import ServiceJobs
from hyperscale.control.follow.left_behind import LeftBehind, run_started_at
from hyperscale.control.run_folder import PATIENCE_SECONDS, queue_at, store_at
from hyperscale.control.run_list import read_results
from hyperscale.errors import RunStateError
from hyperscale.node.control import read_manifest
from hyperscale.node.storing.azure_requests import AzureRequests
from hyperscale.node.storing.credentials import access_to
from hyperscale.node.storing.patience import Patience
from hyperscale.node.storing.places import account_place

#: Ids of runs: ours end with a time; a run made with az is called after its job, such as sincere-lemon-1a2b3c4d5e.
_RUN_ID = re.compile(r".*-\d{8}-\d{6}-[0-9a-f]{4}|[a-z]+-[a-z]+-[a-z0-9]{10,}")


def left_queues(session: Session) -> list[LeftBehind]:
    """Return the queues of runs in the workspace that are over and collected; a run without results keeps its own.

    Args:
        session: with the workspace; each queue that may be a run's costs a request or two.

    Raises:
        AzureError: when the storage account cannot be asked.
    """
    names = [name for name in _queue_names(session.queue_url) if _RUN_ID.fullmatch(name)]
    jobs = ServiceJobs(session.workspace)
    return [left for name in names if (left := _left_queue(session, name, jobs))]


def remove_queue(session: Session, run_id: str) -> None:
    """Delete the queue of a run; nothing happens when there is none."""
    with closing(queue_at(session.queue_url, run_id)) as queue:
        queue.remove()


def _left_queue(session: Session, run_id: str, jobs: ServiceJobs) -> LeftBehind | None:
    with closing(store_at(session.store_url, run_id)) as store:
        try:
            manifest = read_manifest(store) or {}
        except RunStateError:  # what cannot be read says nothing: the queue stays
            return None
        if not manifest.get("azure") or read_results(store) is None:
            return None
    if not all(job.is_over for job in jobs.of_run(run_id)):
        return None
    return LeftBehind(
        kind="queue",
        name=run_id,
        run=run_id,
        tag="",
        experiment=str(manifest.get("experiment") or ""),
        owner="",
        reason="its run is over and collected",
        created_at=float(manifest.get("created_at") or 0) or run_started_at(run_id),
    )


def _queue_names(queue_url: str) -> list[str]:
    place = account_place(queue_url, "queue")
    requests = AzureRequests(place.url, access_to(place, os.environ), {})
    patience = Patience(limit_seconds=PATIENCE_SECONDS)
    with QueueServiceClient(place.url, **requests.options()) as client:

        def request() -> list[str]:
            return [str(queue.name) for queue in client.list_queues()]

        return patience.ask(lambda: requests.ask("list the queues", request))
