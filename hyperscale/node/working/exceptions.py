"""An exception of the user's code as a failure: its class, its message, and the user's own frames."""

from __future__ import annotations

import importlib
import linecache
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import hyperscale
from hyperscale.failures import Failure, shorten
from hyperscale.node.working.command_failure import CommandFailedError
from hyperscale.node.working.hidden_values import NOTHING_HIDDEN, HiddenValues
from hyperscale.node.working.results import ResultError

#: This package, however it was reached.
_OURS = str(Path(hyperscale.__file__).parent), os.path.realpath(Path(hyperscale.__file__).parent)
#: It, the start of Python, and how the import of the user's module looks from inside.
_NOT_THEIRS = (*_OURS, "<frozen ", str(Path(importlib.__file__).parent))
_MAX_FRAMES = 10
#: So many frames are looked at, from the innermost: a recursion without end has as many as one allows it.
_MAX_LOOK = 100


def failure_of(error: BaseException, folder: Path, hidden: HiddenValues = NOTHING_HIDDEN) -> Failure:
    """Return why an attempt failed with `error`, without hidden values.

    Args:
        error: what was raised.
        folder: the activity's; frames name files relative to it.
        hidden: values that must not be seen.
    """
    message = _said(lambda: hidden.hide(str(error)))
    if isinstance(error, CommandFailedError):
        return replace(error.failure, message=message)
    if isinstance(error, ResultError):
        return Failure("result", "ResultError", message)
    if isinstance(error, SystemExit):
        message = f"the activity called exit({_said(lambda: hidden.hide(repr(error.code)))})"
    return Failure("raised", _whole(type(error).__name__), message, tuple(map(hidden.hide, _frames(error, folder))))


def _said(say: Callable[[], str]) -> str:
    """Return what the user's exception says; its methods are the user's code and may raise themselves."""
    try:
        return _whole(shorten(say()))
    except BaseException as error:
        return f"(its message raises {type(error).__name__})"


def _whole(text: str) -> str:
    """Return `text` without halves of characters, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode()


def _frames(error: BaseException, folder: Path) -> tuple[str, ...]:
    """Return the user's own frames, innermost last."""
    try:
        frames = traceback.extract_tb(error.__traceback__, limit=-_MAX_LOOK)
        return user_frames([(frame.filename, frame.lineno or 0, frame.name) for frame in frames], folder)
    except BaseException:  # of a traceback or a linecache that the activity has changed
        return ()


def user_frames(places: Sequence[tuple[str, int, str]], folder: Path) -> tuple[str, ...]:
    """Return frames as the ledger holds them, "file:line function: code".

    Args:
        places: file, line and function of each frame, innermost last.
        folder: the activity's; its own frames are what is returned, with files relative to it. If none is its own (an
            import that fails inside of a library), those of others are, without Python's and this package's.
    """
    top = f"{os.path.realpath(folder)}{os.sep}"
    theirs = [place for place in places if not place[0].startswith(_NOT_THEIRS)]
    found = [(_real(file), line, name) for file, line, name in theirs]
    found = [place for place in found if not place[0].startswith(_OURS)]
    chosen = [place for place in found if place[0].startswith(top)] or found
    return tuple(
        _whole(f"{file.removeprefix(top)}:{line} {name}: {linecache.getline(file, line).strip()}")
        for file, line, name in chosen[-_MAX_FRAMES:]
    )


def _real(file: str) -> str:
    """Return the path of a file without links; code that comes from no file is called something like `<string>`."""
    return file if file.startswith("<") else os.path.realpath(file)
