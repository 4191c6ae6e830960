"""Does what the teardown of a run could not do any more: collects, and deletes what the run made."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from hyperscale.control.follow.claims import named_jobs, own_clusters
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.lives import bury
from hyperscale.control.follow.run_input import input_of
from hyperscale.control.run_folder import store_at
from hyperscale.control.run_list import read_results
from hyperscale.errors import HyperscaleError, RunStateError, TeardownError
from hyperscale.experiment import NodeExperiment
from hyperscale.node.collecting.publishing import seal_and_publish, work_folder
from hyperscale.node.consuming.event_queues import remove_event_queues
from hyperscale.node.control import read_cancel, read_resumes, read_seed, write_cancel
from hyperscale.node.ending.clusters import Deleted, check_deleted, delete_clusters
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import claim_of
from hyperscale.talk import Say

#: Why rows are missing, where nobody has said it before.
REASON = "it was torn down after its jobs had ended before its own teardown did"
ROLES = ("seed", "consume", "teardown")


def check_is_over(found: FoundRun) -> None:
    """See that nothing of the run is at work any more.

    Raises:
        RunStateError: when a job, or a process, of it is.
    """
    alive = []
    if found.session is not None and found.azure is not None:
        jobs, _ = named_jobs(found.session.workspace, found.run_id, found.azure.jobs)
        alive = [f"job {job.name} ({job.status})" for job in jobs.values() if job is not None and not job.is_over]
    elif found.folder.is_locked():
        alive = ["a process of it on this machine"]
    if alive:
        raise RunStateError(
            f"run {found.run_id} is still alive: {', '.join(alive)}",
            hint=f"hyperscale cancel {found.run_id}: it ends the run, and deletes what it made",
        )


def tear_down_here(
    found: FoundRun,
    *,
    say: Say,
    with_data: bool = False,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Prove the count and collect, if that was not done; delete clusters and queue. Safe to repeat.

    What fails does not keep it from the rest; but data stays while a cluster may be left, as it tells whose that is.

    Args:
        found: a run that is over.
        say: tells people what is done.
        with_data: delete the experiment's event queues and everything in the store, too.
        clock: returns seconds.
        wait: waits so many seconds, for clusters to go.

    Returns:
        The names of the clusters that are gone.

    Raises:
        TeardownError: when clusters are still there; it names each one. What else has failed is said, too.
        HyperscaleError: when the results cannot be collected, or something else could not be asked for or deleted.
    """
    problems: list[Exception] = []
    if not with_data:
        with _kept(problems):
            _collect_if_needed(found, say)
    is_collected, deleted = not problems, Deleted()
    with _kept(problems):
        deleted = _delete_clusters(found, say, clock, wait)
    deletes_data = with_data and not problems and not deleted.left
    if is_collected:  # else its queue is kept: messages may hold outcomes that are in no part yet
        with _kept(problems), closing(found.folder.queue()) as queue:
            queue.remove()
    if deletes_data:
        with _kept(problems):
            remove_event_queues(found.folder.queue_url, found.experiment)
        with _kept(problems):
            _delete_data(found)
    for name in deleted.gone:
        say(f"cluster {name} is gone")
    try:
        check_deleted(deleted, found.run_id)
    except TeardownError as error:
        problems.insert(0, error)  # what still costs money is what the exit code tells of
    for problem in problems[1:]:
        say(f"error: {problem}")
    if with_data and not deletes_data:
        say(f"the data of run {found.run_id} is kept until its clusters are gone")
    if problems:
        raise problems[0]
    if with_data:
        say(f"everything of run {found.run_id} is deleted")
    return list(deleted.gone)


@contextmanager
def _kept(problems: list[Exception]) -> Iterator[None]:
    """Keep what goes wrong in the block in `problems`: the rest is done all the same."""
    try:
        yield
    except (HyperscaleError, OSError) as error:
        problems.append(error)


def _collect_if_needed(found: FoundRun, say: Say) -> None:
    with closing(found.folder.store()) as store:
        if read_results(store) is None and found.manifest is not None:
            say("its results are collected")
            _collect(found, store)


def _collect(found: FoundRun, store: Store) -> None:
    assert found.manifest is not None, "a run without run.json has made nothing"
    experiment = NodeExperiment.from_document(found.manifest["node_experiment"])
    life = len(read_resumes(store))
    # First the marker: a consumer that thaws later finds it, and starts no more rows.
    write_cancel(store, life, "user", REASON)
    bury(store, life, ROLES)
    seed = read_seed(store)
    with ExitStack() as stack:
        path = stack.enter_context(input_of(found, experiment.input, seed)) if seed else Path()
        seal_and_publish(
            run_id=found.run_id,
            store=store,
            experiment=experiment,
            input_path=path,
            cancel=read_cancel(store, life),
            sealed_at=time.time(),
            open_run=lambda name: store_at(found.folder.store_url, name),
            folder=stack.enter_context(work_folder(None)),
        )


def _delete_clusters(found: FoundRun, say: Say, clock: Callable[[], float], wait: Callable[[float], None]) -> Deleted:
    if found.azure is None or found.session is None:
        return Deleted()
    checked = own_clusters(found)
    names = tuple(cluster.name for cluster in checked.own)
    for refused in (*found.refused, *checked.refused):
        say(f"warning: {refused}")
    for job in checked.users:
        say(f"{', '.join(names)}: not deleted, job {job.name} ({job.status}) of the same files uses the same clusters")
    if not names or checked.users:
        return Deleted()
    say(f"{', '.join(names)}: being deleted")
    claim = replace(claim_of(found.azure, found.run_id), clusters=names)
    deleted = delete_clusters(found.session.workspace, claim, clock=clock, wait=wait)
    for cluster in deleted.foreign:
        say(f"warning: cluster {cluster.name} is left alone: {cluster.problem}")
    return deleted


def _delete_data(found: FoundRun) -> None:
    with closing(found.folder.store()) as store:
        store.remove()
    if found.folder.is_launched:
        shutil.rmtree(found.folder.path)
