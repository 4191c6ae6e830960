"""Looks at identity, clusters and image of a run, without changing anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.checks import Check, is_no_access, of_error
from hyperscale.control.doctor.role_needs import image_registry, makes_clusters, owns_clusters
from hyperscale.errors import AzureError
from hyperscale.experiment import Experiment
from hyperscale.node.azure.workspace import API_VERSION
from hyperscale.node.azure.workspace_facts import ComputeFacts

THE_RUN = "the run's identity"
CLUSTERS = "clusters"
IMAGE = "image"
_IDENTITY_VERSION = "2023-01-31"
_REGISTERED = re.compile(r"azureml:(?P<name>[^/:@\s]+)(?::(?P<version>\S+)|@(?P<label>\S+))")
_GIVE_ONE = "give compute.identity and compute.identity_client_id; `hyperscale doctor --print-setup` makes one"


@dataclass(frozen=True)
class RunIdentity:
    """An identity that nodes work with.

    Attributes:
        name: for people.
        principal_id: by which roles are assigned.
        client_id: that it signs in with; empty for a compute's own, which has none.
    """

    name: str
    principal_id: str
    client_id: str = ""


def identity_checks(session: Session, experiment: Experiment) -> tuple[list[Check], list[RunIdentity]]:
    """Return whether `compute.identity` is there, and who it is."""
    identity, given = experiment.compute.identity, experiment.compute.identity_client_id
    if identity is None:
        if not makes_clusters(experiment):
            return [], []
        found = "no compute.identity: nodes could reach neither queue nor store"
        return [Check(THE_RUN, "identity", "missing", found, _GIVE_ONE)], []
    name = identity.rpartition("/")[2]
    try:
        known = find_identity(session, identity)
    except AzureError as error:
        if is_no_access(error):
            todo = f"have the role Managed Identity Operator on {name} assigned to you"
            return [Check(THE_RUN, "identity", "unknown", f"your login may not look at {name}", todo)], []
        return [of_error(THE_RUN, "identity", error)], []
    if known is None:
        return [Check(THE_RUN, "identity", "missing", f"there is no identity {name}", f"correct it: {_GIVE_ONE}")], []
    if given and given.lower() != known.client_id.lower():
        found = f"the client id of {name} is {known.client_id}, the experiment says {given}"
        todo = f"set compute.identity_client_id: {known.client_id}"
        return [Check(THE_RUN, "identity", "missing", found, todo)], [known]
    return [Check(THE_RUN, "identity", "ok", f"{name}, client id {known.client_id}")], [known]


def find_identity(session: Session, path: str) -> RunIdentity | None:
    """Return who the managed identity with the resource id `path` is; None when there is none.

    Raises:
        AzureError: when Azure refuses, or does not answer.
    """
    document = session.workspace.azure.get(path, api_version=_IDENTITY_VERSION)
    if document is None:
        return None
    properties = document.get("properties") or {}
    ids = (str(properties.get(key) or "") for key in ("principalId", "clientId"))
    return RunIdentity(path.rpartition("/")[2], *ids)


def cluster_checks(session: Session, experiment: Experiment) -> tuple[list[Check], list[RunIdentity]]:
    """Return whether the clusters are there that the experiment names, and the identities that they have."""
    names = [*experiment.compute.existing, *filter(None, [experiment.compute.control.existing])]
    checks, identities = list(_what_is_lost(experiment)), []
    for name in dict.fromkeys(names):
        try:
            facts = session.workspace.compute(name)
            theirs = _identities_of(session, facts) if facts else []
        except AzureError as error:
            checks.append(of_error(CLUSTERS, f"cluster {name}", error))
            continue
        checks.append(cluster_check(name, facts, theirs, experiment.compute.identity_client_id))
        identities += theirs
    return checks, identities


def _identities_of(session: Session, facts: ComputeFacts) -> list[RunIdentity]:
    own = [RunIdentity(f"the identity of {facts.name}", facts.own_principal_id)] if facts.own_principal_id else []
    return [*own, *filter(None, (find_identity(session, path) for path in facts.identity_ids))]


def cluster_check(
    name: str, facts: ComputeFacts | None, identities: Sequence[RunIdentity], client_id: str | None
) -> Check:
    """Return what is to be said of an existing cluster.

    Args:
        name: of it.
        facts: of it; None when it is not there.
        identities: that its nodes have.
        client_id: of the one that they are to work with, if the experiment says so.
    """
    what = f"cluster {name}"
    if facts is None:
        return Check(CLUSTERS, what, "missing", "the workspace has no such compute", "correct its name, or make it")
    if facts.kind != "AmlCompute":
        return Check(CLUSTERS, what, "missing", f"it is no cluster, but {facts.kind}", "name a compute cluster")
    if facts.state == "Failed":
        return Check(CLUSTERS, what, "missing", f"it has failed: {'; '.join(facts.errors)[:200]}", "make it again")
    if not identities:
        todo = "give it a user-assigned identity: az ml compute update --identity-type user_assigned"
        return Check(CLUSTERS, what, "missing", "it has no identity: nodes could reach neither queue nor store", todo)
    if client_id and client_id.lower() not in {each.client_id.lower() for each in identities}:
        todo = "give it the identity of compute.identity_client_id, or correct that key"
        return Check(CLUSTERS, what, "missing", f"it does not have the identity {client_id}", todo)
    return Check(CLUSTERS, what, "ok", f"{facts.size}, up to {facts.max_nodes} nodes, {facts.tier}, {facts.location}")


def _what_is_lost(experiment: Experiment) -> Sequence[Check]:
    """Yield what a run gives up that makes no clusters; it needs no right to make any."""
    if owns_clusters(experiment):
        return []
    lost = "no quota, tier or region is chosen, and no cluster is deleted at the end: idle nodes are their owner's"
    who = "serverless" if experiment.compute.serverless else "existing clusters"
    more = "" if makes_clusters(experiment) else "; no right to make or delete clusters is needed"
    return [Check(CLUSTERS, who, "ok", f"{lost}{more}")]


def image_checks(session: Session, experiment: Experiment) -> list[Check]:
    """Return whether the environment of the nodes is there, as far as the workspace knows."""
    reference = experiment.environment.environment
    if reference is None:
        image = experiment.environment.image
        found = f"{image}: a public image is not checked"
        if image_registry(experiment):
            found = f"{image}: whether it is in its registry is not checked"
        return [Check(IMAGE, "environment", "unknown", found)]
    parts = _REGISTERED.fullmatch(reference)
    if parts is None:
        return [Check(IMAGE, "environment", "unknown", f"{reference}: environments of registries are not checked")]
    path = f"{session.workspace.name.path}/environments/{quote(parts['name'])}"
    if parts["version"]:
        path = f"{path}/versions/{quote(parts['version'])}"
    if session.workspace.azure.get(path, api_version=API_VERSION) is None:
        todo = "register it (az ml environment create), or correct environment.environment"
        return [Check(IMAGE, "environment", "missing", f"the workspace has no {reference}", todo)]
    return [Check(IMAGE, "environment", "ok", f"{reference} is registered")]


def serverless_check(experiment: Experiment, principals: Mapping[str, str]) -> list[Check]:
    """Return what is to be known of steps without a cluster: they work with the workspace's own identity."""
    uses = [
        name
        for name, is_used in (
            ("compute.serverless", experiment.compute.serverless),
            ("compute.control.serverless", experiment.compute.control.serverless),
        )
        if is_used
    ]
    if not uses or principals:
        return []
    found = f"{' and '.join(uses)}: nodes have the workspace's own user-assigned identity, whose roles are not seen"
    return [Check(THE_RUN, "serverless", "unknown", found, "give it the roles that --print-setup gives to an identity")]
