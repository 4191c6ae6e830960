"""Values on their way between `map_rows` and its workers: pickled, as text for a line; large ones travel as files."""

from __future__ import annotations

import base64
import inspect
import io
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hyperscale.errors import HyperscaleError

#: A larger pickle travels as a file: lines between processes are held in memory, and have a longest length.
LARGE_BYTES = 256 * 1024
#: What a line has in place of a pickle that is in a file; no text of base64 begins so.
_IN_FILE = "@"
#: A pickle that names this module looks for a class or function there, and finds the worker's.
_MAIN = "__main__"


def pack(value: Any, file: Path) -> str:
    """Return `value` as text for a line; a large one is written to `file`.

    Raises:
        HyperscaleError: when only cloudpickle could pack it, and that is not installed.
        Exception: when it cannot be pickled; whatever its own methods raise.
    """
    data = to_bytes(value)
    if len(data) <= LARGE_BYTES:
        return base64.b64encode(data).decode()
    file.write_bytes(data)
    return f"{_IN_FILE}{file}"


def unpack(text: str) -> Any:
    """Return what `pack` made `text` of; its file stays.

    Raises:
        Exception: when it cannot be unpickled here.
    """
    data = Path(text.removeprefix(_IN_FILE)).read_bytes() if text.startswith(_IN_FILE) else base64.b64decode(text)
    return pickle.loads(data)  # noqa: S301 - of our own worker, or of the process that started it


def discard(text: str) -> None:
    """Remove the file that `text` speaks of, if there is one."""
    if text.startswith(_IN_FILE):
        Path(text.removeprefix(_IN_FILE)).unlink(missing_ok=True)


def to_bytes(value: Any) -> bytes:
    """Return the pickle of `value`; what is defined in a notebook or a script travels with it.

    Raises:
        HyperscaleError: when only cloudpickle could pickle it, and that is not installed.
        Exception: when it cannot be pickled; whatever its own methods raise.
    """
    try:
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return _by_value(value, error)
    # The bytes are asked first, as that takes no time; text among the data may hold the word, too.
    return _by_value(value, None) if _MAIN.encode() in data and _names_main(value) else data


def function_to_bytes(function: Any) -> bytes:
    """Return the pickle of what rows are given to.

    Raises:
        HyperscaleError: when it cannot be pickled.
    """
    try:
        return to_bytes(function)
    except HyperscaleError:
        raise
    except Exception as error:
        held = " and ".join(f"`{name}`" for name in _left_behind(function))
        raise HyperscaleError(
            f"map_rows: {getattr(function, '__qualname__', repr(function))} cannot be sent to workers"
            f"{f' with {held}, which it uses' if held else ''}: {type(error).__name__}: {error}",
            hint="make what it needs inside of it, or once in each worker in set_up of a NodeRunner",
        ) from error


def _left_behind(function: Any) -> Iterator[str]:
    """Yield the names that a function uses, but does not define, whose values cannot be pickled."""
    try:
        used = inspect.getclosurevars(function)
    except (TypeError, ValueError):  # it is no plain function, or a name of it has no value yet
        return
    for name, value in {**used.globals, **used.nonlocals}.items():
        try:
            to_bytes(value)
        except Exception:
            yield name


class _MainNamedError(Exception):
    """A pickle names something that is defined in `__main__`."""


class _MainFinder(pickle.Pickler):
    """Pickles until it comes to something that is defined in `__main__`."""

    def reducer_override(self, value: Any) -> Any:
        if getattr(value, "__module__", None) == _MAIN:
            raise _MainNamedError
        return NotImplemented


def _names_main(value: Any) -> bool:
    """Return whether a pickle of `value` looks for a class or a function in `__main__`."""
    try:
        _MainFinder(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(value)
    except _MainNamedError:
        return True
    return False


def _by_value(value: Any, error: Exception | None) -> bytes:
    """Return a pickle that holds functions and classes themselves, where their names would not be enough."""
    try:
        import cloudpickle
    except ImportError:
        raise HyperscaleError(
            f"a {type(value).__name__} that is defined in a notebook, a script or another function "
            "cannot be sent to workers without cloudpickle" + (f": {error}" if error else ""),
            hint="pip install cloudpickle, or move it into a module that can be imported",
        ) from error
    data: bytes = cloudpickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return data


def search_path() -> list[str]:
    """Return where this process looks for modules: workers look there, too."""
    return [path or str(Path.cwd()) for path in sys.path]
