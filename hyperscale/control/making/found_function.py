"""Finds a function by the name that Python would import it by, and reads its parameters, without running anything."""

from __future__ import annotations

import ast
import enum
import importlib.machinery
import sys
import sysconfig
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperscale.control.making.parameters import Callable, Parameter, columns_of_row, parameters_of, takes_row
from hyperscale.control.reading.entry_point import class_problem, definitions, run_of
from hyperscale.errors import ExperimentError
from hyperscale.suggestions import did_you_mean

#: A name that is imported from module to module is followed so far.
MAX_IMPORTS = 8
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Origin(enum.Enum):
    """Where a module is from."""

    OWN = "a file of its user"
    INSTALLED = "an installed package"
    STANDARD = "Python's standard library"


@dataclass(frozen=True)
class FoundFunction:
    """A function that exists.

    Attributes:
        module, name: as Python imports it.
        folder: that Python finds the module in.
        origin: where it is from.
        takes_row: whether its one parameter is a row.
        is_async: whether it is awaited.
        columns: what its rows have to have.
    """

    module: str
    name: str
    folder: Path
    origin: Origin
    takes_row: bool
    is_async: bool
    columns: tuple[Parameter, ...]

    @property
    def reference(self) -> str:
        """Return `module:name`."""
        return f"{self.module}:{self.name}"

    @property
    def is_activity(self) -> bool:
        """Return whether the experiment can name it as its entry point: a function of rows, in a file of its user."""
        return self.takes_row and self.origin is Origin.OWN


def find_function(reference: str, folders: Sequence[Path]) -> FoundFunction:
    """Return the function that `reference`, `module:name`, names.

    Args:
        reference: what is looked for.
        folders: that modules are looked for in, in this order.

    Raises:
        ExperimentError: when it is not found, or is no function that rows can be given to.
    """
    module, _, name = reference.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise ExperimentError(
            f"{reference!r} names no function", hint="give module:name, as in --from-function forecasts:fit"
        )
    file, folder = _file_of(module, folders)
    origin = _origin(file)
    definition = _definition(module, name, folders)
    function: Callable | None
    if isinstance(definition, ast.ClassDef):
        problem = class_problem(definition)
        if problem is not None and run_of(definition) is None:
            raise ExperimentError(
                f"{reference} is a class without a method run(row)",
                hint="name a function, or a class that hyperscale can make one of in each worker (a NodeRunner)",
            )
        if origin is not Origin.OWN:
            raise ExperimentError(
                f"{reference} is a class of {origin.value}",
                hint="write a class of your own that inherits from it, and name that",
            )
        run = run_of(definition)
        function, is_of_row = run if isinstance(run, _Function) else None, True
    else:
        function, is_of_row = definition, definition is None or takes_row(definition)
    if function is None and origin is not Origin.OWN:
        raise ExperimentError(
            f"{reference} is no plain function",
            hint="name a function that is defined with def, or write one that calls it",
        )
    return FoundFunction(
        module=module,
        name=name,
        folder=folder,
        origin=origin,
        takes_row=is_of_row,
        is_async=isinstance(function, ast.AsyncFunctionDef),
        columns=tuple(columns_of_row(function) if function is None or is_of_row else parameters_of(function)),
    )


def find_file(module: str, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Return the file of a module and the one of `folders` that it lies in; None when none of them has it."""
    for folder in folders:
        path: list[str] | None = [str(folder)]
        origin = None
        for part in module.split("."):
            # Unlike importlib.util.find_spec, this imports no package on the way. By its whole name, a folder without
            # __init__.py would be looked for in what was imported.
            spec = importlib.machinery.PathFinder.find_spec(part, path)
            if spec is None:
                break
            path, origin = list(spec.submodule_search_locations or ()), spec.origin
        else:
            if origin and origin.endswith(".py"):
                return Path(origin), folder
    return None


def _file_of(module: str, folders: Sequence[Path]) -> tuple[Path, Path]:
    found = find_file(module, folders)
    if found is None:
        if module.partition(".")[0] in sys.stdlib_module_names:
            raise ExperimentError(
                f"the source of {module} cannot be read: it is not written in Python",
                hint="write a function of your own that calls it, and name that",
            )
        known = [path.stem for path in folders[0].glob("*.py")] if folders else []
        raise ExperimentError(
            f"there is no module {module} in this folder, nor anywhere on Python's path{did_you_mean(module, known)}",
            hint="go to the folder that the module is imported from, or add it to PYTHONPATH",
        )
    return found


def _definition(module: str, name: str, folders: Sequence[Path]) -> Callable | ast.ClassDef | None:
    """Return what defines `name`, wherever `module` has it from; None for what is made when the module runs."""
    waiting = [(module, name)]
    file, _ = _file_of(module, folders)
    known: list[str] = []
    for _ in range(MAX_IMPORTS):
        if not waiting:
            guess = did_you_mean(name, [each for each in known if not each.startswith("_")])
            raise ExperimentError(
                f"{file} defines no function {name}{guess}",
                hint="name a function that is defined with def, or write one that calls it",
            )
        place, wanted = waiting.pop(0)
        if (place, wanted) != (module, name) and _is_compiled(place, folders):
            return None
        here, _ = _file_of(place, folders)
        body = _tree(here).body
        bound = dict(definitions(body))
        known += bound
        found = bound.get(wanted)
        if isinstance(found, _Function | ast.ClassDef):
            return found
        if isinstance(found, ast.Import):
            raise ExperimentError(f"{module}:{name} is a module", hint=f"name a function in it: {wanted}:...")
        if isinstance(found, ast.ImportFrom):
            original = next(each.name for each in found.names if (each.asname or each.name) == wanted)
            waiting = [(_imported_module(found, place, here), original)]
        elif found is not None:
            value = _value_of(found, wanted)
            if isinstance(value, ast.Lambda):
                return value
            if not isinstance(value, ast.Name) or value.id not in bound or value.id == wanted:
                return None
            waiting = [(place, value.id)]
        else:
            stars = [each for star, each in definitions(body) if star == "*" and isinstance(each, ast.ImportFrom)]
            waiting = [(_imported_module(each, place, here), wanted) for each in reversed(stars)] + waiting
    raise ExperimentError(f"{module}:{name} is imported from module to module", hint="name the module that defines it")


def _imported_module(statement: ast.ImportFrom, module: str, file: Path) -> str:
    """Return the whole name of the module that `statement` in `module` imports from."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    above = package.rsplit(".", statement.level - 1)[0] if statement.level > 1 else package
    return ".".join(filter(None, [above if statement.level else "", statement.module]))


def _value_of(statement: ast.stmt, name: str) -> ast.expr | None:
    """Return what `statement` gives to `name` alone, if it does."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value
    if isinstance(statement, ast.Assign):
        return (
            statement.value
            if any(isinstance(each, ast.Name) and each.id == name for each in statement.targets)
            else None
        )
    return None


def _is_compiled(module: str, folders: Sequence[Path]) -> bool:
    """Return whether a module has no source that could be read, but is there."""
    top = module.partition(".")[0]
    return find_file(module, folders) is None and (
        top in sys.stdlib_module_names
        or importlib.machinery.PathFinder.find_spec(top, list(map(str, folders))) is not None
    )


def _tree(file: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, such as "\d" in a text
            return ast.parse(file.read_bytes())
    except SyntaxError as error:
        place = f"{file}:{error.lineno or 1}:{error.offset or 1}"
        raise ExperimentError(f"{place}: is not Python: {error.msg}", hint="correct it first") from error


def _origin(file: Path) -> Origin:
    paths = sysconfig.get_paths()
    resolved = file.resolve()
    if "site-packages" in resolved.parts or "dist-packages" in resolved.parts:
        return Origin.INSTALLED
    if any(resolved.is_relative_to(Path(paths[name]).resolve()) for name in ("stdlib", "platstdlib")):
        return Origin.STANDARD
    return Origin.OWN
