"""The sizes of nodes that the emulated Azure offers in each location, what they cost, and how much quota there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

#: Azure counts all low-priority cores of a location together; dedicated ones by family (how-to-manage-quotas.md).
LOW_PRIORITY = "LowPriority"
DEDICATED = "Dedicated"
#: What a node with Windows costs of one with Linux.
_WINDOWS = 1.8


@dataclass(frozen=True)
class Size:
    """A size of nodes: Standard_F4s_v2.

    Attributes:
        name, family: as the service names them.
        cores, gpus, memory_gb: of one node.
        usd_per_hour, low_priority_usd_per_hour: list prices on Linux; None where it is not offered so.
        supports_clusters: whether clusters can be made of it, and not only compute instances.
        is_listed_twice: whether its prices on Linux stand there twice, once with the amount of Windows.
    """

    name: str
    family: str
    cores: int
    memory_gb: float
    usd_per_hour: float
    low_priority_usd_per_hour: float | None
    gpus: int = 0
    supports_clusters: bool = True
    is_listed_twice: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as `vmSizes` lists it: without prices where there are none."""
        prices = self._prices()
        priced = {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": prices}
        return {
            "name": self.name,
            "family": self.family,
            "vCPUs": self.cores,
            "gpus": self.gpus,
            "osVhdSizeMB": 1_047_552,
            "maxResourceVolumeMB": 32_768,
            "memoryGB": float(self.memory_gb),
            "lowPriorityCapable": self.low_priority_usd_per_hour is not None,
            "premiumIO": True,
            **({"estimatedVMPrices": priced} if prices else {}),
            "supportedComputeTypes": ["AmlCompute", "ComputeInstance"]
            if self.supports_clusters
            else ["ComputeInstance"],
            "generation": "gen1",
            "supportsIB": False,
        }

    def _prices(self) -> list[dict[str, Any]]:
        """Return its prices; some sizes have those of Linux twice, once as much as on Windows."""
        tiers = [("Standard", self.usd_per_hour), ("LowPriority", self.low_priority_usd_per_hour)]
        systems = [("Linux", 1.0), ("Windows", _WINDOWS), *([("Linux", _WINDOWS)] if self.is_listed_twice else [])]
        return [
            {"retailPrice": factor * price, "osType": system, "vmTier": tier}
            for tier, price in tiers
            if price is not None
            for system, factor in systems
        ]


SIZES = (
    Size("Standard_DS2_v2", "standardDSv2Family", 2, 7, 0.136, 0.0272),
    Size("Standard_DS3_v2", "standardDSv2Family", 4, 14, 0.272, 0.0544),
    Size("Standard_DS11_v2", "standardDSv2Family", 2, 14, 0.18, None, supports_clusters=False),
    Size("Standard_D2s_v3", "standardDSv3Family", 2, 8, 0.12, 0.024),
    Size("Standard_D4s_v3", "standardDSv3Family", 4, 16, 0.24, 0.048),
    Size("Standard_D16s_v3", "standardDSv3Family", 16, 64, 0.96, 0.192, is_listed_twice=True),
    Size("Standard_F2s_v2", "standardFSv2Family", 2, 4, 0.097, 0.0194),
    Size("Standard_F4s_v2", "standardFSv2Family", 4, 8, 0.194, 0.0388),
    Size("Standard_F8s_v2", "standardFSv2Family", 8, 16, 0.388, 0.0776),
    Size("Standard_F16s_v2", "standardFSv2Family", 16, 32, 0.776, 0.1552),
    Size("Standard_F32s_v2", "standardFSv2Family", 32, 64, 1.552, 0.3104),
    Size("Standard_E4s_v3", "standardESv3Family", 4, 32, 0.304, 0.0608),
    Size("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28, 0.579, 0.1158, gpus=1),
    Size("Standard_NC6s_v3", "standardNCSv3Family", 6, 112, 3.366, 0.6732, gpus=1),
)
#: Prices of a location beside those above, which are westeurope's; a location that is missing here does not exist.
PRICE_FACTORS = {"westeurope": 1.0, "northeurope": 0.95, "eastus": 0.88, "westus2": 0.9}
#: Standard_NC6s_v3 was retired: it stands in the list of one location alone, as retired sizes do for a while.
ONLY_IN = {"Standard_NC6s_v3": {"westus2"}, "Standard_E4s_v3": {"westeurope", "eastus"}}
_LOW_PRIORITY_CORES = {"westeurope": 400, "northeurope": 100, "eastus": 300, "westus2": 100}
_DEDICATED_CORES = {"standardDSv2Family": 100, "standardDSv3Family": 100, "standardFSv2Family": 200}
_GPU_CORES = {"Standard NCASv3_T4 Family": 24}
_TOTAL_DEDICATED_CORES = 300
_MAX_CLUSTERS = 500


@dataclass
class Quota:
    """How much may be used in a location at once; tests change it.

    Attributes:
        low_priority_cores: over all families.
        dedicated_cores: by family; a family that is missing has none.
        total_dedicated_cores: over all families.
        clusters: computes of all kinds, of all workspaces.
        used_elsewhere: cores that other workspaces of the subscription hold, by family; LowPriority for those.
        workspace_cores: dedicated cores by family that this workspace may use, where somebody has set fewer for it.
    """

    low_priority_cores: int
    dedicated_cores: dict[str, int]
    total_dedicated_cores: int = _TOTAL_DEDICATED_CORES
    clusters: int = _MAX_CLUSTERS
    used_elsewhere: dict[str, int] = field(default_factory=dict)
    workspace_cores: dict[str, int] = field(default_factory=dict)


class Catalogue:
    """Sizes and quota of every location.

    Attributes:
        sizes: by location and name.
        quotas: by location.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, dict[str, Size]] = {
            location: {
                size.name: priced(size, factor) for size in SIZES if location in ONLY_IN.get(size.name, {location})
            }
            for location, factor in PRICE_FACTORS.items()
        }
        self.quotas = {
            location: Quota(
                _LOW_PRIORITY_CORES[location],
                {**_DEDICATED_CORES, **(_GPU_CORES if location in ("westeurope", "eastus") else {})},
            )
            for location in PRICE_FACTORS
        }

    def size(self, location: str, name: str) -> Size | None:
        """Return a size; Azure does not mind the case of names."""
        found = self.sizes.get(location, {})
        return next((size for known, size in found.items() if known.lower() == name.lower()), None)

    def limit(self, location: str, tier: str, family: str) -> int:
        """Return how many cores of a family may be used at once."""
        quota = self.quotas[location]
        if tier == LOW_PRIORITY:
            return quota.low_priority_cores
        return min(quota.dedicated_cores.get(family, 0), quota.total_dedicated_cores)

    def families(self, location: str) -> list[str]:
        return list(dict.fromkeys(size.family for size in self.sizes[location].values()))


def priced(size: Size, factor: float) -> Size:
    low = size.low_priority_usd_per_hour
    return replace(
        size,
        usd_per_hour=round(size.usd_per_hour * factor, 4),
        low_priority_usd_per_hour=None if low is None else round(low * factor, 4),
    )
