"""Looks at clusters and image of a run, without changing anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.checks import Check, of_error
from hyperscale.control.doctor.identities import NodeIdentities, RunIdentity, find_identity, merged
from hyperscale.control.doctor.role_needs import image_registry, makes_clusters, owns_clusters
from hyperscale.errors import AzureError
from hyperscale.experiment import Experiment
from hyperscale.node.azure.workspace import API_VERSION
from hyperscale.node.azure.workspace_facts import ComputeFacts

CLUSTERS = "clusters"
IMAGE = "image"
_REGISTERED = re.compile(r"azureml:(?P<name>[^/:@\s]+)(?::(?P<version>\S+)|@(?P<label>\S+))")


def cluster_checks(
    session: Session, experiment: Experiment, identities: NodeIdentities
) -> tuple[list[Check], NodeIdentities]:
    """Return whether the clusters are there that the experiment names.

    Returns:
        The checks; and `identities` with those of the clusters.
    """
    compute = experiment.compute
    control = compute.control.existing
    checks, found = list(_what_is_lost(experiment)), dict[str, tuple[RunIdentity, ...]]()
    for name in dict.fromkeys([*compute.existing, *filter(None, [control])]):
        wanted = [compute.identity_client_id] if name in compute.existing else []
        wanted += [compute.control_client_id] if name == control else []
        try:
            facts = session.workspace.compute(name)
            found[name] = _identities_of(session, facts) if facts else ()
        except AzureError as error:
            checks.append(of_error(CLUSTERS, f"cluster {name}", error))
            continue
        checks.append(cluster_check(name, facts, found[name], [each for each in wanted if each]))
    theirs = [each for name in compute.existing for each in _used(found.get(name, ()), compute.identity_client_id)]
    if theirs:
        identities = replace(identities, consumers=merged(theirs))
    if control and found.get(control):
        identities = replace(identities, control=merged(_used(found[control], compute.control_client_id)))
    return checks, identities


def _used(identities: Sequence[RunIdentity], client_id: str | None) -> list[RunIdentity]:
    """Return those that steps work as: the one with the client id that they are told, if they are told one."""
    chosen = [each for each in identities if client_id and each.client_id.lower() == client_id.lower()]
    return chosen or list(identities)


def _identities_of(session: Session, facts: ComputeFacts) -> tuple[RunIdentity, ...]:
    own = [RunIdentity(f"the identity of {facts.name}", facts.own_principal_id)] if facts.own_principal_id else []
    return (*own, *filter(None, (find_identity(session, path) for path in facts.identity_ids)))


def cluster_check(
    name: str, facts: ComputeFacts | None, identities: Sequence[RunIdentity], client_ids: Sequence[str]
) -> Check:
    """Return what is to be said of an existing cluster.

    Args:
        name: of it.
        facts: of it; None when it is not there.
        identities: that its nodes have.
        client_ids: of those that they are to work with, as far as the experiment says so.
    """

    def missing(found: str, todo: str) -> Check:
        return Check(CLUSTERS, f"cluster {name}", "missing", found, todo, is_fatal=True)

    if facts is None:
        return missing("the workspace has no such compute", "correct its name, or make it")
    if facts.kind != "AmlCompute":
        return missing(f"it is no cluster, but {facts.kind}", "name a compute cluster")
    if facts.state == "Failed":
        return missing(f"it has failed: {'; '.join(facts.errors)[:200]}", "make it again")
    if not identities:
        todo = "give it a user-assigned identity: az ml compute update --identity-type user_assigned"
        return missing("it has no identity: nodes could reach neither queue nor store", todo)
    for client_id in client_ids:
        if client_id.lower() not in {each.client_id.lower() for each in identities}:
            todo = "give it the identity with that client id, or correct the key"
            return missing(f"it does not have the identity {client_id}", todo)
    found = f"{facts.size}, up to {facts.max_nodes} nodes, {facts.tier}, {facts.location}"
    return Check(CLUSTERS, f"cluster {name}", "ok", found)


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
