"""What teardown can do about the machines of a run, beside its queue and its store; on one machine that is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from hyperscale.cost import Rates
from hyperscale.errors import HyperscaleError
from hyperscale.node.azure.workspace_facts import DataAsset, StepFacts
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.clusters import Deleted, Deletion
from hyperscale.node.ending.joins import Join
from hyperscale.node.storing.stores import Store


class Fleet(Protocol):
    """The machines of a run.

    Attributes:
        component: run id of the component of a pipeline that the run is; empty for another run.
    """

    component: str

    def rates(self, idle_seconds: float) -> Rates | None:
        """Return what the run's nodes cost, of which its own stay idle for `idle_seconds`; None when nobody knows."""

    @property
    def is_ours(self) -> bool:
        """Return whether the run has clusters that are to be deleted."""

    def steps(self) -> tuple[StepFacts, ...]:
        """Return at once what was seen last of the run's jobs; nothing where they cannot be seen."""

    def follow(
        self, jobs: Iterable[str], joins: Callable[[], list[Join]], open_run: Callable[[str], Store] | None = None
    ) -> None:
        """Look from now on at the steps of the run's jobs: of `jobs`, and of who joined by then, as `joins` says.

        Both are claims: a job is looked at when Azure says that it is the run's. `open_run` opens the store of a run.
        """

    def begin_deletion(self) -> None:
        """Have all consumers cancelled and the run's clusters deleted, and do not wait for it."""

    def delete(self, wait: Callable[[float], None]) -> Deleted:
        """Delete the run's clusters once its consumers have ended, and wait until they are gone.

        Once done, the same is returned again.
        """

    def tell(self, results: RunResults) -> None:
        """Say what the run came to where people look at its job."""

    def register(self, asset: DataAsset) -> None:
        """Make a data asset in the workspace of the run.

        Raises:
            HyperscaleError: when there is none, or it refuses.
        """

    def log(self, figures: Mapping[str, float]) -> None:
        """Show figures of now where people look at its job."""

    def close(self) -> None:
        """Look no more."""


class NoFleet:
    """A run whose machines are nobody's business: one machine, or a place where Azure cannot be asked.

    Attributes:
        is_ours: there is nothing that could be deleted.
        component: there is none.
    """

    is_ours = False
    component = ""

    def __init__(self, clusters: tuple[str, ...] = (), problem: str = "") -> None:
        """Leave `clusters` alone, which ought to be deleted but cannot be, for `problem`."""
        self._left = tuple(Deletion(name, problem=problem) for name in clusters)

    def rates(self, _: float) -> Rates | None:
        return None

    def steps(self) -> tuple[StepFacts, ...]:
        return ()

    def follow(self, _: Iterable[str], __: Callable[[], list[Join]], ___: Callable[[str], Store] | None = None) -> None:
        return

    def begin_deletion(self) -> None:
        return

    def delete(self, _: Callable[[float], None]) -> Deleted:
        return Deleted(left=self._left)

    def tell(self, _: RunResults) -> None:
        return

    def register(self, _: DataAsset) -> None:
        raise HyperscaleError("this run is not on Azure ML, so there is no workspace to register them in")

    def close(self) -> None:
        return

    def log(self, _: Mapping[str, float]) -> None:
        return
