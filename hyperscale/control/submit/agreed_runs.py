"""A run on Azure ML from its rows to its submission: it is planned, shown, agreed to and submitted."""

from __future__ import annotations

import os
import time
from contextlib import closing

from hyperscale.control.azure.azure_planning import check_placement, plan_for_azure
from hyperscale.control.azure.place import find_place
from hyperscale.control.azure.session import Session, open_session
from hyperscale.control.doctor.preflight import refuse_in_vain, refuse_without_identity
from hyperscale.control.follow.clearing import unfinished_here
from hyperscale.control.follow.left_behind import left_behind
from hyperscale.control.plan_table import plan_line, plan_table
from hyperscale.control.planning import Planned
from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.run_list import runs_of
from hyperscale.control.submit.journal import Journal
from hyperscale.control.submit.submitting import computes_once, submit, take_up
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.talk import ASKING, Ask, say, say_if_slow, say_warnings


def submit_selected(checked: CheckedExperiment, *, ask: Ask, beside: str | None = None) -> Journal:
    """Submit a run of the selected rows of `checked`, or go on with its submission if that was cut short.

    What is worth a look is said before.

    Args:
        checked: has selected rows.
        ask: whether somebody agrees.
        beside: of a retry, the store of the run that is retried: nodes look for its data there.

    Raises:
        RunStateError: when the store of the workspace is not `beside`.
        HyperscaleError: when nobody agrees to it; nothing is made then.
        PlanError: when it does not fit: quota, sizes, limits.
        AzureError: when Azure refuses, or does not answer, or the run lacks an identity or roles.
    """
    say_warnings(checked.warnings)
    refuse_without_identity(checked.loaded.experiment)
    with say_if_slow(ASKING):
        session = open_session(find_place(checked.loaded, os.environ))
    with closing(session.workspace.azure):
        if beside not in (None, session.store_url):
            raise RunStateError(
                f"the run that is to be retried lies in {beside}, the experiment names {session.store_url} now",
                hint="a retry reads the data of the run that it retries: name the workspace and container of that run",
            )
        with say_if_slow("asking Azure for identities, roles, quota, sizes and prices"):
            refuse_in_vain(session, checked.loaded.experiment, tries_storage=True)
            seen = computes_once(session)
            planned = plan_for_azure(checked, seen)
        return finish_earlier(planned, session, ask=ask) or submit_shown(planned, session, seen, ask=ask)


def submit_whole(planned: Planned, session: Session, *, ask: Ask, is_fixed: bool = False) -> Journal:
    """Submit a run of all rows of `planned`, or go on with its submission if that was cut short.

    Args:
        planned: what was planned offline, or saved.
        session: a login to its workspace.
        ask: whether somebody agrees.
        is_fixed: the plan stays as it is; else it is made anew by what Azure says.

    Raises:
        HyperscaleError: when nobody agrees to it; nothing is made then.
        PlanError: when it does not fit: quota, sizes, limits.
        AzureError: when Azure refuses, or does not answer; what was made is taken back. When the run lacks an
            identity or roles, nothing is made.
    """
    journal = finish_earlier(planned, session, ask=ask)
    if journal is not None:
        return journal
    with say_if_slow("asking Azure for identities, roles, quota, sizes and prices"):
        refuse_in_vain(session, planned.checked.loaded.experiment)
        seen = computes_once(session)
        if is_fixed:
            check_placement(planned, seen)
        else:
            planned = plan_for_azure(planned.checked, seen)
    return submit_shown(planned, session, seen, ask=ask)


def finish_earlier(planned: Planned, session: Session, *, ask: Ask) -> Journal | None:
    """Finish the submission of this experiment that was cut short, if there is one; see `take_up`."""
    return take_up(planned, session, ask=ask, say=say)


def submit_shown(planned: Planned, session: Session, seen: Session, *, ask: Ask) -> Journal:
    """Show the plan and what earlier runs have left behind, ask, and submit a new run.

    Args:
        planned: with the plan that is submitted.
        session: a login to its workspace.
        seen: the same, with the computes that the plan was made with.
        ask: whether somebody agrees.

    Raises:
        HyperscaleError: when nobody agrees to it; nothing is made then.
        AzureError: when Azure refuses, or does not answer; what was made is taken back.
        TeardownError: the same, and something could not be taken back.
    """
    agree_to(planned, session, seen, ask=ask)
    return submit(planned, session, say=say, computes=seen.workspace.computes())


def agree_to(planned: Planned, session: Session, seen: Session, *, ask: Ask) -> None:
    """Show what would be made, and ask; the arguments and the first error are those of `submit_shown`."""
    for line in (*plan_table(planned), "", plan_line(planned.plan)):
        say(line)
    unfinished = unfinished_here(runs_of(planned.checked.loaded.file))
    for left in left_behind(seen, now=time.time(), unfinished=unfinished):
        say(f"warning: {left.kind} {left.name} of run {left.run} still holds quota: {left.reason} (hyperscale gc)")
    if not ask(f"Submit it to {session.place.workspace.name}?"):
        raise HyperscaleError("not submitted; nothing was made")
