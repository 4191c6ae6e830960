"""Looks whether a run on Azure ML has all that it needs, and changes nothing: every check is made, whatever is missing.

It looks with the login of the person. What that login may not see is "unknown", never "missing".
"""

from __future__ import annotations

from collections.abc import Mapping

from hyperscale.control.azure.az_defaults import with_az_defaults
from hyperscale.control.azure.azure_planning import plan_for_azure
from hyperscale.control.azure.place import find_place, sources_of
from hyperscale.control.azure.session import Person, Session, open_session, who_is
from hyperscale.control.doctor.checks import Check, is_no_access, of_error
from hyperscale.control.doctor.compute import CLUSTERS
from hyperscale.control.doctor.examination import YOU, Examination
from hyperscale.control.doctor.identities import unnamed_checks
from hyperscale.control.reading.checking import check_loaded
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.workspace_file import KEYS
from hyperscale.errors import ExperimentError, HyperscaleError, PlanError
from hyperscale.figures import counted
from hyperscale.node.azure.refusals import NEW_ROLES, RefusedError
from hyperscale.node.storing.credentials import login

WHERE = "where the run goes"


def examine(loaded: LoadedExperiment, environ: Mapping[str, str]) -> list[Check]:
    """Return every check of the experiment; Azure is asked, and nothing is changed."""
    return [*_place_checks(loaded, environ), *_login_checks(loaded, environ)]


def _login_checks(loaded: LoadedExperiment, environ: Mapping[str, str]) -> list[Check]:
    """Return the checks that take a login."""
    try:
        person = who_is(login())
    except HyperscaleError as error:
        logged_in = Check(YOU, "login", "missing", str(error), error.hint or "")
        asked = Check(WHERE, "workspace", "unknown", "not asked without a login")
        return [logged_in, asked, *unnamed_checks(loaded.experiment)]
    logged_in = Check(YOU, "login", "ok", f"{person.name}, tenant {person.tenant_id}")
    try:
        session = open_session(find_place(loaded, environ))
    except HyperscaleError as error:
        lost = Check(YOU, "roles", "unknown", "not looked for without a workspace")
        workspace = _no_workspace(error, loaded.experiment.azure.workspace_name, person)
        return [logged_in, workspace, lost, *unnamed_checks(loaded.experiment)]
    try:
        more = Examination(with_az_defaults(loaded, environ).experiment, session, person).checks()
        return [logged_in, _workspace_check(session), *more, quota_check(with_az_defaults(loaded, environ), session)]
    finally:
        session.workspace.azure.close()


def quota_check(loaded: LoadedExperiment, session: Session) -> Check:
    """Return whether the plan of the experiment finds quota now, and sizes that are offered."""
    try:
        plan = plan_for_azure(check_loaded(loaded), session).plan
    except PlanError as error:
        return Check(CLUSTERS, "quota", "missing", str(error), error.hint or "")
    except ExperimentError as error:
        return Check(CLUSTERS, "quota", "unknown", f"no plan can be made: {error}", "see `hyperscale validate`")
    except HyperscaleError as error:
        return of_error(CLUSTERS, "quota", error)
    made = counted(len(plan.owned_clusters), "cluster")
    return Check(CLUSTERS, "quota", "ok", f"enough for {counted(plan.nodes, 'node')} in {made} of the run's own")


def person_if_logged_in() -> Person | None:
    """Return who is logged in; None when nobody is, or no token can be had."""
    try:
        return who_is(login())
    except HyperscaleError:
        return None


def _place_checks(loaded: LoadedExperiment, environ: Mapping[str, str]) -> list[Check]:
    """Return each key of `azure` with its value, and who gave it."""
    problem = []
    try:
        loaded = with_az_defaults(loaded, environ)
    except HyperscaleError as error:
        problem = [of_error(WHERE, "defaults of az", error)]
    checks = []
    for key, source in sources_of(loaded).items():
        value = getattr(loaded.experiment.azure, key)
        if value is None and key in KEYS:
            todo = f"give azure.{key}, or put the config.json of the workspace beside {loaded.file.name}"
            checks.append(Check(WHERE, key, "missing", "nobody gives it", todo))
        else:
            checks.append(Check(WHERE, key, "ok", f"{value} ({source})" if value else source))
    return [*checks, *problem]


def _no_workspace(error: HyperscaleError, name: str | None, person: Person) -> Check:
    if isinstance(error, RefusedError) and error.code == "AuthorizationFailed":
        wanted = f"AzureML Data Scientist on {f'workspace {name}' if name else 'the workspace'}"
        todo = f"have {wanted} assigned to {person.name} (--print-setup); {NEW_ROLES}"
        return Check(WHERE, "workspace", "missing", f"{person.name} may not read it: no role on it is assigned", todo)
    answered = is_no_access(error) or str(error).startswith("there is no")
    return Check(WHERE, "workspace", "missing" if answered else "unknown", str(error), error.hint or "")


def _workspace_check(session: Session) -> Check:
    found = f"{session.place.workspace.name}, {session.facts.location}"
    if session.facts.public_network:
        return Check(WHERE, "workspace", "ok", found)
    todo = "submit from a machine that is in its network, and give the clusters a subnet of it (compute.network)"
    return Check(WHERE, "workspace", "unknown", f"{found}: takes no requests from outside of its network", todo)
