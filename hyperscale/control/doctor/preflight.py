"""Refuses a run that would fail for what is missing, before anything of it is made: by the cheap checks of `doctor`.

What cannot be seen never stops a run: it may be in order.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperscale.control.azure.session import Session, who_is
from hyperscale.control.doctor.checks import Check
from hyperscale.control.doctor.examination import Examination
from hyperscale.control.doctor.identities import unnamed_checks
from hyperscale.errors import AzureError
from hyperscale.experiment import Experiment

_DOCTOR = "`hyperscale doctor` shows every check"
_SCRIPT = f"`hyperscale doctor --print-setup` writes a script that puts it right; {_DOCTOR}"


def refuse_without_identity(experiment: Experiment) -> None:
    """See that the experiment names identities for the clusters that it makes; nobody is asked.

    Raises:
        AzureError: when it does not: its nodes could reach neither queue nor store.
    """
    _refuse(unnamed_checks(experiment))


def refuse_in_vain(session: Session, experiment: Experiment, *, tries_storage: bool = False) -> None:
    """See that a run has what it cannot do without, as far as the login may see.

    Args:
        session: a login to its workspace.
        experiment: of the run.
        tries_storage: whether to try the storage accounts with the person's login, too.

    Raises:
        AzureError: when something of it is missing, naming all of it; or when Azure does not answer at all.
    """
    refuse_without_identity(experiment)
    examination = Examination(experiment, session, who_is(session.credential))
    _refuse(examination.cheap_checks(tries_storage=tries_storage))


def _refuse(checks: Sequence[Check]) -> None:
    fatal = [check for check in checks if check.state == "missing" and check.is_fatal]
    if fatal:
        what = "; ".join(f"{check.about}, {check.what}: {check.found}" for check in fatal)
        todo = {check.todo for check in fatal}
        hint = f"{todo.pop()}; {_DOCTOR}" if len(todo) == 1 else _SCRIPT
        raise AzureError(f"this run would fail: {what}", hint=hint)
