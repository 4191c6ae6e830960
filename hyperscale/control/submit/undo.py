"""Takes back what a submission has made: jobs, clusters, manifest; and says what could not be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from hyperscale.azure_run import AzureRun
from hyperscale.control.azure.session import Session
from hyperscale.control.submit.journal import Journal
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.node.ending.clusters import delete_clusters
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import Claim, claim_of
from hyperscale.plan import Plan
from hyperscale.talk import Say

#: So long a person waits for clusters to go; Azure ML needs about five minutes for one.
PATIENCE_SECONDS = 900.0


class Undo:
    """Takes back one submission; safe to repeat, and no step of it keeps the others from happening."""

    def __init__(
        self,
        session: Session,
        store: Store,
        say: Say,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Act as the person of `session`; `store` is the run's."""
        self._workspace, self._store, self._say = session.workspace, store, say
        self._clock, self._wait = clock, wait

    def carry_out(self, journal: Journal, run: AzureRun) -> list[str]:
        """Take back what `journal` says may be there of `run`; return what is still there, one sentence each."""
        left = []
        if "jobs" in journal.begun:
            left += self._cancel(journal.jobs)
        if "clusters" in journal.begun:
            left += self.delete_clusters(claim_of(run, journal.run_id))
        if "manifest" in journal.begun and not left:
            # As long as anything is there, run.json tells other machines whose it is.
            left += self._remove_records()
        return left

    def delete_clusters(self, claim: Claim) -> list[str]:
        """Delete the clusters of `claim` that are its run's, and wait until they are gone; return those that are not.

        One that is somebody else's stays, and is named.
        """
        deleted = delete_clusters(
            self._workspace, claim, clock=self._clock, wait=self._wait, total_seconds=PATIENCE_SECONDS
        )
        for cluster in deleted.foreign:
            self._say(f"warning: cluster {cluster.name} is left alone: {cluster.problem}")
        return [f"cluster {each}" for each in deleted.left]

    def _cancel(self, jobs: Sequence[str]) -> list[str]:
        left = []
        for name in jobs:
            try:
                job = self._workspace.job(name)
                if job is not None and not job.is_over:
                    self._workspace.cancel_job(name)
                    self._say(f"job {name} is cancelled")
            except AzureError as error:
                left.append(f"job {name} ({error})")
        return left

    def _remove_records(self) -> list[str]:
        try:
            with suppress(FileNotFoundError):
                self._store.remove()
        except HyperscaleError as error:
            return [f"run.json ({error})"]
        return []


def owned_clusters(journal: Journal) -> tuple[str, ...]:
    """Return the names of the clusters that the submission makes."""
    return tuple(cluster.name for cluster in Plan.from_document(journal.plan).owned_clusters)
