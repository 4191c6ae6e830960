"""Run one function over many rows on Azure Machine Learning: nothing lost, nothing doubled, nothing left running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperscale.node.activity import Context, NodeRunner

__version__ = "0.1.0"
__all__ = ["Context", "NodeRunner", "__version__"]


def __getattr__(name: str) -> Any:
    """Load NodeRunner and Context when asked for: `hyperscale --help` and the nodes import no more than they use."""
    if name in ("Context", "NodeRunner"):
        from hyperscale.node import activity

        return getattr(activity, name)
    raise AttributeError(f"module 'hyperscale' has no attribute {name!r}")
