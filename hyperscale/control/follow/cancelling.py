"""Ends a run before its end: no more rows are handed out, what is done is collected, and then its job is cancelled."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.look import Look
from hyperscale.control.follow.tearing_down import tear_down_here
from hyperscale.control.follow.watching import Follower
from hyperscale.control.run_list import read_results
from hyperscale.errors import RunStateError
from hyperscale.node.control import read_resumes, write_cancel

DRAINING = "no more rows are handed out; those in flight are finished, and what is done is collected"


def cancel(found: FoundRun, follower: Follower, *, now: bool) -> dict[str, Any] | None:
    """End the run, and return its results; safe to repeat, and to interrupt.

    Args:
        found: the run.
        follower: of it.
        now: cancel its jobs at once, and do from here what teardown would have done.

    Raises:
        RunStateError: when it has no job, or is a run of this machine that is to end now.
        TeardownError: when something of it is still alive.
        AzureError: when Azure cannot be asked.
    """
    look = follower.until(lambda _: True)
    if look.is_over:
        follower.say(f"run {found.run_id} is over already")
    else:
        _check(found, look, now=now)
        _mark(found)
        look = _end(found, follower, look, now=now)
    results = _results(found)
    if found.azure is not None and (results is None or look.left):
        tear_down_here(found, say=follower.say)
        results = _results(found)
    elif found.azure is not None and look.is_over:
        # It cannot be resumed: what its messages hold is of no use, and `gc` would find its queue.
        with closing(found.folder.queue()) as queue:
            queue.remove()
    return results


def _check(found: FoundRun, look: Look, *, now: bool) -> None:
    if found.azure is None and now:
        raise RunStateError(
            f"run {found.run_id} is on this machine: --now is for jobs of Azure ML",
            hint="press Ctrl-C twice where it runs; what was done is kept",
        )
    if found.azure is not None and not any((look.jobs or {}).values()):
        raise RunStateError(
            f"run {found.run_id} has no job: its submission is going on, or was not finished",
            hint="stop the submission with Ctrl-C, or take it up again with submit; gc deletes what it left",
        )


def _mark(found: FoundRun) -> None:
    store = found.folder.store()
    try:
        write_cancel(store, len(read_resumes(store)), "user", "cancelled by the user")
    finally:
        store.close()


def _end(found: FoundRun, follower: Follower, look: Look, *, now: bool) -> Look:
    """Wait until the run is over; its jobs are cancelled when their teardown is done, or at once."""
    if not now:
        follower.say(DRAINING)
        look = follower.until(lambda look: look.is_over or look.is_torn_down)
    if found.session is not None and not look.is_over:
        for name, status in (look.jobs or {}).items():
            if status is not None:
                found.session.workspace.cancel_job(name)
    return follower.until(lambda look: look.is_over)


def _results(found: FoundRun) -> dict[str, Any] | None:
    store = found.folder.store()
    try:
        return read_results(store)
    finally:
        store.close()
