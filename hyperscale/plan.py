"""A plan: clusters, nodes, workers and messages, worked out from an experiment and the facts of its input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale import names
from hyperscale.batching import rows_per_message
from hyperscale.documents import build
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.input_facts import InputFacts
from hyperscale.node_sizes import Capacity
from hyperscale.placement import (
    Cluster,
    clusters_for,
    control_clusters,
    idle_capacity,
    node_count,
    spare_consumers,
    workers_on_node,
)

#: A lost node's rows wait so long; renewals, one each third of it, are what a shorter one costs.
AZURE_LEASE_SECONDS = 300
#: On one machine renewals are free, and `run --resume` after a crash should not wait for minutes.
LOCAL_LEASE_SECONDS = 30
#: Azure ML ends a job after 21 days, on low priority after 7 (how-to-manage-quotas.md).
JOB_LIFE_HOURS = {"dedicated": 504, "low_priority": 168}
#: What `compute:` says for every step of a local run.
THIS_MACHINE = "this-machine"


@dataclass(frozen=True)
class Plan:
    """What would be made and run.

    Attributes:
        rows, rows_estimated: of the input.
        workers: rows worked on at the same time.
        workers_per_node: worker processes of each consumer.
        nodes: of all clusters together.
        clusters: where the nodes are.
        consumers: jobs, the spare ones included.
        spare_consumers: jobs that wait in a cluster's queue and take the place of preempted ones.
        rows_per_message: at most.
        messages: about how many.
        lease_seconds: a consumer's right to a message.
        render_id: 6 hexadecimal digits, the same for the same experiment, plan, templates and workspace.
        control_cluster: where teardown runs, and the gates of further pipelines.
        seed_cluster: where seed runs.
        notes: what was changed or should be known, one sentence each.
        usd_per_node_hour: list price of a node that works; None when nobody has looked it up.
        usd_per_control_hour: list price of a node of seed or teardown; None when nobody has looked it up.
    """

    rows: int
    rows_estimated: bool
    workers: int
    workers_per_node: int
    nodes: int
    clusters: tuple[Cluster, ...]
    consumers: int
    spare_consumers: int
    rows_per_message: int
    messages: int
    lease_seconds: int
    render_id: str
    control_cluster: str
    seed_cluster: str
    notes: tuple[str, ...]
    usd_per_node_hour: float | None = None
    usd_per_control_hour: float | None = None

    @property
    def owned_clusters(self) -> tuple[Cluster, ...]:
        """Return the clusters that the run makes and deletes."""
        return tuple(cluster for cluster in self.clusters if cluster.owned)

    @property
    def places(self) -> tuple[str, ...]:
        """Return the compute of each consumer: one for each node, then the spare ones in turn."""
        regular = [cluster.name for cluster in self.clusters for _ in range(cluster.nodes)]
        spare = [self.clusters[number % len(self.clusters)].name for number in range(self.spare_consumers)]
        return (*regular, *spare)

    @property
    def rows_text(self) -> str:
        """Return the number of rows for people, with a ~ when it is an estimate."""
        return f"{'~' * self.rows_estimated}{self.rows:,}"

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """Return the plan that `to_document` was called on."""
        clusters = tuple(build(Cluster, cluster) for cluster in document["clusters"])
        return dataclasses.replace(build(cls, document), clusters=clusters)


def make_plan(
    experiment: Experiment,
    facts: InputFacts,
    *,
    version: str,
    templates_hash: str,
    capacity: Capacity | None = None,
) -> Plan:
    """Return the plan of `experiment` on Azure ML; the same arguments give the same plan.

    Args:
        experiment: valid.
        facts: of its input.
        version: of hyperscale; a part of the render id, as nodes run its code.
        templates_hash: of the templates that will be rendered.
        capacity: of a node of compute.size; None when it is not known.

    Raises:
        PlanError: when the experiment cannot be placed.
    """
    notes: list[str] = []
    _check_hours(experiment)
    workers = _workers(experiment.parallelism.workers, facts, notes)
    workers_per_node = min(workers_on_node(experiment, capacity, notes if workers > 1 else []), workers)
    nodes = node_count(experiment, workers, workers_per_node, notes)
    notes.extend(idle_capacity(experiment, capacity, nodes, workers_per_node, facts.rows))
    spare = spare_consumers(experiment, nodes)
    per_message = rows_per_message(experiment, facts, workers, notes)
    lease_seconds = experiment.parallelism.lease_seconds
    azure = experiment.azure
    place = (azure.subscription_id, azure.resource_group, azure.workspace_name)
    if not azure.workspace_name:
        notes.append(
            "no workspace is given (azure.workspace_name): others in the region may have clusters of the same names"
        )
    shape = (facts.rows, workers, workers_per_node, nodes, spare, per_message, lease_seconds)
    render = names.render_id(experiment.to_document(), shape, version, templates_hash, place)
    clusters = clusters_for(experiment, nodes, render, notes)
    control, seed = control_clusters(experiment, place, notes)
    return Plan(
        rows=facts.rows,
        rows_estimated=facts.estimated,
        workers=workers,
        workers_per_node=workers_per_node,
        nodes=nodes,
        clusters=clusters,
        consumers=nodes + spare,
        spare_consumers=spare,
        rows_per_message=per_message,
        messages=math.ceil(facts.rows / per_message),
        lease_seconds=AZURE_LEASE_SECONDS if lease_seconds == "auto" else lease_seconds,
        render_id=render,
        control_cluster=control,
        seed_cluster=seed,
        notes=tuple(notes),
    )


def plan_for_this_machine(
    experiment: Experiment, facts: InputFacts, *, cores: int, nodes: int = 1, workers: int | None = None
) -> Plan:
    """Return the plan of a run on this machine; it makes no clusters.

    Args:
        experiment: valid.
        facts: of its input.
        cores: of this machine: no more workers than that, unless `workers` says so.
        nodes: consumers, which share the workers.
        workers: of all consumers together; None is the experiment's, at most `cores`.

    Raises:
        PlanError: when the input holds no rows.
    """
    notes: list[str] = []
    asked = min(experiment.parallelism.workers, cores) if workers is None else workers
    workers = _workers(asked, facts, notes)
    nodes = min(nodes, workers)
    per_message = rows_per_message(experiment, facts, workers, notes)
    lease_seconds = experiment.parallelism.lease_seconds
    return Plan(
        rows=facts.rows,
        rows_estimated=facts.estimated,
        workers=workers,
        workers_per_node=math.ceil(workers / nodes),
        nodes=nodes,
        clusters=(Cluster(THIS_MACHINE, None, nodes, owned=False),),
        consumers=nodes,
        spare_consumers=0,
        rows_per_message=per_message,
        messages=math.ceil(facts.rows / per_message),
        lease_seconds=LOCAL_LEASE_SECONDS if lease_seconds == "auto" else lease_seconds,
        render_id=names.render_id(experiment.to_document(), THIS_MACHINE, facts.rows, workers, nodes),
        control_cluster=THIS_MACHINE,
        seed_cluster=THIS_MACHINE,
        notes=tuple(notes),
    )


def _check_hours(experiment: Experiment) -> None:
    tier, asked = experiment.compute.tier, experiment.limits.max_hours
    possible = JOB_LIFE_HOURS[tier]
    if asked > possible:
        raise PlanError(
            f"limits.max_hours is {asked:g}, Azure ML ends a job on a {tier} node after {possible} hours",
            hint=f"lower limits.max_hours to {possible}"
            + (" or set compute.tier to dedicated (504 hours)" if tier == "low_priority" and asked <= 504 else ""),
        )


def _workers(asked: int, facts: InputFacts, notes: list[str]) -> int:
    if facts.rows < 1:
        raise PlanError("the input holds no rows: there is nothing to plan", hint="check input, and input.limit")
    if asked <= facts.rows:
        return asked
    are, s = ("is", "") if facts.rows == 1 else ("are", "s")
    notes.append(f"workers trimmed from {asked:,} to {facts.rows:,}: there {are} {facts.rows_text} row{s}")
    return facts.rows
