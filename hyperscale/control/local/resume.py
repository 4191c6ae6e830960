"""Prepares a further life of a run whose processes are all gone (rule 27), or finds that nothing is left to do."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.submit.journal import JOURNAL
from hyperscale.errors import RunStateError
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.control import read_seed, rows_of_run, write_resume
from hyperscale.node.storing.queues import Queue, QueueGoneError
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores import Store

NextLife = Literal["nothing", "goes on", "seeds missing"]


@dataclass(frozen=True)
class Found:
    """What a run left behind.

    Attributes:
        seeded: whether seed.json is written.
        depth: messages in the queue; None when it is gone.
        complete: whether a seal says that every row has its outcome.
        published: whether run_results.json says so too.
    """

    seeded: bool
    depth: int | None
    complete: bool
    published: bool


def next_life(found: Found) -> NextLife:
    """Return what a resume of a run does.

    Returns:
        "nothing": all is done and published;
        "goes on": the same steps run again, and do what is left: seed, work on messages, or publish;
        "seeds missing": they seed the rows without an outcome again, as no message is left that holds them.
    """
    if found.complete and found.published:
        return "nothing"
    if found.complete or not found.seeded or found.depth:
        return "goes on"
    return "seeds missing"


def prepare_resume_here(folder: RunFolder) -> dict[str, Any] | None:
    """Make a run of this machine ready for its steps to run again; its lock is held.

    Returns:
        None; or the results of a run that is complete, whose steps need not run again.

    Raises:
        RunStateError: when the run is on Azure ML, where others work on it.
        HyperscaleError: when the ledger is damaged.
    """
    if (folder.path / JOURNAL).is_file():
        raise RunStateError(
            f"run {folder.run_id} is on Azure ML, and a resume goes on with runs of this machine",
            hint=f"`hyperscale retry {folder.run_id}` runs its missing rows when it is over",
        )
    with closing(folder.store()) as store, closing(folder.queue()) as queue:
        return prepare_resume(store, queue)


def prepare_resume(store: Store, queue: Queue) -> dict[str, Any] | None:
    """Make the run in `store` and `queue` ready for its steps to run again.

    No process of the run may be alive: the run's lock proves that.

    Returns:
        None; or the results of a run that is complete, whose steps need not run again.

    Raises:
        HyperscaleError: when the ledger is damaged.
    """
    results = read_results(store)
    found = _look(store, queue, results)
    life = next_life(found)
    if life == "nothing":
        return results
    if life == "seeds missing":
        _name_missing(store)
    else:
        write_resume(store)
    if found.depth and isinstance(queue, SqliteQueue):
        # Their owners are dead: the rows need not wait until the leases run out.
        queue.expire_leases()
    return None


def _look(store: Store, queue: Queue, results: dict[str, Any] | None) -> Found:
    seals = read_seals(store)
    return Found(
        seeded=read_seed(store) is not None,
        depth=_depth(queue),
        complete=bool(seals) and seals[-1].state == "complete",
        published=results is not None and results["rows"]["missing"] == 0,
    )


def _name_missing(store: Store) -> None:
    """Seal what is there, and begin a life that seeds the rows that are missing by that seal."""
    seed = read_seed(store)
    assert seed is not None, "only what was seeded can be missing"
    seal = Chain(store, rows_of_run(store, seed)).seal("incomplete: the queue is empty or gone", store.now())[-1]
    if seal.state == "complete":
        write_resume(store)
        return
    # Named before the rows are put: a consumer must not take them for another seeding's.
    write_resume(store, seed_id=secrets.token_hex(8), seal=seal.number)


def _depth(queue: Queue) -> int | None:
    try:
        return queue.depth()
    except QueueGoneError:
        return None
