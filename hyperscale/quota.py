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
        low_families: low-priority cores by `family_key`, where they have limits beside that over all families.
        own: what the workspace may have of it, where it has limits of its own.
    """

    clusters: Amount | None
    low_priority: Amount | None
    dedicated: Amount | None
    families: Mapping[str, Amount]
    low_families: Mapping[str, Amount] = dataclasses.field(default_factory=dict)
    own: Quota | None = None

    def family(self, name: str) -> Amount | None:
        """Return the quota of dedicated cores of a family; None when Azure does not list it."""
        return self.families.get(family_key(name))

    def low_family(self, name: str) -> Amount | None:
        """Return the quota of low-priority cores of a family; None when it has no limit of its own."""
        found = self.low_families.get(family_key(name))
        return found if found and found.limit is not None else None


def family_key(name: str) -> str:
    """Return a family's name without what differs between lists: `dsv2` for standardDSv2Family and its long name."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower().partition("family")[0])
    return bare.removeprefix("standard")


def quota_of(usages: Iterable[Mapping[str, Any]], workspace: str = "") -> Quota:
    """Return the quota that a list of Azure's `usages` tells.

    Recorded (2025): the type of a row says what it is of, such as vmFamily/lowPriorityCores, and the same name stands
    there once for each tier. Neither types nor names are promised, and the specification shows others: so a row is
    known by words in its type and names, in any case; a row that has none of them is left out.

    Rows of the type `workspaces/usages` have what one workspace may use, which is at most what the subscription may
    (how-to-manage-quotas.md, "Workspace-level quotas"); their names are those of the subscription's rows. Rows of
    other workspaces and of single computes do not matter here.

    Args:
        usages: the rows.
        workspace: path of the resource whose own limits count.
    """
    rows = [row for row in usages if "limit" in row]
    of_all = [row for row in rows if "/workspaces/" not in _id(row)]
    of_workspace = [row for row in rows if workspace and _is_of(row, workspace.lower())]
    quota = _quota_of(of_all)
    return dataclasses.replace(quota, own=_quota_of(of_workspace)) if of_workspace else quota


def _id(row: Mapping[str, Any]) -> str:
    return str(row.get("id") or "").lower()


def _is_of(row: Mapping[str, Any], workspace: str) -> bool:
    """Return whether a row is of the workspace itself, and of no compute of it."""
    rest = _id(row).removeprefix(f"{workspace}/") if _id(row).startswith(f"{workspace}/") else ""
    return rest.startswith("usages/") or rest == "usages"


def _quota_of(rows: Iterable[Mapping[str, Any]]) -> Quota:
    totals: dict[str, Amount] = {}
    families: dict[str, Amount] = {}
    low_families: dict[str, Amount] = {}
    for row in rows:
        amount = _amount(row)
        names = _names(row)
        words = re.sub(r"[^a-z]", "", f"{_kind(row)}{''.join(names)}".lower())
        if "family" in words:
            # The limit of low-priority cores of a family is -1 in a subscription: the one over all families counts.
            (low_families if "low" in words else families)[family_key(names[0])] = amount
        elif "low" in words:
            totals["low_priority"] = amount
        elif "dedicated" in words or "core" in words or "vcpu" in words:
            totals["dedicated"] = amount
        elif "cluster" in words:
            totals["clusters"] = amount
    dedicated = totals.get("dedicated")
    return Quota(totals.get("clusters"), totals.get("low_priority"), dedicated, families, low_families)


def with_claims(quota: Quota, computes: Iterable[Compute], sizes: Iterable[NodeSize]) -> Quota:
    """Return `quota` with what the `computes`, all of one location, may grow to; idle ones count.

    A compute of a size that `sizes` does not hold has claims that nobody can know.
    """
    sizes, computes = tuple(sizes), tuple(computes)
    by_family: dict[str, int] = {}
    low_by_family: dict[str, int] = {}
    for compute in computes:
        size = find_size(sizes, compute.size)
        if size is None or compute.state == "Failed":  # what could not be provisioned never gets a node
            continue
        claims, key = low_by_family if compute.tier == "low_priority" else by_family, family_key(size.family)
        claims[key] = claims.get(key, 0) + compute.max_nodes * size.cores

    def claimed(quota: Quota) -> Quota:
        return Quota(
            clusters=_claimed(quota.clusters, len(computes)),
            low_priority=_claimed(quota.low_priority, sum(low_by_family.values())),
            dedicated=_claimed(quota.dedicated, sum(by_family.values())),
            families=_claimed_by(by_family, quota.families),
            low_families=_claimed_by(low_by_family, quota.low_families),
            own=claimed(quota.own) if quota.own else None,
        )

    return claimed(quota)


def _claimed_by(claims: Mapping[str, int], families: Mapping[str, Amount]) -> dict[str, Amount]:
    return {key: dataclasses.replace(amount, claimed=claims.get(key, 0)) for key, amount in families.items()}


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
