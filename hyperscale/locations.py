"""What a location offers to a run: which of its nodes quota lets us have, and what keeps us from having more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hyperscale.node_sizes import NodeSize, find_size, problem_of, retired_on
from hyperscale.quota import MAX_COMPUTES, Amount, Compute, Quota
from hyperscale.spreading import Room

#: Of a limit that the workspace has for itself: who may raise it is an owner of the subscription, and not Azure.
_OF_WORKSPACE = "in this workspace"


@dataclass(frozen=True)
class Location:
    """A region of Azure, as it answers.

    Attributes:
        name: such as westeurope.
        sizes: of nodes that it offers.
        quota: of the subscription there, claims of the workspace's computes included.
        computes: of the workspace that are there.
    """

    name: str
    sizes: tuple[NodeSize, ...]
    quota: Quota
    computes: tuple[Compute, ...]


@dataclass(frozen=True)
class Wanted:
    """The nodes that a run asks for.

    Attributes:
        size: of the nodes, a name.
        tier: dedicated or low_priority.
        nodes: how many.
        nodes_per_cluster: at most.
        workers_per_node: of each.
        needs_clusters: False for serverless nodes, which count against quota alone.
    """

    size: str
    tier: str
    nodes: int
    nodes_per_cluster: int
    workers_per_node: int
    needs_clusters: bool = True


@dataclass(frozen=True)
class Bound:
    """A quota that keeps a location from having more nodes.

    Attributes:
        what: such as "low-priority cores".
        amount: the quota.
        kept: how much of it seed and teardown need.
        a_node: how much of it one node needs.
    """

    what: str
    amount: Amount
    kept: int
    a_node: int

    @property
    def free(self) -> int:
        """Return how much of it nodes can have."""
        return max(0, (self.amount.limit or 0) - self.amount.used - self.kept)

    @property
    def nodes(self) -> int:
        """Return how many nodes can be had."""
        return self.free // self.a_node

    def limit_for(self, nodes: int) -> int:
        """Return the limit that so many nodes need."""
        return self.amount.used + self.kept + nodes * self.a_node


@dataclass(frozen=True)
class Control:
    """What seed and teardown need beside the nodes of a run, where their clusters do not exist.

    Attributes:
        location: of the workspace.
        size: of their nodes.
        nodes: how many, beside those of clusters that are there: seed and teardown run at the same time.
        clusters: how many of theirs are yet to be made.
    """

    location: str
    size: NodeSize
    nodes: int
    clusters: int


@dataclass(frozen=True)
class Candidate:
    """A location that a run could use.

    Attributes:
        location: its name.
        size: of the nodes; None when it is not offered there.
        bounds: what limits them, the tightest first.
        unlisted: quotas that Azure tells nothing of, and that may limit them all the same.
        free_clusters: how many clusters can be made.
        problem: why it can have none of these nodes, whatever its quota; None when it can.
    """

    location: str
    size: NodeSize | None
    bounds: tuple[Bound, ...]
    unlisted: tuple[str, ...]
    free_clusters: int
    problem: str | None

    def room(self, nodes: int) -> Room:
        """Return what it can take of `nodes` nodes."""
        if self.problem is not None:
            return Room(0, 0)
        return Room(min([nodes, *(bound.nodes for bound in self.bounds)]), self.free_clusters)


def candidate(location: Location, size_name: str, tier: str, control: Control | None) -> Candidate:
    """Return what `location` can offer of nodes of a size and tier, beside what seed and teardown need."""
    size = find_size(location.sizes, size_name)
    retired = retired_on(size_name)
    missing = f"retired on {retired}" if retired else "not offered"
    problem = missing if size is None else problem_of(size, tier)
    here = control if control and control.location == location.name else None
    clusters = location.quota.clusters or Amount(MAX_COMPUTES, len(location.computes))
    free = clusters.free
    free_clusters = MAX_COMPUTES if free is None else max(0, free - (here.clusters if here else 0))
    if size is None:
        return Candidate(location.name, None, (), (), free_clusters, problem)
    bounds, unlisted = [], []
    for what, amount, kept in _quotas(location.quota, size, tier, here):
        if amount is None:
            unlisted.append(what)
        elif amount.limit is not None:
            bounds.append(Bound(what, amount, kept, size.cores))
    return Candidate(
        location.name,
        size,
        tuple(sorted(bounds, key=lambda bound: bound.free)),
        tuple(unlisted),
        free_clusters,
        problem,
    )


def control_bounds(location: Location, size: NodeSize) -> list[Bound]:
    """Return what limits nodes of seed and teardown in the workspace's location."""
    quotas = _quotas(location.quota, size, "dedicated", None)
    return [Bound(what, amount, 0, size.cores) for what, amount, _ in quotas if amount and amount.limit is not None]


def _quotas(
    quota: Quota, size: NodeSize, tier: str, control: Control | None
) -> Iterator[tuple[str, Amount | None, int]]:
    """Yield each quota that nodes count against, and how much of it seed and teardown need."""
    own = quota.own
    if tier == "low_priority":
        yield "low-priority cores", quota.low_priority, 0
        if own and own.low_priority:
            yield f"low-priority cores {_OF_WORKSPACE}", own.low_priority, 0
        for whose, where in ((quota, ""), (own, f" {_OF_WORKSPACE}")):
            of_family = whose.low_family(size.family) if whose else None
            if of_family is not None:
                yield f"low-priority cores of {size.family or 'its family'}{where}", of_family, 0
        return
    kept = control.nodes * control.size.cores if control else 0
    same_family = control is not None and control.size.family == size.family
    what = f"dedicated cores of {size.family or 'its family'}"
    yield what, quota.family(size.family), kept if same_family else 0
    own_family = own.family(size.family) if own else None
    if own_family is not None:
        yield f"{what} {_OF_WORKSPACE}", own_family, kept if same_family else 0
    # Where nobody tells the total, the families' own quotas are what there is.
    if quota.dedicated is not None:
        yield "dedicated cores of all families", quota.dedicated, kept
    if own and own.dedicated is not None:
        yield f"dedicated cores of all families {_OF_WORKSPACE}", own.dedicated, kept
