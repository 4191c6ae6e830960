"""Makes what Azure answers of a workspace for tests of plans: locations with sizes, quota and computes."""

from __future__ import annotations

from typing import Any

from hyperscale.azure_nodes import Site
from hyperscale.locations import Location
from hyperscale.node_sizes import NodeSize
from hyperscale.quota import Amount, Compute, Quota, family_key, with_claims

HOME = "westeurope"


def make_size(name: str, cores: int, usd: float | None = 0.2, **parts: Any) -> NodeSize:
    """Return a size; low priority costs a fifth."""
    values = {
        "family": "standardFSv2Family",
        "gpus": 0,
        "memory_gb": 2.0 * cores,
        "takes_low_priority": True,
        "makes_clusters": True,
        "usd_per_hour": {} if usd is None else {"dedicated": usd, "low_priority": usd / 5},
        **parts,
    }
    return NodeSize(name=name, cores=cores, **values)


SIZES = (
    make_size("Standard_F4s_v2", 4),
    make_size("Standard_F8s_v2", 8, 0.4),
    make_size("Standard_DS2_v2", 2, 0.1, family="standardDSv2Family"),
    make_size("Standard_NC4as_T4_v3", 4, 0.6, family="Standard NCASv3_T4 Family", gpus=1),
)


def make_compute(name: str, max_nodes: int, **parts: Any) -> Compute:
    """Return a cluster that is idle."""
    values = {
        "kind": "AmlCompute",
        "state": "Succeeded",
        "location": HOME,
        "size": "Standard_F4s_v2",
        "tier": "low_priority",
        "nodes": 0,
        **parts,
    }
    return Compute(name=name, max_nodes=max_nodes, **values)


def make_location(
    name: str = HOME,
    *,
    low_priority: int | None = 400,
    families: dict[str, int] | None = None,
    dedicated: int | None = 300,
    clusters: int = 500,
    used: int = 0,
    sizes: tuple[NodeSize, ...] = SIZES,
    computes: tuple[Compute, ...] = (),
) -> Location:
    """Return a location with this quota, of which `used` low-priority cores are used; None is a quota not listed."""
    limits = {"standardFSv2Family": 200, "standardDSv2Family": 100} if families is None else families
    here = tuple(compute for compute in computes if compute.location == name)
    quota = Quota(
        clusters=Amount(clusters, len(here)),
        low_priority=None if low_priority is None else Amount(low_priority, used),
        dedicated=None if dedicated is None else Amount(dedicated, 0),
        families={family_key(family): Amount(limit, 0) for family, limit in limits.items()},
    )
    return Location(name, sizes, with_claims(quota, here, sizes), here)


def make_site(*locations: Location, computes: tuple[Compute, ...] = ()) -> Site:
    """Return a workspace in westeurope; without locations, that alone."""
    found = locations or (make_location(computes=computes),)
    return Site("s", "g", "w", HOME, {"workspace_name": "a test"}, {place.name: place for place in found}, computes)
