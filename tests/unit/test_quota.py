from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.node_sizes import node_sizes
from hyperscale.quota import Amount, Compute, Quota, family_key, quota_of, with_claims

SUBSCRIPTION = "/subscriptions/s/usages"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def usage(
    name: str, used: int, limit: int, *, value: str | None = None, scope: str = SUBSCRIPTION, kind: str = ""
) -> dict[str, Any]:
    return {
        "id": scope,
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": value or name, "localizedValue": name},
        **({"type": f"Microsoft.MachineLearningServices/{kind}/usages"} if kind else {}),
    }


#: As the example of the API's specification has them (2024-04-01/examples/Usage/list.json).
SPECIFIED = [
    usage("Clusters", 7, 100),
    usage("Total Cluster Dedicated Regional vCPUs", 14, 24),
    usage("Standard DSv2 Family Cluster Dedicated vCPUs", 2, 24),
    usage("Standard DSv2 Family Cluster Dedicated vCPUs", 1, 12, scope=f"{WORKSPACE}/usages/x"),
    usage("Standard NC Family Cluster Dedicated vCPUs", 12, 24),
    usage("Standard NC Family Cluster Dedicated vCPUs", 6, 24, scope=f"{WORKSPACE}/computes/c/usages/x"),
    usage("Total Cluster LowPriority Regional vCPUs", 18, 50),
    usage("Standard DSv2 Family Cluster LowPriority vCPUs", 0, -1),
]
#: As people have seen them.
SEEN = [
    usage("Total Clusters", 7, 100, value="TotalClusters"),
    usage("Total Cluster Dedicated Regional vCPUs", 14, 24, value="totalDedicatedCores"),
    usage("Standard DSv2 Family Cluster Low Priority vCPUs", 0, -1, value="standardDSv2Family"),
    usage("Standard DSv2 Family Cluster Dedicated vCPUs", 2, 24, value="standardDSv2Family"),
    usage("Standard NC Family Cluster Dedicated vCPUs", 12, 24, value="standardNCFamily"),
    usage("Total Cluster Low Priority Regional vCPUs", 18, 50, value="TOTALLOWPRIORITYCORES"),
]

#: As they were recorded (2025): a name stands there once for each tier, and the type alone says which; here without the
#: text for people, too.
RECORDED = [
    usage("", 7, 100, value="TotalClusters", kind="totalClusters"),
    usage("", 14, 24, value="TotalDedicatedCores", kind="totalDedicatedCores"),
    usage("", 2, 24, value="standardDSv2Family", kind="vmFamily/dedicatedCores"),
    usage("", 12, 24, value="Standard NC Family", kind="vmFamily/dedicatedCores"),
    usage("", 18, 50, value="TotalLowPriorityCores", kind="totalLowPriorityCores"),
    usage("", 0, -1, value="standardDSv2Family", kind="vmFamily/lowPriorityCores"),
    usage("", 0, -1, value="standardFSv2Family", kind="vmFamily/lowPriorityCores"),
    usage("", 1, 12, value="standardDSv2Family", kind="workspaces", scope=f"{WORKSPACE}/usages/standardDSv2Family"),
]


@pytest.mark.parametrize("rows", [SPECIFIED, SEEN, RECORDED], ids=["specified", "seen", "recorded"])
def test_a_quota_is_known_by_the_words_of_its_name(rows: list[dict[str, Any]]):
    quota = quota_of(rows)

    assert quota.clusters == Amount(100, 7)
    assert quota.dedicated == Amount(24, 14)
    assert quota.low_priority == Amount(50, 18)
    assert quota.family("standardDSv2Family") == Amount(24, 2)
    assert quota.family("Standard NC Family") == Amount(24, 12)
    assert quota.family("standardFSv2Family") is None


ODD = [
    [],
    [{}],
    [{"name": None, "limit": 3}],
    [{"name": "Standard X Family", "limit": 3, "currentValue": None}],
    [{"name": {"value": None}, "limit": -1, "id": None}],
    [usage("Storage accounts", 1, 2)],
]


@pytest.mark.parametrize("rows", ODD)
def test_rows_that_nobody_expects_are_no_quota_and_no_error(rows: list[dict[str, Any]]):
    quota = quota_of(rows)

    assert quota.clusters is None
    assert quota.low_priority is None
    assert quota.dedicated is None


FAMILIES = [
    ("standardDSv2Family", "Standard DSv2 Family Cluster Dedicated vCPUs"),
    ("Standard NCASv3_T4 Family", "Standard NCASv3_T4 Family Cluster Dedicated vCPUs"),
    ("StandardNCADSA100v4Family", "Standard NCADSA100v4 Family Cluster Dedicated vCPUs"),
]


@pytest.mark.parametrize(("size", "usage_name"), FAMILIES)
def test_a_family_has_one_key_in_both_lists(size: str, usage_name: str):
    assert family_key(size) == family_key(usage_name)


def test_families_that_differ_have_keys_that_differ():
    names = ["standardDFamily", "standardDSFamily", "standardDSv2Family", "standardDv2Family"]

    assert len({family_key(name) for name in names}) == len(names)


SIZES = node_sizes(
    [
        {"name": "Standard_F4s_v2", "family": "standardFSv2Family", "vCPUs": 4},
        {"name": "Standard_DS2_v2", "family": "standardDSv2Family", "vCPUs": 2},
    ]
)


def compute(name: str, size: str, tier: str, max_nodes: int, nodes: int = 0) -> Compute:
    return Compute(name, "AmlCompute", "Succeeded", "westeurope", size, tier, max_nodes, nodes)


def test_idle_computes_count_with_what_they_may_grow_to():
    quota = Quota(Amount(500, 1), Amount(400, 0), Amount(300, 6), {"fsv2": Amount(200, 4), "dsv2": Amount(100, 2)})
    computes = [
        compute("a", "standard_f4s_v2", "low_priority", 20),
        compute("b", "Standard_F4s_v2", "dedicated", 10, nodes=1),
        compute("c", "Standard_DS2_v2", "dedicated", 1, nodes=1),
        compute("d", "Standard_Unknown", "dedicated", 1_000),
        dataclasses.replace(compute("e", "Standard_F4s_v2", "low_priority", 50), state="Failed"),
    ]

    claimed = with_claims(quota, computes, SIZES)

    assert claimed.low_priority == Amount(400, 0, 80)
    assert claimed.dedicated == Amount(300, 6, 42)
    assert claimed.family("standardFSv2Family") == Amount(200, 4, 40)
    assert claimed.family("standardDSv2Family") == Amount(100, 2, 2)
    assert claimed.clusters == Amount(500, 1, 5)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_used_is_never_less_than_either_number_and_free_never_below_none(limit: int, told: int, claimed: int):
    amount = Amount(limit, told, claimed)

    assert amount.used == max(told, claimed)
    assert amount.free == max(0, limit - amount.used)
    assert Amount(None, told, claimed).free is None


def test_limits_of_the_workspace_itself_are_kept_apart_from_those_of_the_subscription_and_of_others():
    other = WORKSPACE.replace("workspaces/w", "workspaces/w2")
    low = "Standard FSv2 Family Cluster LowPriority vCPUs"
    rows = [
        *SPECIFIED,
        usage("Standard DSv2 Family Cluster Dedicated vCPUs", 9, 9, scope=f"{other}/usages/x"),
        usage(low, 4, 40, scope=f"{WORKSPACE}/usages/y"),
        usage("Total Cluster Dedicated Regional vCPUs", 3, -1, scope=f"{WORKSPACE}/usages"),
    ]
    sizes = node_sizes([{"name": "Standard_DS2_v2", "family": "standardDSv2Family", "vCPUs": 2}])
    computes = [Compute("c", "AmlCompute", "Succeeded", "here", "Standard_DS2_v2", "dedicated", 5, 0)]

    quota = with_claims(quota_of(rows, WORKSPACE.upper()), computes, sizes)

    assert quota.family("standardDSv2Family") == Amount(24, 2, 10)
    assert quota.own is not None
    assert quota.own.family("standardDSv2Family") == Amount(12, 1, 10)
    assert quota.own.low_family("standardFSv2Family") == Amount(40, 4)
    assert quota.own.dedicated == Amount(None, 3, 10)
    assert (quota.low_family("standardDSv2Family"), quota.own.family("standard NC")) == (None, None)
    assert quota_of(rows, other).own == Quota(None, None, None, {"dsv2": Amount(9, 9)})
    assert quota_of(rows).own is None
