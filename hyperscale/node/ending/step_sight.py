"""Looks at a run's jobs on Azure ML in a thread of its own: teardown never waits for what it sees there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from hyperscale.errors import HyperscaleError
from hyperscale.node.azure.workspace_facts import StepFacts
from hyperscale.tempo import at_tempo

LOOK_SECONDS = 15.0
CLOSE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Steps(Protocol):
    """Where the steps of jobs are told; `Workspace` is one."""

    def steps(self, job: str) -> list[StepFacts]:
        """Return the steps of a pipeline job, as far as they exist yet."""


class StepSight:
    """What was seen last of the steps of some jobs. It costs nothing but this sight where it may not look."""

    def __init__(
        self, workspace: Steps, jobs: Callable[[], Iterable[str]], *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        """Prepare to look at what `workspace` says of `jobs` every `look_seconds`."""
        self._workspace, self._jobs, self._look_seconds = workspace, jobs, look_seconds
        self._latest: tuple[StepFacts, ...] = ()
        self._has_failed = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="step-sight", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def latest(self) -> tuple[StepFacts, ...]:
        """Return what was seen last, at once."""
        return self._latest

    def look(self) -> tuple[StepFacts, ...]:
        """Look now, and return what is seen; what was seen last when Azure does not say."""
        try:
            self._latest = tuple(step for job in self._jobs() for step in self._workspace.steps(job))
        except HyperscaleError as error:
            if not self._has_failed:
                logger.warning("the states of the run's steps cannot be seen, heartbeats alone tell: %s", error)
            self._has_failed = True
        return self._latest

    def close(self) -> None:
        """Look no more; a look that waits for an answer may go on for a while."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def _look_on(self) -> None:
        while not self._closed.is_set():
            try:
                self.look()
            except Exception:
                if not self._closed.is_set():  # else: what it asks was closed meanwhile
                    raise
            self._closed.wait(at_tempo(self._look_seconds))
