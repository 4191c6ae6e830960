"""An exception of the user's code as a failure: its class, its message, and the user's own frames."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable
from pathlib import Path

from hyperscale.failures import Failure, shorten
from hyperscale.node.results import ResultError

_OURS = str(Path(__file__).parent.parent)
#: How the import of the user's module looks from inside.
_IMPORT = ("<frozen importlib", str(Path(importlib.__file__).parent))
_MAX_FRAMES = 10


def failure_of(error: BaseException, folder: Path) -> Failure:
    """Return why an attempt failed with `error`; `folder` is the activity's, frames name files relative to it."""
    message = shorten(_said(lambda: str(error)))
    if isinstance(error, ResultError):
        return Failure("result", "ResultError", message)
    if isinstance(error, SystemExit):
        message = f"the activity called exit({_said(lambda: repr(error.code))})"
    return Failure("raised", type(error).__name__, message, _frames(error, folder))


def _said(say: Callable[[], str]) -> str:
    """Return what the user's exception says; its methods are the user's code and may raise themselves."""
    try:
        return say()
    except BaseException as error:
        return f"(its message raises {type(error).__name__})"


def _frames(error: BaseException, folder: Path) -> tuple[str, ...]:
    """Return the frames outside of this package and of Python's import, innermost last."""
    top = f"{os.path.realpath(folder)}{os.sep}"
    others = (_OURS, *_IMPORT)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(others)]
    return tuple(
        f"{os.path.realpath(frame.filename).removeprefix(top)}:{frame.lineno} {frame.name}: {frame.line}"
        for frame in frames[-_MAX_FRAMES:]
    )
