"""What doctor makes of accounts and clusters that Azure has told of."""

from __future__ import annotations

from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.control.doctor.compute import cluster_check
from hyperscale.control.doctor.identities import RunIdentity
from hyperscale.control.doctor.storage import account_state
from hyperscale.node.azure.workspace_facts import compute_facts

IDENTITY = RunIdentity("hyperscale", "principal", "AAAA-1")
ENDPOINTS = {"blob": "https://x.blob/", "queue": "https://x.queue/"}


@pytest.mark.parametrize(
    ("document", "has_queue", "state", "found"),
    [
        ({"sku": {"name": "Standard_LRS"}, "location": "westeurope"}, True, "ok", ("Standard_LRS", "westeurope")),
        ({"sku": {"name": "Premium_LRS", "tier": "Premium"}}, True, "missing", ""),
        ({"sku": {"name": "Premium_LRS", "tier": "Premium"}}, False, "ok", "Premium_LRS"),
        ({"properties": {"primaryEndpoints": {"blob": "https://x/"}}}, True, "missing", ""),
        ({"properties": {"primaryEndpoints": ENDPOINTS}}, True, "ok", ""),
        ({"properties": {"allowSharedKeyAccess": False}}, True, "ok", "shared keys disabled"),
        ({"properties": {"publicNetworkAccess": "Disabled"}}, True, "unknown", "firewall"),
        ({"properties": {"networkAcls": {"defaultAction": "Deny"}}}, True, "unknown", "firewall"),
    ],
)
def test_an_account_is_looked_at(
    document: dict[str, Any], has_queue: bool, state: str, found: str | tuple[str, ...], wording: Wording
):
    told = account_state(document, has_queue=has_queue)

    assert told[0] == state
    names(told[1], found)
    wording(told[1:])
    assert bool(told[2]) == (state != "ok"), "who misses something is told what to do"


def cluster(**properties: Any) -> dict[str, Any]:
    inner = {"vmSize": "Standard_F4s_v2", "vmPriority": "LowPriority", "scaleSettings": {"maxNodeCount": 4}}
    known = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": inner, **properties}
    return {"name": "gpu-a", "location": "westeurope", "properties": known}


@pytest.mark.parametrize(
    ("document", "identities", "client_id", "state", "found"),
    [
        (None, [], None, "missing", "workspace"),
        (cluster(), [IDENTITY], None, "ok", ("Standard_F4s_v2", "4 nodes", "low_priority", "westeurope")),
        (cluster(), [IDENTITY], "aaaa-1", "ok", "Standard_F4s_v2"),
        (cluster(), [IDENTITY], "bbbb", "missing", "identity bbbb"),
        (cluster(), [], None, "missing", "identity"),
        (cluster(computeType="Kubernetes"), [IDENTITY], None, "missing", "Kubernetes"),
        (cluster(provisioningState="Failed"), [IDENTITY], None, "missing", ""),
    ],
)
def test_an_existing_cluster_is_looked_at(
    document: dict[str, Any] | None,
    identities: list[RunIdentity],
    client_id: str | None,
    state: str,
    found: str | tuple[str, ...],
    wording: Wording,
):
    wanted = [client_id] if client_id else []
    check = cluster_check("gpu-a", compute_facts(document) if document else None, identities, wanted)

    assert check.state == state
    names(check.found, found)
    wording([check.found, check.todo])
    assert bool(check.todo) == (state != "ok")


def test_the_identities_of_a_compute_are_read():
    identity = {"principalId": "own", "userAssignedIdentities": {"/ids/a": {"clientId": "1"}, "/ids/b": {}}}

    facts = compute_facts({**cluster(), "identity": identity})

    assert facts.own_principal_id == "own"
    assert facts.identity_ids == ("/ids/a", "/ids/b")
    assert compute_facts(cluster()).identity_ids == ()
