"""The machines of a run that is a component of somebody's pipeline: they are seen, and none is cancelled or deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_RUN, AzureRun
from hyperscale.cost import Rates
from hyperscale.node.azure.workspace import Workspace
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.azure_fleet import FleetInWorkspace, outcome_tags
from hyperscale.node.ending.fleet import NoFleet
from hyperscale.node.ending.joins import Join
from hyperscale.node.storing.stores import Store


class ComponentFleet(FleetInWorkspace, NoFleet):
    """The machines of such a run, asked for as one principal; a `Fleet`.

    Its clusters stay, and a step that was cancelled would end the pipeline around it.
    """

    def __init__(self, workspace: Workspace, component: str, run: AzureRun | None = None) -> None:
        """Ask `workspace`.

        Args:
            workspace: of the run.
            component: run id of the component in the pipeline; empty where run history does not tell it from the
                pipeline: its steps stand among those of others then, and are not looked at.
            run: what the inputs of its teardown say: the prices.
        """
        FleetInWorkspace.__init__(self, workspace)
        NoFleet.__init__(self)
        self.component, self._run = component, run

    def rates(self, idle_seconds: float) -> Rates | None:
        """Return what the run's nodes cost; None when nobody knows."""
        return self._run.rates(idle_seconds) if self._run else None

    def follow(self, _: Iterable[str], __: Callable[[], list[Join]], ___: Callable[[str], Store] | None = None) -> None:
        """Look from now on at the steps of the component: what a record names is not looked at."""
        if self.component:
            self._look_at(lambda: [self.component])

    def tell(self, results: RunResults) -> None:
        """Say what the run came to as tags of the component, which the studio shows."""
        self._tell(outcome_tags(results))

    def tell_run(self, run_id: str, experiment: str) -> None:
        """Say as tags of the component which run it is: so commands find it by what the run's store says."""
        self._tell({TAG_RUN: run_id, TAG_EXPERIMENT: experiment})

    def log(self, figures: Mapping[str, float]) -> None:
        """Show figures of now as metrics of the component.

        Raises:
            AzureError: when they are not taken.
        """
        if self.component:
            self._workspace.log_metrics(self.component, figures, time.time())

    def _tell(self, tags: Mapping[str, str]) -> None:
        if self.component:
            self._tag("component", self.component, tags)
