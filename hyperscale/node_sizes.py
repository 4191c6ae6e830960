"""What a size of nodes has and costs, as Azure's list of sizes tells it, and which ones are nearest to it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Azure's word for a tier, in lower case, to ours. Since 2026 low-priority nodes may be listed as spot ones.
_TIERS = {"standard": "dedicated", "lowpriority": "low_priority", "spot": "low_priority"}
#: Series that can be had no more, though lists may still hold them ("VM size series retirements" of Azure, 2026-09).
_RETIRED = (
    (re.compile(r"standard_nc\d+r?s_v3", re.IGNORECASE), "2025-09-30"),
    (re.compile(r"standard_nv\d+s?(_promo)?", re.IGNORECASE), "2023-09-06"),
    (re.compile(r"standard_nv\d+a?s_v[34]", re.IGNORECASE), "2026-09-30"),
    (re.compile(r"standard_dc\d+s_v2", re.IGNORECASE), "2026-06-30"),
)
#: From this likeness of two names on, one is probably the other mistyped.
_LIKENESS = 0.9
_NEAREST = 3


@dataclass(frozen=True)
class Capacity:
    """What a node has to work with; `memory_gb` is 0 where Azure does not say."""

    cores: int
    gpus: int
    memory_gb: float

    @property
    def busy_workers(self) -> int:
        """Return how many workers keep a node busy: one for each GPU, or for each core of a node without any."""
        return self.gpus or self.cores

    @property
    def unit(self) -> str:
        """Return what `busy_workers` counts, for people."""
        return "GPU" if self.gpus else "core"


@dataclass(frozen=True)
class NodeSize:
    """A size of nodes that a location offers.

    Attributes:
        name: such as Standard_F4s_v2.
        family: Azure counts dedicated cores by it.
        cores, gpus, memory_gb: of one node.
        takes_low_priority: whether it can be had on low priority.
        makes_clusters: whether clusters can be made of it.
        usd_per_hour: tier to list price on Linux; a tier without a price is missing.
    """

    name: str
    family: str
    cores: int
    gpus: int
    memory_gb: float
    takes_low_priority: bool
    makes_clusters: bool
    usd_per_hour: Mapping[str, float]

    @property
    def capacity(self) -> Capacity:
        """Return what a node has to work with."""
        return Capacity(self.cores, self.gpus, self.memory_gb)

    def describe(self, tier: str) -> str:
        """Return name, cores, GPUs, memory and price for people."""
        gpus = [f"{self.gpus} GPU{'s' * (self.gpus > 1)}"] * bool(self.gpus)
        price = self.usd_per_hour.get(tier)
        said = "price unknown" if price is None else f"${price:.4g}/h"
        return f"{self.name} ({', '.join([f'{self.cores} cores', *gpus, f'{self.memory_gb:g} GB', said])})"


def node_sizes(documents: Iterable[Mapping[str, Any]]) -> tuple[NodeSize, ...]:
    """Return the sizes of Azure's `vmSizes`; an entry without a name or cores is left out.

    Read by REST: azure-ai-ml 1.35 leaves vCPUs, memory and prices None (a test pins which).
    """
    return tuple(_node_size(document) for document in documents if document.get("name") and document.get("vCPUs"))


def find_size(sizes: Iterable[NodeSize], name: str) -> NodeSize | None:
    """Return the size `name`; Azure does not mind the case of names."""
    return next((size for size in sizes if size.name.lower() == name.lower()), None)


def retired_on(name: str) -> str | None:
    """Return the day on which Azure retired the size `name`, None when it did not, as far as we know."""
    return next((day for pattern, day in _RETIRED if pattern.fullmatch(name)), None)


def nearest_sizes(name: str, tier: str, sizes: Iterable[NodeSize], known: NodeSize | None) -> list[NodeSize]:
    """Return the sizes that a cluster of `tier` could have in place of `name`, the nearest first.

    Nearest is a name that may have been mistyped, then as many GPUs, about as many cores and as much memory, and the
    lower price.

    Args:
        name: the size that cannot be had.
        tier: that was asked for.
        sizes: that are offered.
        known: what `name` was, if a list still holds it; its name has to do otherwise, in which N stands for GPUs, and
            the first number for cores.
    """
    number = re.search(r"\d+", name)
    cores = known.cores if known else int(number.group()) if number else 0
    needs_gpus = known.gpus > 0 if known else name.lower().startswith("standard_n")

    def distance(size: NodeSize) -> tuple[float, ...]:
        likeness = difflib.SequenceMatcher(None, size.name.lower(), name.lower()).ratio()
        gpus = abs(size.gpus - known.gpus) if known else 0
        memory = abs(math.log2(max(size.memory_gb, 1) / max(known.memory_gb, 1))) if known else 0
        price = size.usd_per_hour.get(tier, math.inf)
        return (likeness < _LIKENESS, gpus, abs(math.log2(size.cores / max(cores, 1))), memory, price)

    possible = {size.name: size for size in sizes if problem_of(size, tier) is None and size.name != name}
    # Who needs a GPU has no use for a node without one, unless there is nothing else.
    alike = [size for size in possible.values() if (size.gpus > 0) == needs_gpus]
    return sorted(alike or possible.values(), key=distance)[:_NEAREST]


def problem_of(size: NodeSize, tier: str) -> str | None:
    """Return why a cluster of `tier` cannot have nodes of this size, None when it can."""
    retired = retired_on(size.name)
    if retired:
        return f"retired on {retired}"
    if not size.makes_clusters:
        return "no clusters are made of it"
    if tier == "low_priority" and not size.takes_low_priority:
        return "not offered on low priority"
    return None


def _node_size(document: Mapping[str, Any]) -> NodeSize:
    kinds = document.get("supportedComputeTypes")
    return NodeSize(
        name=str(document["name"]),
        family=str(document.get("family") or ""),
        cores=int(document["vCPUs"]),
        gpus=int(document.get("gpus") or 0),
        memory_gb=float(document.get("memoryGB") or 0),
        takes_low_priority=document.get("lowPriorityCapable") is not False,
        makes_clusters=not kinds or "amlcompute" in {str(kind).lower() for kind in kinds},
        usd_per_hour=_prices(document.get("estimatedVMPrices") or {}),
    )


def _prices(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the price of each tier on Linux; none in another currency, or for another time, than we reckon in.

    Recorded (2025): a size may be listed twice on Linux, once with the higher price of Windows; the lower one is right.
    """
    if (document.get("billingCurrency") or "USD", document.get("unitOfMeasure") or "OneHour") != ("USD", "OneHour"):
        return {}
    found: dict[str, list[float]] = {}
    for value in document.get("values") or ():
        is_linux = str(value.get("osType")).lower() == "linux"
        if is_linux and isinstance(value.get("retailPrice"), int | float):
            found.setdefault(str(value.get("vmTier")).lower(), []).append(float(value["retailPrice"]))
    # Where both words for low priority stand, that of the tier which clusters ask for counts.
    words = sorted(_TIERS.keys() & found.keys(), key=lambda word: word != "spot")
    return {_TIERS[word]: min(found[word]) for word in words}
