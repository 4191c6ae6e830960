"""Writes the script of az lines that gives a run on Azure ML what it needs; an administrator reads it and runs it.

It holds no secret, and needs no login to be written: what is not known is a variable at its top to fill in. Each line
may run twice: az finds what is there already.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hyperscale import names
from hyperscale.control.azure.session import Person
from hyperscale.control.doctor.role_needs import (
    CONTAINER,
    IDENTITY,
    NETWORK,
    OWN_STORAGE,
    PULLS_IMAGES,
    QUEUE_ACCOUNT,
    REGISTRY,
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    Need,
    Whose,
    image_registry,
    makes_clusters,
    makes_control_cluster,
    needs_of,
    owns_clusters,
    vaults,
)
from hyperscale.experiment import Azure, Experiment

_IDENTITY_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/.+/(?P<name>[^/]+)", re.IGNORECASE
)
#: The variable that holds the resource id of each kind of resource; registries and vaults have one each.
_SCOPES = {
    SUBSCRIPTION: "/subscriptions/$SUBSCRIPTION",
    WORKSPACE: "$WORKSPACE_ID",
    QUEUE_ACCOUNT: "$QUEUE_ACCOUNT_ID",
    CONTAINER: "$STORAGE_ACCOUNT_ID/blobServices/default/containers/$CONTAINER",
    NETWORK: "$NETWORK_ID",
    # Its code lies in containers whose names nobody knows before (how-to-disable-local-auth-storage).
    OWN_STORAGE: "$WORKSPACE_STORAGE_ID",
}
#: Roles on these are what custom roles can make smaller: the built-in ones allow more than is needed there.
_CUSTOM = (SUBSCRIPTION, WORKSPACE, NETWORK)


@dataclass(frozen=True)
class _Nodes:
    """The nodes that one identity is for.

    Attributes:
        whose: which needs are theirs.
        prefix: of the variables of their identity.
        default: name of the identity where the experiment names none.
        about: them, for people.
    """

    whose: Whose
    prefix: str
    default: str
    about: str


_CONSUMERS = _Nodes("consumers", "IDENTITY", "hyperscale", "consumers: they run your code")
_CONTROL = _Nodes("control", "CONTROL_IDENTITY", "hyperscale-control", "seed and teardown")
#: Both are made, also for nodes of existing clusters, which are to get them.
_NODES = (_CONSUMERS, _CONTROL)


def setup_script(experiment: Experiment, person: Person | None, *, custom_roles: bool = False) -> str:
    """Return the script.

    Args:
        experiment: it.
        person: who will submit; None when nobody is logged in.
        custom_roles: whether to make custom roles that allow exactly what is needed, in place of built-in ones.
    """
    sections = (
        _head(experiment),
        _variables(experiment, person),
        _resources(experiment),
        *(_identity(each) for each in _NODES),
        _container(),
        *([_custom_roles(experiment)] if custom_roles else []),
        *(_roles_of_nodes(experiment, each, custom=custom_roles) for each in _NODES),
        _roles_of_person(experiment, custom=custom_roles),
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
    yield "# Where the run goes."
    yield _variable("SUBSCRIPTION", azure.subscription_id, "id of the subscription")
    yield _variable("RESOURCE_GROUP", azure.resource_group, "resource group of the workspace")
    yield _variable("WORKSPACE", azure.workspace_name, "name of the Azure ML workspace")
    yield from _account_variables(azure)
    yield _variable("CONTAINER", azure.container, "blob container of the store")
    for each in _NODES:
        own = _identity_parts(_given(experiment, each))
        yield f"# The identity of {each.about}."
        yield _variable(f"{each.prefix}_SUBSCRIPTION", own.get("subscription"), "", default='"$SUBSCRIPTION"')
        yield _variable(f"{each.prefix}_GROUP", own.get("group"), "", default='"$RESOURCE_GROUP"')
        yield _variable(f"{each.prefix}_NAME", own.get("name", each.default), "")
    yield from _network_variables(experiment)
    yield "# The person who submits: az ad user show --id NAME@DOMAIN --query id -o tsv"
    yield _variable("PERSON_OBJECT_ID", person.object_id if person else None, "object id of who submits")
    yield _variable("PERSON_KIND", person.kind if person else "User", "")


def _given(experiment: Experiment, nodes: _Nodes) -> str | None:
    return experiment.compute.identity if nodes is _CONSUMERS else experiment.compute.control.identity


def _account_variables(azure: Azure) -> Iterator[str]:
    """Yield the accounts; the workspace's own one is looked up by the script."""
    yield "# Empty: the workspace's own account."
    yield f"STORAGE_ACCOUNT={shlex.quote(azure.storage_account or '')}"
    yield f"QUEUE_ACCOUNT={shlex.quote(azure.queue_account or '')}"


def _network_variables(experiment: Experiment) -> Iterator[str]:
    network = experiment.compute.network
    if network is None or not makes_clusters(experiment):
        return
    yield "# The virtual network of the clusters; one that is named alone is in the workspace's resource group."
    ids = [given.partition("/subnets/")[0] for given in (network.subnet, network.vnet_name) if given.startswith("/")]
    if ids:
        yield _variable("NETWORK_ID", ids[0], "")
        return
    provider = (
        '"/subscriptions/$SUBSCRIPTION/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Network/virtualNetworks/"'
    )
    yield f"NETWORK_ID={provider}{shlex.quote(network.vnet_name)}"


def _variable(name: str, value: str | None, what: str, default: str = "") -> str:
    if value is not None:
        return f"{name}={shlex.quote(value)}"
    return f"{name}={default}" if default else f"{name}=${{{name}:?fill in the {what}}}"


def _identity_parts(identity: str | None) -> dict[str, str]:
    found = _IDENTITY_ID.fullmatch(identity or "")
    return found.groupdict() if found else {}


def _resources(experiment: Experiment) -> Iterator[str]:
    yield "# Looks up the ids of what is there already; changes nothing."
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    yield f'WORKSPACE_ID="/subscriptions/$SUBSCRIPTION/resourceGroups/$RESOURCE_GROUP/{provider}/$WORKSPACE"'
    yield f'WORKSPACE_STORAGE_ID="{_of_workspace("storageAccount")}"'
    yield 'STORAGE_ACCOUNT="${STORAGE_ACCOUNT:-$(basename "$WORKSPACE_STORAGE_ID")}"'
    yield 'QUEUE_ACCOUNT="${QUEUE_ACCOUNT:-$STORAGE_ACCOUNT}"'
    for variable in ("STORAGE_ACCOUNT", "QUEUE_ACCOUNT"):
        yield _id_of(f"{variable}_ID", f'storage account show --name "${variable}"')
    registry = image_registry(experiment)
    if registry:
        yield _id_of(_scope_variable(REGISTRY, registry), f"acr show --name {shlex.quote(registry)}")
    for vault in vaults(experiment):
        yield _id_of(_scope_variable(VAULT, vault), f"keyvault show --name {shlex.quote(vault)}")
    yield f'WORKSPACE_REGISTRY_ID="{_of_workspace("containerRegistry")}"'
    yield f'DATASTORES_BY="{_of_workspace("systemDatastoresAuthMode")}"'


def _of_workspace(name: str) -> str:
    return f'$(az resource show --ids "$WORKSPACE_ID" --query properties.{name} --output tsv)'


def _id_of(variable: str, command: str) -> str:
    return f'{variable}="$(az {command} --subscription "$SUBSCRIPTION" --query id --output tsv)"'


def _scope_variable(kind: str, name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", f"{kind}_{name}_ID".upper())


def _identity(nodes: _Nodes) -> Iterator[str]:
    yield f"# The identity of {nodes.about}; one that is there is kept."
    parts = (("subscription", "SUBSCRIPTION"), ("resource-group", "GROUP"), ("name", "NAME"))
    where = " ".join(f'--{option} "${nodes.prefix}_{variable}"' for option, variable in parts)
    yield f"az identity show {where} --output none 2>/dev/null ||"
    yield f"  az identity create {where} --output none"
    for variable, key in (("ID", "id"), ("PRINCIPAL_ID", "principalId"), ("CLIENT_ID", "clientId")):
        yield f'{nodes.prefix}_{variable}="$(az identity show {where} --query {key} --output tsv)"'


def _container() -> Iterator[str]:
    yield "# The container of the store; one that is there is kept."
    yield 'az storage container-rm create --storage-account "$STORAGE_ACCOUNT_ID" --name "$CONTAINER" --output none'


def _custom_roles(experiment: Experiment) -> Iterator[str]:
    """Yield the definitions of roles that allow exactly what is needed on workspace, subscription and network."""
    yield "# Custom roles; their names are unique in a tenant. One that is there is brought up to date."
    yield 'CUSTOM="$(mktemp -d)"'
    yield "make_role() {  # the file of its definition, its name"
    yield "  local verb=create known"
    yield '  known="$(az role definition list --custom-role-only true --name "$2" --query "[0].id" --output tsv)"'
    yield '  if [ -n "$known" ]; then verb=update; fi'
    yield '  az role definition "$verb" --role-definition "$1" --output none'
    yield "  # A new role is not known everywhere at once."
    yield "  for _ in $(seq 30); do"
    yield '    if [ -n "$(az role definition list --name "$2" --query "[0].id" --output tsv)" ]; then break; fi'
    yield "    sleep 10"
    yield "  done"
    yield "}"
    for whose, kind in _custom_kinds(experiment):
        variable, name = _custom_role(whose, kind)
        needs = [need for need in needs_of(experiment) if (need.whose, need.kind) == (whose, kind)]
        actions = list(dict.fromkeys(action for need in needs for action in need.custom_actions))
        yield f"{variable}={name}"
        yield f'cat >"$CUSTOM/{variable}.json" <<JSON'
        yield "{"
        yield f'  "Name": "${variable}",'
        yield '  "IsCustom": true,'
        yield f'  "Description": "For hyperscale: {", ".join(need.why for need in needs)}",'
        yield f'  "Actions": {json.dumps(actions, indent=2)},'
        yield '  "NotActions": [],'
        yield '  "AssignableScopes": ["/subscriptions/$SUBSCRIPTION"]'
        yield "}"
        yield "JSON"
        yield f'make_role "$CUSTOM/{variable}.json" "${variable}"'


def _custom_kinds(experiment: Experiment) -> list[tuple[Whose, str]]:
    """Return whose roles on what are custom ones, once each."""
    needs = (need for need in needs_of(experiment) if need.kind in _CUSTOM)
    return list(dict.fromkeys((need.whose, need.kind) for need in needs))


def _custom_role(whose: Whose, kind: str) -> tuple[str, str]:
    """Return the variable that holds a custom role's name, and that name, as bash reads it."""
    variable = re.sub(r"[^A-Z]", "_", f"{whose}_{kind}_ROLE".upper())
    about = {SUBSCRIPTION: "sees quota", WORKSPACE: "submits jobs", NETWORK: "joins the network"}
    what = "runs seed and teardown" if whose == "control" else about[kind]
    return variable, f'"hyperscale {what} ($RESOURCE_GROUP in $SUBSCRIPTION)"'


def _roles_of_nodes(experiment: Experiment, nodes: _Nodes, *, custom: bool) -> Iterator[str]:
    yield f"# Roles of the identity of {nodes.about}."
    who = f"${nodes.prefix}_PRINCIPAL_ID"
    yield from _roles(_needs(experiment, nodes.whose), who, '"ServicePrincipal"', custom=custom)
    yield "# Images that the workspace builds lie in its own registry, if it has one yet."
    yield 'if [ -n "$WORKSPACE_REGISTRY_ID" ] && [ "$WORKSPACE_REGISTRY_ID" != None ]; then'
    lines = _assignment(shlex.quote(PULLS_IMAGES), who, '"ServicePrincipal"', "$WORKSPACE_REGISTRY_ID", "pulls them")
    yield from (f"  {line}" for line in lines)
    yield "fi"


def _roles_of_person(experiment: Experiment, *, custom: bool) -> Iterator[str]:
    """Yield the person's roles; the identities are made by the script, so they need the role on those, too."""
    yield "# Roles of the person who submits."
    needs = [need for need in _needs(experiment, "person") if need.kind != IDENTITY]
    yield from _roles(needs, "$PERSON_OBJECT_ID", '"$PERSON_KIND"', custom=custom)
    for each in _NODES:
        gets = owns_clusters(experiment) if each is _CONSUMERS else makes_control_cluster(experiment)
        if gets:
            role, why = shlex.quote("Managed Identity Operator"), "gives the identity to clusters"
            yield from _assignment(role, "$PERSON_OBJECT_ID", '"$PERSON_KIND"', f"${each.prefix}_ID", why)


def _needs(experiment: Experiment, whose: Whose) -> list[Need]:
    return [need for need in needs_of(experiment, by_identity=True) if need.whose == whose]


def _roles(needs: Sequence[Need], who: str, kind: str, *, custom: bool) -> Iterator[str]:
    done = set()
    for need in needs:
        scope = _SCOPES.get(need.kind) or f"${_scope_variable(need.kind, need.name)}"
        role = shlex.quote(need.role)
        if custom and need.kind in _CUSTOM:
            variable, _ = _custom_role(need.whose, need.kind)
            role = f'"${variable}"'
        if (role, scope) in done:
            continue
        done.add((role, scope))
        lines = _assignment(role, who, kind, scope, need.why)
        if need.kind != OWN_STORAGE:
            yield from lines
            continue
        yield "# Its datastores hold no key: who uses code, logs and outputs of steps needs a role."
        yield 'if [ "$(echo "$DATASTORES_BY" | tr "[:upper:]" "[:lower:]")" = identity ]; then'
        yield from (f"  {line}" for line in lines)
        yield "fi"


def _assignment(role: str, who: str, kind: str, scope: str, why: str) -> Iterator[str]:
    yield f"# {why}"
    principal = f'--assignee-object-id "{who}" --assignee-principal-type {kind}'
    yield f'az role assignment create --role {role} {principal} --scope "{scope}" --output none'


def _end() -> Iterator[str]:
    yield "# What goes into experiment.yaml."
    yield 'echo "compute:"'
    for each in _NODES:
        indent = "    " if each is _CONTROL else "  "
        if each is _CONTROL:
            yield 'echo "  control:"'
        yield f'echo "{indent}identity: ${each.prefix}_ID"'
        yield f'echo "{indent}identity_client_id: ${each.prefix}_CLIENT_ID"'
