"""Looks which identities the nodes of a run work with: of consumers, and of seed and teardown, which may be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hyperscale.control.azure.session import Session
from hyperscale.control.doctor.checks import Check, is_no_access, of_error
from hyperscale.control.doctor.role_needs import makes_control_cluster, owns_clusters, unnamed_identities
from hyperscale.errors import AzureError
from hyperscale.experiment import Experiment
from hyperscale.node.azure.workspace_facts import IdentityFacts

CONSUMERS = "identity of consumers"
CONTROL = "identity of seed and teardown"
BOTH = "identity of all nodes"
_IDENTITY_VERSION = "2023-01-31"
_SERVERLESS_DOCS = "https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute"


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


@dataclass(frozen=True)
class NodeIdentities:
    """Whom the nodes of a run work as.

    Attributes:
        consumers: the identities that consumers have, as far as they are known.
        control: those that seed and teardown have.
    """

    consumers: tuple[RunIdentity, ...] = ()
    control: tuple[RunIdentity, ...] = ()

    @property
    def is_one_for_all(self) -> bool:
        """Return whether the user's code runs as who may delete clusters."""
        return bool({each.principal_id for each in self.consumers} & {each.principal_id for each in self.control})


@dataclass(frozen=True)
class _Key:
    """A key of the experiment file that names an identity, and the key of its client id."""

    name: str
    client_id_name: str
    value: str | None
    client_id: str | None


def unnamed_checks(experiment: Experiment) -> list[Check]:
    """Return what is missing where the experiment names no identity; nobody is asked."""
    checks = []
    for key in unnamed_identities(experiment):
        nodes, about = ("seed and teardown", CONTROL) if "control" in key else ("nodes", CONSUMERS)
        found = f"no {key}: {nodes} could reach neither queue nor store"
        todo = f"set {key} and {key}_client_id: `hyperscale doctor --print-setup` makes the identity and gives it roles"
        checks.append(Check(about, "identity", "missing", found, todo, is_fatal=True))
    return checks


def identity_checks(session: Session, experiment: Experiment) -> tuple[list[Check], NodeIdentities]:
    """Return whether the identities are there that the experiment names, and who they are.

    Those of existing clusters are known by the clusters: `cluster_checks`.
    """
    checks = unnamed_checks(experiment)
    compute, found = experiment.compute, NodeIdentities()
    consumers = _Key("compute.identity", "compute.identity_client_id", compute.identity, compute.identity_client_id)
    control = consumers
    if compute.control.identity or compute.control.identity_client_id:
        names = ("compute.control.identity", "compute.control.identity_client_id")
        control = _Key(*names, compute.control.identity, compute.control.identity_client_id)
    if compute.serverless:
        more, who = _of_serverless(session, CONSUMERS, "compute.serverless", consumers)
        checks, found = [*checks, *more], replace(found, consumers=who)
    elif owns_clusters(experiment) and consumers.value:
        more, who = _of_key(session, CONSUMERS, consumers)
        checks, found = [*checks, *more], replace(found, consumers=who)
    if compute.control.serverless:
        more, who = _of_serverless(session, CONTROL, "compute.control.serverless", control)
        checks, found = [*checks, *more], replace(found, control=who)
    elif makes_control_cluster(experiment) and control.value:
        if control.value == consumers.value and owns_clusters(experiment):
            return checks, replace(found, control=found.consumers)
        more, who = _of_key(session, CONTROL, control)
        checks, found = [*checks, *more], replace(found, control=who)
    return checks, found


def shared_identity_check(identities: NodeIdentities) -> list[Check]:
    """Return what one identity for all nodes means; it works."""
    if not identities.is_one_for_all:
        return []
    found = "consumers, seed and teardown have the same: your code may delete clusters and cancel jobs of the workspace"
    todo = "give seed and teardown one of their own, as compute.control.identity (--print-setup makes it)"
    return [Check(BOTH, "one for all", "ok", found, todo)]


def _of_key(session: Session, about: str, key: _Key) -> tuple[list[Check], tuple[RunIdentity, ...]]:
    path, given = str(key.value), key.client_id
    name = path.rpartition("/")[2]
    try:
        known = find_identity(session, path)
    except AzureError as error:
        if is_no_access(error):
            todo = f"have the role Managed Identity Operator on {name} assigned to you"
            return [Check(about, "identity", "unknown", f"your login may not look at {name}", todo)], ()
        return [of_error(about, "identity", error)], ()
    if known is None:
        todo = f"correct {key.name}; `hyperscale doctor --print-setup` makes an identity"
        return [Check(about, "identity", "missing", f"there is no identity {name}", todo, is_fatal=True)], ()
    if given and given.lower() != known.client_id.lower():
        found = f"the client id of {name} is {known.client_id}, the experiment says {given}"
        todo = f"set {key.client_id_name}: {known.client_id}"
        return [Check(about, "identity", "missing", found, todo, is_fatal=True)], (known,)
    return [Check(about, "identity", "ok", f"{name}, client id {known.client_id}")], (known,)


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


def _of_serverless(session: Session, about: str, used: str, key: _Key) -> tuple[list[Check], tuple[RunIdentity, ...]]:
    """Return who serverless steps work as: a user-assigned identity of the workspace; there is no other one."""
    there = [_of_facts(each) for each in session.facts.identities]
    if key.client_id:
        there = [each for each in there if each.client_id.lower() == key.client_id.lower()]
    if not there:
        wanted = f"identity with the client id {key.client_id}" if key.client_id else "identity"
        found = f"{used}: the workspace has no user-assigned {wanted}: its steps could reach neither queue nor store"
        todo = f"name one of the workspace as {key.client_id_name}, or use clusters ({_SERVERLESS_DOCS})"
        return [Check(about, "serverless", "missing", found, todo, is_fatal=True)], ()
    if len(there) > 1:
        found = f"{used}: the workspace has {len(there)} user-assigned identities, and no key says which one to use"
        todo = f"set {key.client_id_name}, such as {there[0].client_id} of {there[0].name}"
        return [Check(about, "serverless", "unknown", found, todo)], ()
    return [Check(about, "serverless", "ok", f"{used}: steps have {there[0].name} of the workspace")], tuple(there)


def _of_facts(facts: IdentityFacts) -> RunIdentity:
    return RunIdentity(facts.path.rpartition("/")[2], facts.principal_id, facts.client_id)


def merged(identities: Sequence[RunIdentity]) -> tuple[RunIdentity, ...]:
    """Return each identity once."""
    return tuple({each.principal_id: each for each in identities}.values())
