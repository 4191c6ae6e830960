"""Run one function over many rows on Azure Machine Learning: nothing lost, nothing doubled, nothing left running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperscale.control.mapping.map_rows import map_rows
    from hyperscale.control.mapping.outcomes import Outcome, Outcomes
    from hyperscale.node.activity import Context, NodeRunner

__version__ = "0.1.0"
__all__ = ["Context", "NodeRunner", "Outcome", "Outcomes", "__version__", "map_rows"]

#: Where each name is defined: `hyperscale --help` and the nodes import no more than they use.
_HOMES = {
    "Context": "hyperscale.node.activity",
    "NodeRunner": "hyperscale.node.activity",
    "Outcome": "hyperscale.control.mapping.outcomes",
    "Outcomes": "hyperscale.control.mapping.outcomes",
    "map_rows": "hyperscale.control.mapping.map_rows",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hyperscale' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the names that can be imported from here."""
    return sorted(__all__)
