"""Where a run on Azure ML is: what `run.json` says under `azure`, so that any machine finds jobs and clusters of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperscale.documents import build

#: Tags of jobs and clusters. A run owns the clusters whose tag is its id (submit) or the render id of its files (az).
TAG_RUN = "hyperscale_run"
TAG_RENDER = "hyperscale_render"
TAG_EXPERIMENT = "hyperscale_experiment"
TAG_OWNER = "hyperscale_owner"
TAG_EXPIRES_AT = "hyperscale_expires_at"
#: The cluster of seeds and teardowns: shared, and never deleted by a run.
TAG_CONTROL = "hyperscale_control"

#: What the pipeline's inputs `clusters` and `usd_per_node_hour` hold when there is nothing to say: the SDK drops an
#: empty text.
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
        control_cluster: where seed and teardown run.
        usd_per_node_hour: list price of one of its nodes; None when nobody has looked it up.
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

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AzureRun:
        """Return what `to_document` was called on."""
        return build(cls, document)

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes, ready for JSON."""
        return dataclasses.asdict(self)
