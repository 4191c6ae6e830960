"""Finds a function by the name that Python would import it by, and reads its parameters, without running anything."""

from __future__ import annotations

import ast
import enum
import importlib.machinery
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperscale.control.making.parameters import Parameter, columns_of_row, parameters_of, takes_row
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
    definition = _definition(module, name, folders)
    if isinstance(definition, ast.ClassDef):
        run = next((each for each in definition.body if isinstance(each, _Function) and each.name == "run"), None)
        if run is None:
            raise ExperimentError(
                f"{reference} is a class without a method run(row)",
                hint="name a function, or a class that hyperscale can make one of in each worker (a NodeRunner)",
            )
        if _origin(file) is not Origin.OWN:
            raise ExperimentError(
                f"{reference} is a class of {_origin(file).value}",
                hint="write a class of your own that inherits from it, and name that",
            )
        function, is_of_row = run, True
    else:
        function, is_of_row = definition, takes_row(definition)
    return FoundFunction(
        module=module,
        name=name,
        folder=folder,
        origin=_origin(file),
        takes_row=is_of_row,
        is_async=isinstance(function, ast.AsyncFunctionDef),
        columns=tuple(columns_of_row(function) if is_of_row else parameters_of(function)),
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


def _definition(module: str, name: str, folders: Sequence[Path]) -> _Function | ast.ClassDef:
    """Return what defines `name`, wherever `module` has it from."""
    wanted = f"{module}:{name}"
    for _ in range(MAX_IMPORTS):
        file, _folder = _file_of(module, folders)
        bound = dict(_bound_names(_tree(file).body))
        found = bound.get(name)
        if isinstance(found, _Function | ast.ClassDef):
            return found
        if not isinstance(found, ast.ImportFrom):
            guess = did_you_mean(name, [each for each in bound if not each.startswith("_")])
            raise ExperimentError(
                f"{file} defines no function {name}{guess}" if found is None else f"{wanted} is no plain function",
                hint="name a function that is defined with def, or write one that calls it",
            )
        name = next(each.name for each in found.names if (each.asname or each.name) == name)
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        above = package.rsplit(".", found.level - 1)[0] if found.level > 1 else package
        module = ".".join(filter(None, [above if found.level else "", found.module]))
    raise ExperimentError(f"{wanted} is imported from module to module", hint="name the module that defines it")


def _tree(file: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, such as "\d" in a text
            return ast.parse(file.read_bytes())
    except SyntaxError as error:
        place = f"{file}:{error.lineno or 1}:{error.offset or 1}"
        raise ExperimentError(f"{place}: is not Python: {error.msg}", hint="correct it first") from error


def _bound_names(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield each name that a module binds, and the statement that does; the last one counts."""
    for statement in body:
        if isinstance(statement, _Function | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.ImportFrom | ast.Import):
            for alias in statement.names:
                yield alias.asname or alias.name, statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement
        elif isinstance(statement, ast.If | ast.Try):
            inner = [*statement.body, *statement.orelse]
            handlers = statement.handlers if isinstance(statement, ast.Try) else []
            yield from _bound_names([*(line for handler in handlers for line in handler.body), *inner])


def _origin(file: Path) -> Origin:
    paths = sysconfig.get_paths()
    resolved = file.resolve()
    if "site-packages" in resolved.parts or "dist-packages" in resolved.parts:
        return Origin.INSTALLED
    if any(resolved.is_relative_to(Path(paths[name]).resolve()) for name in ("stdlib", "platstdlib")):
        return Origin.STANDARD
    return Origin.OWN
