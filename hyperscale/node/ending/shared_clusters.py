"""Clusters that several runs share, because they were made from the same rendered files: the last run out deletes them.

A run that needs them no more first says so in its own store (create-if-absent), and only then looks at the other jobs
of the render: a job that is alive and has not said so keeps the clusters, and its own teardown comes to the same
question. Of two teardowns that end together, the one whose word came second sees the word of the first, so at least
one of them deletes. (Look first, then say: each sees the other at work, both leave, and the clusters stay for ever.)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from hyperscale import blobs
from hyperscale.azure_run import TAG_RENDER
from hyperscale.errors import HyperscaleError
from hyperscale.names import QUEUE
from hyperscale.node.azure.workspace_facts import JobFacts
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import Claim

logger = logging.getLogger(__name__)


class Jobs(Protocol):
    """The jobs of a workspace; `Workspace` is one."""

    def jobs(self, tag: str, *, archived: bool = False) -> Iterator[JobFacts]:
        """Yield the jobs that have the tag `tag`; those that people have archived only if `archived`."""


def jobs_of_render(workspace: Jobs, render: str) -> list[JobFacts]:
    """Return the jobs that were made from the rendered files with the render id `render`, over or not."""
    return [job for job in workspace.jobs(TAG_RENDER, archived=True) if job.tags.get(TAG_RENDER) == render]


@dataclass(frozen=True)
class SharedClusters:
    """The clusters of a render, as one of its runs sees them.

    Attributes:
        workspace: is asked for the jobs of the render.
        claim: of the run.
        open_run: opens the store of a run by its id; None where no store can be opened.
    """

    workspace: Jobs
    claim: Claim
    open_run: Callable[[str], Store] | None

    def is_last_out(self) -> bool:
        """Return whether no other run needs the clusters; from now on the others know that this one does not.

        Raises:
            AzureError: when Azure does not say.
        """
        self.release()
        users = self.users()
        for job in users:
            logger.info("clusters stay: job %s (%s) was made from the same files and uses them", job.name, job.status)
        return not users

    def release(self) -> None:
        """Say that the run needs its clusters no more; safe to repeat. What cannot be said is logged."""
        if self.open_run is None:
            return
        try:
            with closing(self.open_run(self.claim.run_id)) as store:
                store.create(blobs.RELEASED, json.dumps({"render": self.claim.value, "at": store.now()}).encode())
        except HyperscaleError as error:
            logger.warning("other runs are not told that this one needs its clusters no more: %s", error)

    def users(self) -> list[JobFacts]:
        """Return the jobs of other runs that may still need the clusters.

        Raises:
            AzureError: when the jobs cannot be listed.
        """
        others = (job for job in jobs_of_render(self.workspace, self.claim.value) if job.run_id != self.claim.run_id)
        return [job for job in others if not job.is_over and not self._has_released(job.run_id)]

    def _has_released(self, run_id: str) -> bool:
        if self.open_run is None or QUEUE.problem(run_id):
            return False
        try:
            with closing(self.open_run(run_id)) as store:
                return bool(store.names(blobs.RELEASED))
        except HyperscaleError as error:
            logger.warning("whether run %s still needs the clusters is not known: %s", run_id, error)
            return False
