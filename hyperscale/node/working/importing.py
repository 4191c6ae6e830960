"""How the user's modules are found: behind the standard library, so that a queue.py of theirs shadows nothing of it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


def import_module(name: str, folder: Path) -> Any:
    """Return the module `name`, taken from `folder`.

    A module with a standard name can still be the entry: then it is loaded from its file, under another name.
    """
    add_to_path(folder)
    if name not in sys.stdlib_module_names:
        return importlib.import_module(name)
    return import_file(folder / f"{name}.py")


def import_file(file: Path) -> Any:
    """Return the module in `file`, whatever its name is; its neighbours are found if its folder is in the path.

    Raises:
        ModuleNotFoundError: when there is no such Python file.
    """
    taken = file.stem in sys.stdlib_module_names or file.stem in sys.modules
    spec = importlib.util.spec_from_file_location(f"activity_{file.stem}" if taken else file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ModuleNotFoundError(f"no module {file.stem!r} in the activity's folder")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def add_to_path(folder: Path) -> None:
    """Let modules of `folder` be imported: after standard ones and folders added before, and before installed ones."""
    at = next(
        (n for n, path in enumerate(sys.path) if "site-packages" in path or "dist-packages" in path),
        len(sys.path),
    )
    sys.path.insert(at, str(folder))
