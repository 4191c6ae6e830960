"""Run one function over many rows on Azure Machine Learning: nothing lost, nothing doubled, nothing left running."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperscale.control.handles.experiment_file import ExperimentFile, load, run_experiment
    from hyperscale.control.handles.run import RowCounts, Run
    from hyperscale.control.mapping.map_rows import map_rows
    from hyperscale.control.mapping.outcomes import Outcome, Outcomes
    from hyperscale.errors import (
        AzureError,
        ExperimentError,
        HyperscaleError,
        IncompleteRunError,
        PlanError,
        Problem,
        RunStateError,
        TeardownError,
    )
    from hyperscale.failures import Failure
    from hyperscale.node.working.activity import Context, NodeRunner

__version__ = "0.1.0"
__all__ = [
    "AzureError",
    "Context",
    "ExperimentError",
    "ExperimentFile",
    "Failure",
    "HyperscaleError",
    "IncompleteRunError",
    "NodeRunner",
    "Outcome",
    "Outcomes",
    "PlanError",
    "Problem",
    "RowCounts",
    "Run",
    "RunStateError",
    "TeardownError",
    "__version__",
    "load",
    "map_rows",
    "run_experiment",
]

#: Where each name is defined: `hyperscale --help` and the nodes import no more than they use.
_HOMES = {
    "AzureError": "hyperscale.errors",
    "Context": "hyperscale.node.working.activity",
    "ExperimentError": "hyperscale.errors",
    "ExperimentFile": "hyperscale.control.handles.experiment_file",
    "Failure": "hyperscale.failures",
    "HyperscaleError": "hyperscale.errors",
    "IncompleteRunError": "hyperscale.errors",
    "NodeRunner": "hyperscale.node.working.activity",
    "Outcome": "hyperscale.control.mapping.outcomes",
    "Outcomes": "hyperscale.control.mapping.outcomes",
    "PlanError": "hyperscale.errors",
    "Problem": "hyperscale.errors",
    "RowCounts": "hyperscale.control.handles.run",
    "Run": "hyperscale.control.handles.run",
    "RunStateError": "hyperscale.errors",
    "TeardownError": "hyperscale.errors",
    "load": "hyperscale.control.handles.experiment_file",
    "map_rows": "hyperscale.control.mapping.map_rows",
    "run_experiment": "hyperscale.control.handles.experiment_file",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hyperscale' has no attribute {name!r}")
    import importlib

    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "hyperscale.control":
            raise
        return _stand_in(name)


@functools.cache
def _stand_in(name: str) -> Any:
    """Return what nodes have in place of what starts runs: to be imported, and to be a type, but not to be called.

    A module whose main program starts a run of its own functions is imported by the workers of that run.
    """

    def refuse(*_: Any, **__: Any) -> Any:
        from hyperscale.errors import RunStateError

        raise RunStateError(
            f"hyperscale.{name} was called in a run's worker, which cannot start runs",
            hint='call it under if __name__ == "__main__":, so that workers can import the module',
        )

    refuse.__name__ = refuse.__qualname__ = name
    members = {"__new__": refuse, "__class_getitem__": classmethod(lambda cls, _: cls), "__module__": __name__}
    return type(name, (), members) if name[0].isupper() else refuse


def __dir__() -> list[str]:
    """Return the names that can be imported from here."""
    return sorted(__all__)
