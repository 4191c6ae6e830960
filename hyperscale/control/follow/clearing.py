"""Deletes what runs have left behind in a workspace, and says what could not be deleted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hyperscale.control.azure.session import Session
from hyperscale.control.follow.left_behind import LeftBehind
from hyperscale.control.follow.left_queues import remove_queue
from hyperscale.control.follow.lives import unfinished_step
from hyperscale.control.submit.journal import JOURNAL
from hyperscale.errors import AzureError, TeardownError
from hyperscale.node.ending.clusters import Deletions
from hyperscale.ownership import Claim
from hyperscale.talk import Say


def delete_left(session: Session, left: Sequence[LeftBehind], say: Say) -> None:
    """Delete `left`, clusters side by side; safe to repeat.

    Args:
        session: with the workspace.
        left: what is to be deleted.
        say: tells people what is gone.

    Raises:
        TeardownError: when something is still there; it names each one.
    """
    problems = []
    runs = sorted({(it.tag, it.run) for it in left if it.kind == "cluster"})
    names = {key: [it.name for it in left if it.kind == "cluster" and (it.tag, it.run) == key] for key in runs}
    claims = {key: Claim(run_id=key[1], clusters=tuple(names[key]), tag=key[0], value=key[1]) for key in runs}
    deletions = {key: Deletions(session.workspace, claim) for key, claim in claims.items()}
    for deletion in deletions.values():
        deletion.ask(time.monotonic())  # all of them now: a cluster takes minutes to go
    for deletion in deletions.values():
        deleted = deletion.finish(clock=time.monotonic, wait=time.sleep)
        for name in deleted.gone:
            say(f"cluster {name} is gone")
        for cluster in deleted.foreign:
            say(f"warning: cluster {cluster.name} is left alone: {cluster.problem}")
        problems += [f"cluster {each}" for each in deleted.left]
    for queue in (it for it in left if it.kind == "queue"):
        try:
            remove_queue(session, queue.name)
            say(f"queue {queue.name} is gone")
        except AzureError as error:
            problems.append(f"queue {queue.name} ({error})")
    if problems:
        raise TeardownError(f"still there: {'; '.join(problems)}", hint="see the reasons, and repeat hyperscale gc")


def unfinished_here(runs: Path) -> set[str]:
    """Return the ids of the runs under the folder `runs` whose submission has begun and was not finished."""
    return {file.parent.name for file in runs.glob(f"*/{JOURNAL}") if unfinished_step(file.parent)}
