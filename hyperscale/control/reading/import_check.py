"""Checks that nodes will have the modules that the user's code imports, by reading the code and running none of it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import hyperscale
from hyperscale.control.reading.entry_point import definitions
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.rendered.staging import staged_files, why_left_out
from hyperscale.errors import Problem
from hyperscale.node.working.importing import NEVER_THEIRS
from hyperscale.suggestions import did_you_mean

#: Parts of this package that stay on the machine that starts runs.
_NOT_ON_NODES = ("hyperscale.control", "hyperscale.commands")
_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True)
class _Import:
    """One module that a statement imports.

    Attributes:
        module: its whole name; of a relative import what stands behind the dots.
        names: that are taken from it: they may be modules, too.
        level: how many dots.
        node: where it stands.
        is_certain: whether the import of the file cannot end well without it.
    """

    module: str
    names: tuple[str, ...]
    level: int
    node: ast.AST
    is_certain: bool


def import_problems(loaded: LoadedExperiment, code: Path) -> tuple[list[Problem], list[Problem]]:
    """Return what nodes cannot import of the code in `code`, and what they perhaps cannot: in functions, say."""
    activity = loaded.experiment.activity
    if activity.entry is not None:
        check = _ImportCheck(code, [PurePosixPath()], activity.code)
        check.start(activity.entry.partition(":")[0], loaded.positions.problem(("activity", "entry"), ""))
    elif activity.parallel_script is not None:
        script = PurePosixPath(activity.parallel_script)
        check = _ImportCheck(code, [script.parent, PurePosixPath()], activity.code)
        check.start_file(script, loaded.positions.problem(("activity", "parallel_script"), ""))
    else:
        return [], []
    return check.problems, check.warnings


class _ImportCheck:
    """Goes from file to file of one code folder; each is read once."""

    def __init__(self, code: Path, folders: Sequence[PurePosixPath], shown: str) -> None:
        """Look in `folders`, relative to `code`, which messages call `shown`."""
        self._code, self._folders, self._shown = code, list(dict.fromkeys(folders)), shown
        self._staged = frozenset(staged_files(code).files)
        self._seen: set[tuple[PurePosixPath, bool]] = set()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def start(self, module: str, place: Problem) -> None:
        """Check what the entry `module` imports; `place` is where it is named."""
        folder = self._folder_of(module)
        for file in self._files_below(folder, module) if folder is not None else ():
            self.start_file(file, place)

    def start_file(self, file: PurePosixPath, place: Problem) -> None:
        """Check `file`, and what it imports."""
        self._follow([(file, place, True)])

    def _follow(self, waiting: list[tuple[PurePosixPath, Problem, bool]]) -> None:
        while waiting:
            file, place, is_certain = waiting.pop(0)
            if not self._seen.isdisjoint({(file, True), (file, is_certain)}):
                continue
            self._seen.add((file, is_certain))
            if file not in self._staged:
                reason = why_left_out(self._code, file, self._shown)
                if reason is not None:
                    self._say(place, is_certain, reason)
                continue
            for found in _imports_in(_tree(self._code / file), is_certain=True):
                certain = is_certain and found.is_certain
                here = self._place(file, found.node)
                waiting += [(imported, here, certain) for imported in self._imported_by(file, found)]
                self._check_ours(found, here, certain)
                if found.level > min(len(file.relative_to(folder).parts) for folder in self._folders_of(file)) - 1:
                    message = f"{here.file} is not that deep in a package: import {found.module or 'it'} without dots"
                    self._say(here, certain, message)

    def _say(self, place: Problem, is_certain: bool, message: str) -> None:
        problem = Problem(place.file, place.line, place.column, place.path, message)
        kept = self.problems if is_certain else self.warnings
        if all(message != other.message for other in (*self.problems, *kept)):
            kept.append(problem)

    def _place(self, file: PurePosixPath, node: ast.AST) -> Problem:
        shown = (PurePosixPath(self._shown) / file).as_posix()
        return Problem(shown, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, "", "")

    def _check_ours(self, found: _Import, place: Problem, is_certain: bool) -> None:
        """See that what is imported of this package is there."""
        if found.level or found.module.partition(".")[0] != "hyperscale":
            return
        for name in [found.module, *(f"{found.module}.{name}" for name in found.names)]:
            if name.startswith(_NOT_ON_NODES):
                message = f'nodes do not have {name}; import it under if __name__ == "__main__":'
                self._say(place, is_certain, message)
                return
        for name in found.names if found.module == "hyperscale" else ():
            if name != "*" and name not in dir(hyperscale) and not _is_part(name):
                guess = did_you_mean(name, hyperscale.__all__)
                also = "; rename the module of that name in the code folder" if self._has_own("hyperscale") else ""
                self._say(place, is_certain, f"the package hyperscale has no {name}{guess}{also}")

    def _folders_of(self, file: PurePosixPath) -> list[PurePosixPath]:
        return [folder for folder in self._folders if file.is_relative_to(folder)]

    def _has_own(self, name: str) -> bool:
        return any(self._file_of(folder / name) is not None for folder in self._folders)

    def _imported_by(self, file: PurePosixPath, found: _Import) -> Iterator[PurePosixPath]:
        """Yield the files of the code folder that an import in `file` runs, packages first."""
        if found.level:
            if len(file.parents) > found.level:
                yield from self._files_from(file.parents[found.level - 1], found)
        elif found.module.partition(".")[0] not in NEVER_THEIRS:
            folder = self._folder_of(found.module)
            if folder is not None:
                yield from self._files_from(folder, found)

    def _files_from(self, folder: PurePosixPath, found: _Import) -> Iterator[PurePosixPath]:
        yield from self._files_below(folder, found.module)
        package = folder.joinpath(*filter(None, found.module.split(".")))
        file = self._file_of(package) if package != PurePosixPath() else None
        bound = dict(definitions(_tree(self._code / file).body)) if file is not None else {}
        for name in found.names:
            # A name that the package has is not looked for in its folder.
            if name not in bound:
                yield from self._files_below(package, name)

    def _folder_of(self, module: str) -> PurePosixPath | None:
        top = module.partition(".")[0]
        for folder in self._folders:
            if self._file_of(folder / top) is not None or (self._code / folder / top).is_dir():
                return folder
        return None

    def _files_below(self, folder: PurePosixPath, module: str) -> Iterator[PurePosixPath]:
        path = folder
        for part in filter(None, module.split(".")):
            path = path / part
            file = self._file_of(path)
            if file is not None:
                yield file

    def _file_of(self, path: PurePosixPath) -> PurePosixPath | None:
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if (self._code / file).is_file():
                return file
        return None


def _is_part(name: str) -> bool:
    """Return whether `name` is a part of this package that nodes have."""
    path = Path(hyperscale.__file__).parent / name
    return path.is_dir() or path.with_suffix(".py").is_file()


def _tree(file: Path) -> ast.Module:
    """Return what is in a file; nothing when it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, such as "\d" in a text
            return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return ast.Module([], [])


def _imports_in(node: ast.AST, *, is_certain: bool) -> Iterator[_Import]:
    """Yield the imports in the statements of `node`; certain are those that run when the module is imported."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield _Import(alias.name, (), 0, node, is_certain)
    elif isinstance(node, ast.ImportFrom):
        yield _Import(node.module or "", tuple(each.name for each in node.names), node.level, node, is_certain)
    elif isinstance(node, ast.Call):
        yield from _import_by_call(node, is_certain=is_certain)
    for child, certain in _children(node):
        yield from _imports_in(child, is_certain=is_certain and certain)


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Yield what is in `node`, and whether it runs, and has to end well, when `node` does."""
    if isinstance(node, ast.If):
        if not _is_elsewhere(node.test):
            yield from ((child, False) for child in node.body)
        yield from ((child, False) for child in node.orelse)
    elif isinstance(node, ast.Try):
        is_caught = any(_catches(handler.type) for handler in node.handlers)
        yield from ((child, not is_caught) for child in node.body)
        yield from ((child, False) for child in node.handlers)
        yield from ((child, not is_caught) for child in node.orelse)
        yield from ((child, True) for child in node.finalbody)
    elif isinstance(node, ast.With):
        is_caught = any("suppress" in ast.unparse(each.context_expr) for each in node.items)
        yield from ((child, not is_caught) for child in ast.iter_child_nodes(node))
    else:
        may_not_run = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.For, ast.While, ast.Match)
        yield from ((child, not isinstance(node, may_not_run)) for child in ast.iter_child_nodes(node))


def _is_elsewhere(test: ast.expr) -> bool:
    """Whether a condition holds in type checkers and main programs alone."""
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _catches(caught: ast.expr | None) -> bool:
    names = {ast.unparse(each) for each in (caught.elts if isinstance(caught, ast.Tuple) else [caught]) if each}
    return caught is None or bool(names & _CAUGHT)


def _import_by_call(call: ast.Call, *, is_certain: bool) -> Iterator[_Import]:
    """Yield what `importlib.import_module("name")` and `__import__("name")` import."""
    if ast.unparse(call.func) not in ("importlib.import_module", "import_module", "__import__"):
        return
    name, *others = [each.value if isinstance(each, ast.Constant) else None for each in call.args] or [None]
    if not isinstance(name, str):
        return
    package = others[0] if others and isinstance(others[0], str) else ""
    if name.startswith(".") and package:  # one dot is the package itself
        above = package.split(".")[: len(package.split(".")) - (len(name) - len(name.lstrip(".")) - 1)]
        name = ".".join([*above, name.lstrip(".")])
    if not name.startswith("."):
        yield _Import(name, (), 0, call, is_certain)
