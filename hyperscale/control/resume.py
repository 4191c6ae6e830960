"""Prepares a further life of a run whose processes are all gone (rule 27), or finds that nothing is left to do."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from hyperscale.control.run_list import read_results
from hyperscale.node.chain import Chain
from hyperscale.node.control import read_cancel, read_resumes, read_seed, write_resume
from hyperscale.node.ledger_reader import read_seals
from hyperscale.node.queues import Queue, QueueGoneError
from hyperscale.node.queues.sqlite import SqliteQueue
from hyperscale.node.stores import Store


@dataclass(frozen=True)
class Found:
    """What a run left behind.

    Attributes:
        seeded: whether seed.json is written.
        cancelled: whether the newest life was ended by a marker.
        depth: messages in the queue; None when it is gone.
        complete: whether a seal says that every row has its outcome.
        published: whether run_results.json says so too.
    """

    seeded: bool
    cancelled: bool
    depth: int | None
    complete: bool
    published: bool


def next_life(found: Found) -> str:
    """Return what a resume of a run does.

    Returns:
        "nothing": all is done and published;
        "again": the same steps run once more, in the same life: they finish what they find;
        "anew": a new life that seeds, because nothing is seeded and the old life was ended;
        "continue": a new life that works on the messages of the queue;
        "seed missing": a new life that seeds the rows without an outcome: no message is left that holds them.
    """
    if found.complete:
        return "nothing" if found.published else "again"
    if not found.seeded:
        return "anew" if found.cancelled else "again"
    return "continue" if found.depth else "seed missing"


def look(store: Store, queue: Queue) -> Found:
    """Return what the run in `store` and `queue` left behind."""
    seals = read_seals(store)
    results = read_results(store)
    return Found(
        seeded=read_seed(store) is not None,
        cancelled=read_cancel(store, len(read_resumes(store))) is not None,
        depth=_depth(queue),
        complete=bool(seals) and seals[-1].state == "complete",
        published=results is not None and results["rows"]["missing"] == 0,
    )


def prepare_resume(store: Store, queue: Queue) -> dict[str, Any] | None:
    """Make the run in `store` and `queue` ready for its steps to run again.

    No process of the run may be alive: the run's lock proves that.

    Returns:
        None; or the results of a run that is complete, whose steps need not run again.

    Raises:
        HyperscaleError: when the ledger is damaged.
    """
    action = next_life(look(store, queue))
    if action == "nothing":
        return read_results(store)
    if action == "anew":
        write_resume(store)
    elif action == "continue":
        write_resume(store)
        if isinstance(queue, SqliteQueue):
            queue.expire_leases()
    elif action == "seed missing":
        _seed_missing(store)
    return None


def _seed_missing(store: Store) -> None:
    seed = read_seed(store)
    assert seed is not None
    seal = Chain(store, seed.rows).seal("incomplete: the queue is empty or gone", time.time())[-1]
    if seal.state == "incomplete":
        # Named before the rows are put: a consumer must not take them for another seeding's.
        write_resume(store, seed_id=secrets.token_hex(8), seal=seal.number)


def _depth(queue: Queue) -> int | None:
    try:
        return queue.depth()
    except QueueGoneError:
        return None
