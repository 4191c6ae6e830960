"""What a folder for a function that exists needs: rows, types, a call, and the user's files that it imports."""

from __future__ import annotations

import ast
import csv
import importlib.machinery
import inspect
import io
import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from hyperscale.control.making.found_function import FoundFunction, Origin, find_file
from hyperscale.control.making.parameters import SAMPLE_ROWS
from hyperscale.errors import ExperimentError

#: More files than this are a project, not what a function imports.
MAX_FILES = 500
#: Of a package, these are not copied.
_LEFT_OUT = ("__pycache__",)


def function_values(function: FoundFunction) -> dict[str, Any]:
    """Return what the templates of the folder are filled with."""
    columns = function.columns
    return {
        "function": function,
        "entry": function.reference if function.is_activity else "activity:activity",
        "columns": json.dumps({each.name: each.type for each in columns if each.type != "string"}),
        "call": "row" if function.takes_row else _call(function),
        "rows": _rows(function),
        "requirement": requirement_of(function),
        "about_code": about_code(function),
    }


def about_code(function: FoundFunction) -> str:
    """Return one sentence that says where the function's code is from now on."""
    if function.origin is Origin.OWN:
        return (
            f"`src/` has copies of `{function.module}` and of what it imports of yours: nodes get `src/` alone. "
            "To use the code where it was, set `activity.code` to its folder."
        )
    return f"`src/activity.py` imports `{function.module}` from {function.origin.value}; nothing of it was copied."


def requirement_of(function: FoundFunction) -> str:
    """Return the requirement of the package that the function is installed with; empty if it is with none."""
    if function.origin is not Origin.INSTALLED:
        return ""
    package = function.module.partition(".")[0]
    installed = next((each for each in metadata.distributions() if package in _packages_of(each)), None)
    return f"{installed.metadata['Name']}=={installed.version}" if installed else package


def _packages_of(distribution: metadata.Distribution) -> set[str]:
    """Return the packages and modules that a distribution has brought.

    packages_distributions of Python 3.10 leaves out all that do not say so themselves, as most do not today.
    """
    said = (distribution.read_text("top_level.txt") or "").split()
    return set(said) or {
        path.parts[0] if len(path.parts) > 1 else inspect.getmodulename(path.name) or ""
        for path in distribution.files or ()
    }


def copied_files(function: FoundFunction) -> dict[Path, Path]:
    """Return the user's files that the function needs, by their place in the code folder.

    Those are its module, or the whole package that it is in, and what these import and lies beside them.

    Raises:
        ExperimentError: when these are very many, or one has the name of a file that is written.
    """
    if function.origin is not Origin.OWN:
        return {}
    files: dict[Path, Path] = {}
    # What nodes get of this program comes by itself.
    waiting, seen = [function.module.partition(".")[0]], {"hyperscale"}
    while waiting:
        top = waiting.pop()
        seen.add(top)
        for path in _files_of(top, function.folder):
            files[path.relative_to(function.folder)] = path
            if path.suffix == ".py":
                waiting += [name for name in _imported(path) if name not in seen]
        if len(files) > MAX_FILES:
            raise ExperimentError(
                f"{function.module} and what it imports are more than {MAX_FILES} files",
                hint="make a folder without --from-function, and set activity.code to the folder of your code",
            )
    if Path("activity.py") in files and not function.is_activity:
        raise ExperimentError(
            "the module activity cannot be copied: the file that calls the function has that name",
            hint="give yours another name, or let the function take a row: def function(row)",
        )
    return files


def _files_of(top: str, folder: Path) -> Iterator[Path]:
    """Yield the file, or all files of the package, that `top` is in `folder`; nothing if it is not there."""
    found = find_file(top, [folder])
    if found is None and not _is_namespace(top, folder):
        return
    if found is not None and found[0].name != "__init__.py":
        yield found[0]
        return
    for path in sorted((folder / top).rglob("*")):
        inner = path.relative_to(folder).parts
        if path.is_file() and not any(part in _LEFT_OUT or part.startswith(".") for part in inner):
            yield path


def _is_namespace(top: str, folder: Path) -> bool:
    """Return whether Python takes the folder `top` in `folder` as a package without __init__.py: as the last resort."""
    spec = importlib.machinery.PathFinder.find_spec(top, [str(folder), *sys.path])
    return spec is not None and spec.origin is None and (folder / top).is_dir()


def _imported(file: Path) -> set[str]:
    """Return the first names of the modules that `file` imports by their full names."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _call(function: FoundFunction) -> str:
    parts = [
        f'row["{each.name}"]' if each.is_positional else f'{each.name}=row["{each.name}"]' for each in function.columns
    ]
    return ", ".join(parts)


def _rows(function: FoundFunction) -> str:
    """Return a table of a few rows that the function can be called with."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # A table has a column, even if the function wants nothing of it.
    writer.writerow([each.name for each in function.columns] or ["row"])
    for index in range(SAMPLE_ROWS):
        writer.writerow([_cell(each.values[index]) for each in function.columns] or [index + 1])
    return text.getvalue()


def _cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
