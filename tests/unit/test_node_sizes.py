from __future__ import annotations

from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.node_sizes import NodeSize, find_size, nearest_sizes, node_sizes, problem_of, retired_on


def document(
    name: str, cores: int, memory_gb: float, price: float | None, gpus: int = 0, **more: Any
) -> dict[str, Any]:
    values = [] if price is None else [{"retailPrice": price, "osType": "Linux", "vmTier": "Standard"}]
    return {
        "name": name,
        "family": "f",
        "vCPUs": cores,
        "gpus": gpus,
        "memoryGB": memory_gb,
        "lowPriorityCapable": True,
        "supportedComputeTypes": ["AmlCompute"],
        "estimatedVMPrices": {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": values},
        **more,
    }


SIZES = node_sizes(
    [
        document("Standard_F4s_v2", 4, 8, 0.19),
        document("Standard_F8s_v2", 8, 16, 0.39),
        document("Standard_D4s_v3", 4, 16, 0.24),
        document("Standard_NC4as_T4_v3", 4, 28, 0.58, gpus=1),
        document("Standard_NC24ads_A100_v4", 24, 220, 3.7, gpus=1),
        document("Standard_ND96", 96, 900, 27.0, gpus=8),
        document("Standard_DS11_v2", 2, 14, 0.18, supportedComputeTypes=["ComputeInstance"]),
        document("Standard_M8", 8, 200, 1.0, lowPriorityCapable=False),
    ]
)


def size_of(name: str) -> NodeSize:
    found = find_size(SIZES, name)
    assert found is not None
    return found


def test_prices_are_those_of_linux_by_tier():
    values = [
        {"retailPrice": 0.06, "osType": "Linux", "vmTier": "LowPriority"},
        {"retailPrice": 0.05, "osType": "Linux", "vmTier": "Spot"},
        {"retailPrice": 0.29, "osType": "Linux", "vmTier": "Standard"},
        {"retailPrice": 0.5, "osType": "Windows", "vmTier": "Standard"},
    ]

    (size,) = node_sizes([document("A", 4, 14, None, estimatedVMPrices={"values": values})])

    assert size.usd_per_hour == {"dedicated": 0.29, "low_priority": 0.06}


def test_a_price_that_is_listed_twice_is_the_lower_one_wherever_it_stands():
    standard = [{"retailPrice": price, "osType": "Linux", "vmTier": "Standard"} for price in (0.7, 1.9, 0.8)]
    low = [{"retailPrice": price, "osType": "Linux", "vmTier": "LowPriority"} for price in (0.6, 0.2)]
    prices = {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": [*low, *standard]}

    (size,) = node_sizes([document("A", 4, 14, None, estimatedVMPrices=prices)])
    (reverse,) = node_sizes(
        [document("A", 4, 14, None, estimatedVMPrices={**prices, "values": prices["values"][::-1]})]
    )

    assert size.usd_per_hour == reverse.usd_per_hour == {"dedicated": 0.7, "low_priority": 0.2}


STRANGE = [
    {},
    {"values": [{"osType": "Linux", "vmTier": "Standard"}]},
    {"values": [{"retailPrice": "0.3", "osType": "Linux", "vmTier": "Standard"}]},
    {"values": [{"retailPrice": 0.3, "osType": "Linux", "vmTier": "Reserved"}]},
    {"billingCurrency": "EUR", "values": [{"retailPrice": 0.3, "osType": "Linux", "vmTier": "Standard"}]},
    {"unitOfMeasure": "OneMonth", "values": [{"retailPrice": 0.3, "osType": "Linux", "vmTier": "Standard"}]},
]


@pytest.mark.parametrize("prices", STRANGE)
def test_a_price_that_is_not_understood_is_unknown(prices: dict[str, Any], wording: Wording):
    (size,) = node_sizes([document("A", 4, 14, None, estimatedVMPrices=prices)])

    assert size.usd_per_hour == {}
    names(size.describe("dedicated"), "A", "4 cores", "14 GB")
    wording(size.describe("dedicated"))


def test_entries_without_a_name_or_cores_are_left_out():
    assert node_sizes([{}, {"name": "A"}, {"vCPUs": 4}, {"name": "A", "vCPUs": None}]) == ()


PROBLEMS = [
    ("Standard_F4s_v2", "low_priority", None),
    ("Standard_DS11_v2", "dedicated", "no clusters are made of it"),
    ("Standard_M8", "low_priority", "not offered on low priority"),
    ("Standard_M8", "dedicated", None),
]


@pytest.mark.parametrize(("name", "tier", "problem"), PROBLEMS)
def test_a_size_says_why_no_cluster_can_have_it(name: str, tier: str, problem: str | None):
    assert problem_of(size_of(name), tier) == problem


RETIRED = [
    ("Standard_NC6s_v3", "2025-09-30"),
    ("STANDARD_NC24RS_V3", "2025-09-30"),
    ("Standard_NV6", "2023-09-06"),
    ("Standard_NV12s_v3", "2026-09-30"),
    ("Standard_NV4as_v4", "2026-09-30"),
    ("Standard_NC4as_T4_v3", None),
    ("Standard_NV6ads_A10_v5", None),
    ("Standard_F4s_v2", None),
]


@pytest.mark.parametrize(("name", "day"), RETIRED)
def test_retired_sizes_are_known(name: str, day: str | None):
    assert retired_on(name) == day


NEAREST = [
    ("Standard_F4s_v3", "dedicated", "Standard_F4s_v2"),
    ("Standard_F4_v2", "dedicated", "Standard_F4s_v2"),
    ("Standard_NC6s_v3", "dedicated", "Standard_NC4as_T4_v3"),
    ("Standard_E8s_v9", "low_priority", "Standard_F8s_v2"),
    ("Standard_E8s_v9", "dedicated", "Standard_F8s_v2"),
    ("Standard_Whatever", "dedicated", "Standard_F4s_v2"),
]


@pytest.mark.parametrize(("name", "tier", "first"), NEAREST)
def test_the_nearest_sizes_are_guessed_from_a_name(name: str, tier: str, first: str):
    nearest = nearest_sizes(name, tier, SIZES, None)

    assert nearest[0].name == first
    assert len(nearest) == 3
    assert all(problem_of(size, tier) is None for size in nearest)


def test_the_nearest_sizes_have_as_many_gpus_and_about_as_much_memory():
    gone = NodeSize("Standard_NC24rs_v3", "f", 24, 4, 448, True, True, {})

    nearest = nearest_sizes(gone.name, "dedicated", SIZES, gone)

    assert [size.name for size in nearest][:2] == ["Standard_NC24ads_A100_v4", "Standard_NC4as_T4_v3"]
    assert nearest[0].describe("dedicated") == "Standard_NC24ads_A100_v4 (24 cores, 1 GPU, 220 GB, $3.7/h)"
