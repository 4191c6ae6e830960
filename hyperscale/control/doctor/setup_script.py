"""Writes the script of az lines that gives a run on Azure ML what it needs; an administrator reads it and runs it.

It holds no secret, and needs no login to be written: what is not known is a variable at its top to fill in. Each line
may run twice: az finds what is there already.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from hyperscale import names
from hyperscale.control.azure.session import Person
from hyperscale.control.doctor.role_needs import (
    CONTAINER,
    IDENTITY,
    QUEUE_ACCOUNT,
    REGISTRY,
    VAULT,
    WORKSPACE,
    Need,
    image_registry,
    needs_of,
    vaults,
)
from hyperscale.experiment import Azure, Experiment

_DEFAULT_IDENTITY = "hyperscale"
_IDENTITY_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/.+/(?P<name>[^/]+)", re.IGNORECASE
)
#: The variable that holds the resource id of each kind of resource; registries and vaults have one each.
_SCOPES = {
    WORKSPACE: "$WORKSPACE_ID",
    IDENTITY: "$IDENTITY_ID",
    QUEUE_ACCOUNT: "$QUEUE_ACCOUNT_ID",
    CONTAINER: "$STORAGE_ACCOUNT_ID/blobServices/default/containers/$CONTAINER",
}


def setup_script(experiment: Experiment, person: Person | None) -> str:
    """Return the script; `person` is who will submit, None when nobody is logged in."""
    sections = (
        _head(experiment),
        _variables(experiment, person),
        _resources(experiment),
        _identity(),
        _container(),
        *(_roles(experiment, whose) for whose in ("run", "person")),
        _end(),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(experiment: Experiment) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    yield f"# Gives the experiment {names.EXPERIMENT.check(experiment.name)} what it needs to run on Azure ML."
    yield "# Written by `hyperscale doctor --print-setup`; nothing of it has been executed."
    yield "#"
    yield "# For an administrator: an Owner, a User Access Administrator or a Role Based Access Control Administrator"
    yield "# of the resources below may assign roles. It may run twice. A new role takes up to 30 minutes to work."
    yield "set -euo pipefail"


def _variables(experiment: Experiment, person: Person | None) -> Iterator[str]:
    azure = experiment.azure
    own = _identity_parts(experiment)
    yield "# Where the run goes."
    yield _variable("SUBSCRIPTION", azure.subscription_id, "id of the subscription")
    yield _variable("RESOURCE_GROUP", azure.resource_group, "resource group of the workspace")
    yield _variable("WORKSPACE", azure.workspace_name, "name of the Azure ML workspace")
    yield from _account_variables(azure)
    yield _variable("CONTAINER", azure.container, "blob container of the store")
    yield "# The identity that nodes work with."
    yield _variable("IDENTITY_SUBSCRIPTION", own.get("subscription"), "", default='"$SUBSCRIPTION"')
    yield _variable("IDENTITY_GROUP", own.get("group"), "", default='"$RESOURCE_GROUP"')
    yield _variable("IDENTITY_NAME", own.get("name", _DEFAULT_IDENTITY), "")
    yield "# The person who submits: az ad user show --id NAME@DOMAIN --query id -o tsv"
    yield _variable("PERSON_OBJECT_ID", person.object_id if person else None, "object id of who submits")
    yield _variable("PERSON_KIND", person.kind if person else "User", "")


def _account_variables(azure: Azure) -> Iterator[str]:
    """Yield the accounts; the workspace's own one is looked up by the script."""
    yield "# Empty: the workspace's own account."
    yield f"STORAGE_ACCOUNT={shlex.quote(azure.storage_account or '')}"
    yield f"QUEUE_ACCOUNT={shlex.quote(azure.queue_account or '')}"


def _variable(name: str, value: str | None, what: str, default: str = "") -> str:
    if value is not None:
        return f"{name}={shlex.quote(value)}"
    return f"{name}={default}" if default else f"{name}=${{{name}:?fill in the {what}}}"


def _identity_parts(experiment: Experiment) -> dict[str, str]:
    found = _IDENTITY_ID.fullmatch(experiment.compute.identity or "")
    return found.groupdict() if found else {}


def _resources(experiment: Experiment) -> Iterator[str]:
    yield "# Looks up the ids of what is there already; changes nothing."
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    yield f'WORKSPACE_ID="/subscriptions/$SUBSCRIPTION/resourceGroups/$RESOURCE_GROUP/{provider}/$WORKSPACE"'
    yield 'if [ -z "$STORAGE_ACCOUNT" ]; then'
    query = "--query properties.storageAccount --output tsv"
    yield f'  STORAGE_ACCOUNT="$(basename "$(az resource show --ids "$WORKSPACE_ID" {query})")"'
    yield "fi"
    yield 'QUEUE_ACCOUNT="${QUEUE_ACCOUNT:-$STORAGE_ACCOUNT}"'
    for variable in ("STORAGE_ACCOUNT", "QUEUE_ACCOUNT"):
        yield _id_of(f"{variable}_ID", f'storage account show --name "${variable}"')
    registry = image_registry(experiment)
    if registry:
        yield _id_of(_scope_variable(REGISTRY, registry), f"acr show --name {shlex.quote(registry)}")
    for vault in vaults(experiment):
        yield _id_of(_scope_variable(VAULT, vault), f"keyvault show --name {shlex.quote(vault)}")
    query = "--query properties.containerRegistry --output tsv"
    yield f'WORKSPACE_REGISTRY_ID="$(az resource show --ids "$WORKSPACE_ID" {query})"'


def _id_of(variable: str, command: str) -> str:
    return f'{variable}="$(az {command} --subscription "$SUBSCRIPTION" --query id --output tsv)"'


def _scope_variable(kind: str, name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", f"{kind}_{name}_ID".upper())


def _identity() -> Iterator[str]:
    yield "# The identity that all clusters get; one that is there is kept."
    where = '--subscription "$IDENTITY_SUBSCRIPTION" --resource-group "$IDENTITY_GROUP" --name "$IDENTITY_NAME"'
    yield f"az identity show {where} --output none 2>/dev/null ||"
    yield f"  az identity create {where} --output none"
    for variable, key in (("ID", "id"), ("PRINCIPAL_ID", "principalId"), ("CLIENT_ID", "clientId")):
        yield f'IDENTITY_{variable}="$(az identity show {where} --query {key} --output tsv)"'


def _container() -> Iterator[str]:
    yield "# The container of the store; one that is there is kept."
    yield 'az storage container-rm create --storage-account "$STORAGE_ACCOUNT_ID" --name "$CONTAINER" --output none'


def _roles(experiment: Experiment, whose: str) -> Iterator[str]:
    who, kind = ("$IDENTITY_PRINCIPAL_ID", "ServicePrincipal") if whose == "run" else ("$PERSON_OBJECT_ID", None)
    yield "# Roles of the identity." if whose == "run" else "# Roles of the person who submits."
    for need in _needs(experiment, whose):
        scope = _SCOPES.get(need.kind) or f"${_scope_variable(need.kind, need.name)}"
        yield from _assignment(need.role, who, kind, scope, need.why)
    if whose == "run":
        yield "# Images that the workspace builds lie in its own registry, if it has one yet."
        yield 'if [ -n "$WORKSPACE_REGISTRY_ID" ] && [ "$WORKSPACE_REGISTRY_ID" != None ]; then'
        yield from (f"  {line}" for line in _assignment("AcrPull", who, kind, "$WORKSPACE_REGISTRY_ID", "pulls them"))
        yield "fi"


def _needs(experiment: Experiment, whose: str) -> Sequence[Need]:
    """Return what is needed; the identity is made by the script, so the person needs the role on it, too."""
    needs = [need for need in needs_of(experiment) if need.whose == whose]
    has_identity = any(need.kind == IDENTITY for need in needs)
    makes_clusters = any(need.role == "AzureML Compute Operator" for need in needs)
    if whose == "person" and makes_clusters and not has_identity:
        needs.append(Need("person", "Managed Identity Operator", IDENTITY, "gives the identity to clusters"))
    return needs


def _assignment(role: str, who: str, kind: str | None, scope: str, why: str) -> Iterator[str]:
    yield f"# {why}"
    principal = f'--assignee-object-id "{who}" --assignee-principal-type {kind or chr(34) + "$PERSON_KIND" + chr(34)}'
    yield f'az role assignment create --role {shlex.quote(role)} {principal} --scope "{scope}" --output none'


def _end() -> Iterator[str]:
    yield "# What goes into experiment.yaml."
    yield 'echo "compute:"'
    yield 'echo "  identity: $IDENTITY_ID"'
    yield 'echo "  identity_client_id: $IDENTITY_CLIENT_ID"'
