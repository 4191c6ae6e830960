"""How the user's modules are found: theirs is what they get by a name that is a standard module's, too; others do not.

In the code folder `import statistics` gives the statistics.py beside, as Python does there. What is not theirs, the
standard library and this package, never gets it: a queue.py of theirs shadows nothing of it. So that both can be there,
theirs is known as `activity/statistics`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

#: No name of a file has a slash: what is known by this is nobody else's.
_PREFIX = "activity/"
#: Python has imported these, or has them in itself, before any module of a user could be found.
ALWAYS_STANDARD = frozenset(
    {*sys.builtin_module_names, "_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath"}
    | {"importlib", "io", "ntpath", "os", "posixpath", "site", "stat", "zipimport"}
)
#: Theirs of these names can be the entry, but no import gives it.
NEVER_THEIRS = ALWAYS_STANDARD | {"hyperscale", "__main__"}


class OwnModules:
    """Finds the user's modules that are named like others, and gives them to the user's modules alone."""

    def __init__(self) -> None:
        """Know no folder yet."""
        self._names: set[str] = set()
        self._folders: tuple[str, ...] = ()
        self._import, self._import_module = builtins.__import__, importlib.import_module

    def add(self, folder: Path, names: Collection[str]) -> None:
        """Know the modules of `folder`, of which `names` are those of others, too; folders added before come first."""
        self._names.update(names)
        self._folders += (str(folder),)

    def import_for(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - as Python calls it
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Do what an import statement does."""
        caller = sys._getframe(1).f_globals if globals is None else globals
        if level == 0 and self._is_theirs(name, caller):
            name = _PREFIX + name
        return self._import(name, globals, locals, fromlist, level)

    def import_module_for(self, name: str, package: str | None = None) -> ModuleType:
        """Do what importlib.import_module does."""
        caller = sys._getframe(1).f_globals
        if self._is_theirs(name, caller):
            name = _PREFIX + name
        elif package is not None and name.startswith(".") and self._is_theirs(package, caller):
            package = _PREFIX + package
        return self._import_module(name, package)

    def _is_theirs(self, name: str, caller: Mapping[str, object]) -> bool:
        """Whether what the module with the globals `caller` calls `name` is a module of the user's folders."""
        top = name.partition(".")[0]
        if top not in self._names or top in NEVER_THEIRS:
            return False
        file = caller.get("__file__")
        return isinstance(file, str) and any(file.startswith(f"{folder}{os.sep}") for folder in self._folders)

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return where the module `activity/NAME` is; what is in a package of theirs is found as always."""
        top = name.removeprefix(_PREFIX)
        found = importlib.machinery.PathFinder.find_spec(top, self._folders) if top != name else None
        if found is None:
            return None
        if found.origin is None:  # a package without __init__.py
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = found.submodule_search_locations
            return spec
        return importlib.util.spec_from_file_location(
            name, found.origin, submodule_search_locations=found.submodule_search_locations
        )


def import_module(name: str, folder: Path) -> Any:
    """Return the module `name`, taken from `folder`.

    A module with a standard name can still be the entry: then it is known by another name.
    """
    add_folder(folder)
    top = name.partition(".")[0]
    is_theirs = _is_taken(top, folder) and (top in _modules_in(folder) or (folder / top).is_dir())
    return importlib.import_module(_PREFIX + name if is_theirs else name)


def import_file(file: Path) -> Any:
    """Return the module in `file`, whatever its name is; its neighbours are found if its folder is in the path.

    Raises:
        ModuleNotFoundError: when there is no such Python file.
    """
    taken = file.stem in sys.stdlib_module_names or file.stem in sys.modules
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{file.stem}" if taken else file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ModuleNotFoundError(f"no module {file.stem!r} in the activity's folder")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def add_folder(folder: Path) -> None:
    """Let modules of `folder` be imported, and first of all by each other.

    The import statement is another one after that where a name could mean two modules; elsewhere nothing changes.
    """
    add_to_path(folder)
    own = next((finder for finder in sys.meta_path if isinstance(finder, OwnModules)), None)
    if own is None:
        own = OwnModules()
        sys.meta_path.append(own)
    names = {name for name in _modules_in(folder) if _is_taken(name, folder)}
    own.add(folder, names)
    if names:
        builtins.__import__, importlib.import_module = own.import_for, own.import_module_for


def add_to_path(folder: Path) -> None:
    """Let modules of `folder` be imported: after standard ones and folders added before, and before installed ones."""
    at = next(
        (n for n, path in enumerate(sys.path) if "site-packages" in path or "dist-packages" in path),
        len(sys.path),
    )
    sys.path.insert(at, str(folder))


def _modules_in(folder: Path) -> set[str]:
    """Return the names of the modules and packages of `folder`; without __init__.py a folder comes after all others."""
    suffixes = tuple(importlib.machinery.all_suffixes())
    modules = {path.name.partition(".")[0] for path in folder.iterdir() if path.name.endswith(suffixes)}
    return modules | {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()}


def _is_taken(name: str, folder: Path) -> bool:
    """Return whether `name` means a module that is not in `folder`."""
    if name in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return name in sys.modules and (file is None or folder not in Path(file).parents)
