"""Where a run on Azure ML is: what `run.json` says under `azure`, so that any machine finds jobs and clusters of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.cost import CONTROL_IDLE_SECONDS, Rates
from hyperscale.documents import build, is_number
from hyperscale.errors import RunStateError
from hyperscale.names import is_control_cluster

#: Tags of jobs and clusters. A run owns the clusters whose tag is its id (submit) or the render id of its files (az).
TAG_RUN = "hyperscale_run"
TAG_RENDER = "hyperscale_render"
TAG_EXPERIMENT = "hyperscale_experiment"
TAG_OWNER = "hyperscale_owner"
TAG_EXPIRES_AT = "hyperscale_expires_at"
#: The clusters of seeds, and of teardowns and gates: shared, and never deleted by a run.
TAG_CONTROL = "hyperscale_control"

#: What the pipeline's inputs `clusters`, `usd_per_node_hour` and `usd_per_control_hour` hold when there is nothing to
#: say: the SDK drops an empty text.
NO_CLUSTERS = "none"
UNKNOWN_PRICE = "unknown"


@dataclass(frozen=True)
class AzureRun:
    """A run on Azure ML.

    Attributes:
        subscription_id, resource_group, workspace_name: its workspace.
        jobs: names of its pipeline jobs; the first one holds seed and teardown.
        clusters: names of the clusters that it made.
        tag, tag_value: what those clusters are tagged with: what lacks it is not the run's, and is never deleted.
        control_cluster: where teardown runs, and gates.
        usd_per_node_hour: list price of one of its nodes; None when nobody has looked it up.
        seed_cluster: where seed runs; None in what an earlier version wrote.
        usd_per_control_hour: list price of a node of seed or teardown; None when nobody has looked it up.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    jobs: tuple[str, ...]
    clusters: tuple[str, ...]
    tag: str
    tag_value: str
    control_cluster: str
    usd_per_node_hour: float | None
    seed_cluster: str | None = None
    usd_per_control_hour: float | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AzureRun:
        """Return what `to_document` was called on.

        Raises:
            RunStateError: when it is something else: anybody who may write to the store can change it.
        """
        problem = _problem(document)
        if problem:
            raise RunStateError(
                f"run.json: {problem}",
                hint="restore run.json from a copy; `hyperscale gc` finds what runs left by the tags of the clusters",
            )
        return build(cls, document)

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)

    def rates(self, idle_seconds: float) -> Rates:
        """Return what its nodes cost; `idle_seconds` as for `rates_from`."""
        return rates_from(self.to_document(), idle_seconds)


def rates_from(document: Mapping[str, Any], idle_seconds: float) -> Rates:
    """Return what the nodes of a run cost by its record, which may be damaged: what is not a price is an unknown one.

    Args:
        document: an `AzureRun`, as `to_document` returns it.
        idle_seconds: `compute.idle_seconds`: how long nodes of the run's own clusters stay without work. Nobody knows
            that of other clusters, except of control clusters that hyperscale made.
    """
    control = document.get("control_cluster")
    return Rates(
        _price(document.get("usd_per_node_hour")),
        _price(document.get("usd_per_control_hour")),
        idle_seconds if document.get("clusters") else 0.0,
        CONTROL_IDLE_SECONDS if isinstance(control, str) and is_control_cluster(control) else 0.0,
    )


def _price(value: object) -> float | None:
    return float(value) if is_number(value) else None


def names_problem(names: object) -> str:
    """Return why `names`, as JSON has it, is not a list of names; empty when it is one."""
    if not isinstance(names, (list, tuple)):
        return f"{_said(names)} is not a list of names"
    wrong = [name for name in names if not isinstance(name, str) or not name or "/" in name]
    return f"{_said(wrong[0])} is not a name" if wrong else ""


def _problem(document: object) -> str:
    """Return what is wrong with the part `azure` of a run.json; empty when nothing is."""
    if not isinstance(document, Mapping):
        return f"azure: {_said(document)} is not an object"
    for field in ("subscription_id", "resource_group", "workspace_name", "tag", "tag_value", "control_cluster"):
        if not isinstance(document.get(field), str):
            return f"azure.{field}: {_said(document.get(field))} is not text"
    seed_cluster = document.get("seed_cluster")
    if seed_cluster is not None and not isinstance(seed_cluster, str):
        return f"azure.seed_cluster: {_said(seed_cluster)} is not text"
    for field in ("jobs", "clusters"):
        problem = names_problem(document.get(field))
        if problem:
            return f"azure.{field}: {problem}"
    if not document["jobs"]:
        return "azure.jobs: it names no job"
    for field in ("usd_per_node_hour", "usd_per_control_hour"):
        price = document.get(field)
        if price is not None and _price(price) is None:
            return f"azure.{field}: {_said(price)} is not a number"
    return ""


def _said(value: object) -> str:
    return json.dumps(value, default=repr)[:80]
