"""What a plan knows from Azure: where its nodes find quota, which locations were rejected, what the run will cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.cost import Estimate
from hyperscale.documents import build
from hyperscale.locations import Bound
from hyperscale.node_sizes import Capacity


@dataclass(frozen=True)
class QuotaUse:
    """A quota that nodes count against.

    Attributes:
        what: such as "low-priority cores".
        limit: of it.
        told: how much is used, as Azure tells it.
        claimed: how much the computes of the workspace may grow to, idle ones too.
        kept: how much seed and teardown need.
        needed: by the nodes of the run; of a rejected location, by all of them.
    """

    what: str
    limit: int
    told: int
    claimed: int
    kept: int
    needed: int

    @property
    def free(self) -> int:
        """Return how much can be had: the larger of both numbers on use counts (`quota.Amount.used` says why)."""
        return max(0, self.limit - max(self.told, self.claimed) - self.kept)

    @classmethod
    def of(cls, bound: Bound, nodes: int) -> QuotaUse:
        """Return what `nodes` nodes use of `bound`."""
        amount = bound.amount
        return cls(bound.what, amount.limit or 0, amount.told, amount.claimed, bound.kept, nodes * bound.a_node)


@dataclass(frozen=True)
class LocationUse:
    """A location that was looked at.

    Attributes:
        location: its name.
        nodes, clusters: that the run has there; none when it was rejected.
        usd_per_node_hour: list price; None when it is unknown.
        usd_by_tier: tier to list price, as far as they are known.
        quotas: that its nodes count against; empty when Azure lists none.
        reason: why it was chosen or rejected.
    """

    location: str
    nodes: int
    clusters: int
    usd_per_node_hour: float | None
    usd_by_tier: Mapping[str, float]
    quotas: tuple[QuotaUse, ...]
    reason: str


@dataclass(frozen=True)
class AzurePlan:
    """The part of a plan that Azure was asked for.

    Attributes:
        subscription_id, resource_group, workspace_name: of the workspace.
        location: of the workspace.
        sources: key of `azure` to who gave its value.
        size, tier: of the nodes.
        locations: that were looked at, the chosen ones first.
        control: the nodes of seed and teardown; None when they have a cluster that exists.
        estimate: None when nobody knows how long rows take.
        capacity: of a node; None when Azure does not say.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    location: str
    sources: Mapping[str, str]
    size: str
    tier: str
    locations: tuple[LocationUse, ...]
    control: LocationUse | None
    estimate: Estimate | None
    capacity: Capacity | None = None

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AzurePlan:
        """Return what `to_document` was called on."""
        return build(cls, document)
