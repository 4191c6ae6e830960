"""The machines of a run that is a component of somebody's pipeline: they are seen, and none is cancelled or deleted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_RUN, AzureRun
from hyperscale.cost import Rates
from hyperscale.errors import AzureError
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.azure.workspace_facts import DataAsset, StepFacts
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.fleet import NoFleet
from hyperscale.node.ending.joins import Join
from hyperscale.node.ending.step_sight import StepSight
from hyperscale.node.storing.stores import Store

logger = logging.getLogger(__name__)


class ComponentFleet(NoFleet):
    """The machines of such a run, asked for as one principal; a `Fleet`.

    Its clusters stay, and a step that was cancelled would end the pipeline around it.

    Attributes:
        component: run id of the component in the pipeline; empty where that is not known.
    """

    def __init__(self, workspace: Workspace, component: str, run: AzureRun | None = None) -> None:
        """Ask `workspace`.

        Args:
            workspace: of the run.
            component: run id of the component in the pipeline; empty where run history does not tell it from the
                pipeline: its steps stand among those of others then, and are not looked at.
            run: what the inputs of its teardown say: the prices.
        """
        super().__init__()
        self.component = component
        self._workspace, self._run = workspace, run
        self._sight: StepSight | None = None

    def rates(self, idle_seconds: float) -> Rates | None:
        """Return what the run's nodes cost; None when nobody knows."""
        return self._run.rates(idle_seconds) if self._run else None

    def steps(self) -> tuple[StepFacts, ...]:
        """Return at once what was seen last of the component's steps."""
        return self._sight.latest() if self._sight else ()

    def follow(self, _: Iterable[str], __: Callable[[], list[Join]], ___: Callable[[str], Store] | None = None) -> None:
        """Look from now on at the steps of the component: what a record names is not looked at."""
        if self.component:
            self._sight = StepSight(self._workspace, lambda: [self.component])
            self._sight.start()

    def close(self) -> None:
        """Look no more."""
        if self._sight:
            self._sight.close()

    def tell(self, results: RunResults) -> None:
        """Say what the run came to as tags of the component, which the studio shows."""
        counts = results.rows
        tags = {"succeeded": counts.succeeded, "failed": counts.failed, "missing": counts.missing}
        self._tag({name: str(count) for name, count in tags.items()})

    def tell_run(self, run_id: str, experiment: str) -> None:
        """Say as tags of the component which run it is: so commands find it by what the run's store says."""
        self._tag({TAG_RUN: run_id, TAG_EXPERIMENT: experiment})

    def register(self, asset: DataAsset) -> None:
        """Make a data asset in the workspace.

        Raises:
            AzureError: when it refuses, or the asset exists with other data.
        """
        self._workspace.register_folder(asset)

    def log(self, figures: Mapping[str, float]) -> None:
        """Show figures of now as metrics of the component.

        Raises:
            AzureError: when they are not taken.
        """
        if self.component:
            self._workspace.log_metrics(self.component, figures, time.time())

    def _tag(self, tags: Mapping[str, str]) -> None:
        if not self.component:
            return
        try:
            self._workspace.tag_job(self.component, tags)
        except AzureError as error:
            logger.warning("the component does not get its tags %s: %s", dict(tags), error)
