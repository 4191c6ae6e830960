"""How many cores and clusters a location lets us have: from Azure's list of usages, and the computes that exist."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.node_sizes import NodeSize, find_size

#: Azure ML allows 500 computes in a region, unless it was raised (how-to-manage-quotas.md); for where it is not told.
MAX_COMPUTES = 500


@dataclass(frozen=True)
class Amount:
    """A quota.

    Attributes:
        limit: None is no limit: Azure says -1.
        told: how much is used, as Azure tells it.
        claimed: how much the computes of the workspace may grow to.
    """

    limit: int | None
    told: int
    claimed: int = 0

    @property
    def used(self) -> int:
        """Return how much to count on being used: the larger of what Azure tells and what computes may grow to.

        Azure's page says that "unprovisioned nodes contribute to your quota usage" (how-to-create-attach-compute-
        cluster.md, Delete); people who looked found only nodes that exist in currentValue (az ml compute list-usage,
        2026-08). Whichever holds, a cluster that fits beside both numbers never waits.
        """
        return max(self.told, self.claimed)

    @property
    def free(self) -> int | None:
        """Return how much can be had; None when there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Compute:
    """A compute of the workspace, as far as quota is concerned.

    Attributes:
        name, location, size, tier: of it.
        kind: AmlCompute is a cluster.
        state: Succeeded when it can be used.
        max_nodes: it may grow to.
        nodes: it has now.
    """

    name: str
    kind: str
    state: str
    location: str
    size: str
    tier: str
    max_nodes: int
    nodes: int


@dataclass(frozen=True)
class Quota:
    """The quota of a subscription in one location; None is a number that Azure does not list.

    Attributes:
        clusters: computes of all kinds.
        low_priority: cores of all families together.
        dedicated: cores of all families together.
        families: dedicated cores by `family_key`.
    """

    clusters: Amount | None
    low_priority: Amount | None
    dedicated: Amount | None
    families: Mapping[str, Amount]

    def family(self, name: str) -> Amount | None:
        """Return the quota of dedicated cores of a family; None when Azure does not list it."""
        return self.families.get(family_key(name))


def family_key(name: str) -> str:
    """Return a family's name without what differs between lists: `dsv2` for standardDSv2Family and its long name."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower().partition("family")[0])
    return bare.removeprefix("standard")


def quota_of(usages: Iterable[Mapping[str, Any]]) -> Quota:
    """Return the quota that a list of Azure's `usages` tells.

    Recorded (2025): the type of a row says what it is of, such as vmFamily/lowPriorityCores, and the same name stands
    there once for each tier. Neither types nor names are promised, and the specification shows others: so a row is
    known by words in its type and names, in any case; a row that has none of them is left out.
    """
    totals: dict[str, Amount] = {}
    families: dict[str, Amount] = {}
    for row in usages:
        # Rows of single workspaces and computes have the names of their family's row, and are a part of it.
        if "/workspaces/" in str(row.get("id") or "").lower() or "limit" not in row:
            continue
        amount = _amount(row)
        names = _names(row)
        words = re.sub(r"[^a-z]", "", f"{_kind(row)}{''.join(names)}".lower())
        if "family" in words:
            # The limit of low-priority cores of a family is -1: the one over all families counts.
            if "low" not in words:
                families[family_key(names[0])] = amount
        elif "low" in words:
            totals["low_priority"] = amount
        elif "dedicated" in words or "core" in words or "vcpu" in words:
            totals["dedicated"] = amount
        elif "cluster" in words:
            totals["clusters"] = amount
    return Quota(totals.get("clusters"), totals.get("low_priority"), totals.get("dedicated"), families)


def with_claims(quota: Quota, computes: Iterable[Compute], sizes: Iterable[NodeSize]) -> Quota:
    """Return `quota` with what the `computes`, all of one location, may grow to; idle ones count.

    A compute of a size that `sizes` does not hold has claims that nobody can know.
    """
    sizes, computes = tuple(sizes), tuple(computes)
    low_priority = 0
    by_family: dict[str, int] = {}
    for compute in computes:
        size = find_size(sizes, compute.size)
        if size is None or compute.state == "Failed":  # what could not be provisioned never gets a node
            continue
        if compute.tier == "low_priority":
            low_priority += compute.max_nodes * size.cores
        else:
            key = family_key(size.family)
            by_family[key] = by_family.get(key, 0) + compute.max_nodes * size.cores
    return Quota(
        clusters=_claimed(quota.clusters, len(computes)),
        low_priority=_claimed(quota.low_priority, low_priority),
        dedicated=_claimed(quota.dedicated, sum(by_family.values())),
        families={key: dataclasses.replace(own, claimed=by_family.get(key, 0)) for key, own in quota.families.items()},
    )


def _claimed(amount: Amount | None, claimed: int) -> Amount | None:
    return None if amount is None else dataclasses.replace(amount, claimed=claimed)


def _amount(row: Mapping[str, Any]) -> Amount:
    limit = int(row["limit"])
    return Amount(None if limit < 0 else limit, int(row.get("currentValue") or 0))


def _kind(row: Mapping[str, Any]) -> str:
    """Return what the type of a row says beside the provider: vmFamily/lowPriorityCores of the recorded ones."""
    kind = str(row.get("type") or "").partition("/")[2].removesuffix("usages")
    # That of all clusters is totalCores in the specification.
    return "" if kind.lower().startswith("totalcores") else kind


def _names(row: Mapping[str, Any]) -> tuple[str, str]:
    name = row.get("name") or ""
    if isinstance(name, str):
        return name, ""
    return str(name.get("value") or name.get("localizedValue") or ""), str(name.get("localizedValue") or "")
