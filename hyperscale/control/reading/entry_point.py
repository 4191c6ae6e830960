"""Finds the function or class that an activity names, by reading the source and never running it."""

from __future__ import annotations

import ast
import enum
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from hyperscale.suggestions import did_you_mean

_DefinedBy = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
#: What a class may inherit without our having to know what `run` does: then it must define it.
_ROOTS = {"object", "NodeRunner"}
_ROW = "expected (row) or (row, context)"
_RUN = "expected run(mini_batch) or run(mini_batch, mini_batch_context)"


class Definition(enum.Enum):
    """What a name of a module is, as far as its source tells."""

    PLAIN = "a plain function"
    ASYNC = "an async function"
    UNKNOWN = "made by a call or a decorator"
    IMPORTED = "imported"


class DefinitionError(ValueError):
    """The entry point cannot be used; the message says why.

    Attributes:
        file: relative to the code folder; None when the problem is the entry itself.
        line, column: in it, from 1; 0 when there is none.
    """

    def __init__(self, message: str, file: Path | None = None, line: int = 0, column: int = 0) -> None:
        """Keep the place beside the message."""
        super().__init__(message)
        self.file = file
        self.line = line
        self.column = column


def find_definition(code: Path, entry: str) -> Definition:
    """Return what the name of `entry`, `module:name`, is in the folder `code`; a class is what its `run` is.

    Raises:
        DefinitionError: when there is no such module or name, or it cannot be an activity.
    """
    module, _, name = entry.partition(":")
    file = _module_file(code, module)
    tree = _parse(code, file)
    defined = dict(definitions(tree.body))
    found = defined.get(name)
    if isinstance(found, _DefinedBy):
        problem = class_problem(found) if isinstance(found, ast.ClassDef) else _function_problem(found)
        if problem:
            raise DefinitionError(problem, file.relative_to(code), found.lineno, found.col_offset + 1)
        return _kind_of(run_of(found) if isinstance(found, ast.ClassDef) else found)
    if isinstance(found, ast.Import):
        raise DefinitionError(f"{file.relative_to(code).as_posix()} has the module {name}, a function was expected")
    if isinstance(found, ast.ImportFrom) or (found is None and "*" in defined):
        return Definition.IMPORTED
    if found is None:
        public = [known for known in defined if not known.startswith("_")]
        guess = did_you_mean(name, public)
        raise DefinitionError(f"{file.relative_to(code).as_posix()} defines no {name}{guess}")
    return Definition.UNKNOWN


def check_script(code: Path, script: str) -> None:
    """See that the file `script` in the folder `code` can be a parallel job's script: that it has a `run`.

    Raises:
        DefinitionError: when there is no such file, or its `run`, `init` or `shutdown` cannot be called.
    """
    file = code / script
    if not file.is_file():
        others = [each.relative_to(code).as_posix() for each in code.rglob("*.py")]
        raise DefinitionError(f"there is no file {script} in the code folder{did_you_mean(script, others)}")
    if not file.resolve().is_relative_to(code.resolve()):
        raise DefinitionError(f"{script} lies outside the code folder, which is all that nodes get")
    defined = dict(definitions(_parse(code, file).body))
    if "run" not in defined and "*" not in defined:
        raise DefinitionError(f"{script} defines no run(mini_batch); a parallel job's script has one")
    for name in ("init", "run", "shutdown"):
        found = defined.get(name)
        problem = _script_function_problem(found) if isinstance(found, _FUNCTION) and not found.decorator_list else None
        if problem and isinstance(found, _FUNCTION):
            raise DefinitionError(problem, file.relative_to(code), found.lineno, found.col_offset + 1)


def _script_function_problem(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    if isinstance(function, ast.AsyncFunctionDef):
        return f"{function.name} is async, a plain function was expected: a mini batch is worked on alone"
    if function.name == "run":
        return _signature_problem(function, "run", given=0, of="mini_batch", expected=_RUN)
    signature = function.args
    required = len((*signature.posonlyargs, *signature.args)) - len(signature.defaults)
    return f"{function.name} takes arguments, {function.name}() was expected" if required else None


def _module_file(code: Path, module: str) -> Path:
    path = code.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    folder = path.parent
    modules = [each.stem for each in folder.glob("*.py")] if folder.is_dir() else []
    around = module.rpartition(".")[0]
    guess = did_you_mean(path.name, modules)
    wanted = path.with_suffix(".py").relative_to(code).as_posix()
    raise DefinitionError(f"there is no file {wanted} in the code folder{guess if not around else ''}")


def _parse(code: Path, file: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, such as "\d" in a text
            return ast.parse(file.read_bytes())
    except SyntaxError as error:
        place = (file.relative_to(code), error.lineno or 1, error.offset or 0)
        raise DefinitionError(f"is not Python: {error.msg}", *place) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DefinitionError(f"is not Python: {error}", file.relative_to(code), 1) from error


def definitions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield each name that the statements of a module bind, and the statement that does; the last one wins.

    What a module binds in an `if`, a `try`, a loop or a `with` is its own, too; "*" stands for names of another module.
    """
    for statement in body:
        if isinstance(statement, _DefinedBy):
            yield statement.name, statement
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0], statement
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name, statement
        elif not (isinstance(statement, ast.AnnAssign) and statement.value is None):
            yield from _definitions_inside(statement)


def _definitions_inside(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    for part in ast.iter_child_nodes(statement):
        if isinstance(part, ast.stmt):
            yield from definitions([part])
        elif isinstance(part, ast.ExceptHandler | ast.match_case):
            yield from ((name, statement) for name in _bound_by(getattr(part, "pattern", None)))
            yield from definitions(part.body)
        else:
            yield from ((name, statement) for name in _bound_by(part))


def _bound_by(part: ast.AST | None) -> Iterator[str]:
    """Yield the names that targets, patterns and `:=` of one statement bind."""
    if part is None or isinstance(part, ast.Lambda):
        return
    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
        yield part.id
    elif isinstance(part, ast.MatchAs | ast.MatchStar) and part.name is not None:
        yield part.name
    elif isinstance(part, ast.MatchMapping) and part.rest is not None:
        yield part.rest
    for inner in ast.iter_child_nodes(part):
        # The variable of a comprehension is its own.
        if not isinstance(inner, ast.comprehension):
            yield from _bound_by(inner)


def run_of(definition: ast.ClassDef) -> ast.stmt | None:
    """Return what binds the name `run` in a class, if anything there does."""
    return dict(definitions(definition.body)).get("run")


def _kind_of(found: ast.stmt | None) -> Definition:
    if not isinstance(found, _FUNCTION) or found.decorator_list:
        return Definition.UNKNOWN
    return Definition.ASYNC if isinstance(found, ast.AsyncFunctionDef) else Definition.PLAIN


def _function_problem(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    if function.decorator_list:
        return None
    return _signature_problem(function, function.name, given=0)


def class_problem(definition: ast.ClassDef) -> str | None:
    """Return why no object of a class can be the activity, as far as its source tells."""
    run = run_of(definition)
    bases = {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in definition.bases}
    if run is None and bases <= _ROOTS and not definition.decorator_list:
        return f"the class {definition.name} has no method run"
    if isinstance(run, _FUNCTION) and not run.decorator_list:
        return _signature_problem(run, f"{definition.name}.run", given=1)
    return None


def _signature_problem(
    function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, *, given: int, of: str = "row", expected: str = _ROW
) -> str | None:
    """Return why `function` cannot be called with what it is `of`, and a context, after `given` arguments."""
    signature = function.args
    names = [argument.arg for argument in (*signature.posonlyargs, *signature.args)][given:]
    required = len(names) - len(signature.defaults)
    if not names and signature.vararg is None:
        return f"{name} takes no {of}, {expected}"
    if required > 2:
        return f"{name} needs {required} arguments, {expected}"
    for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
        if default is None:
            return f"{name} needs the argument {argument.arg} by name, {expected}"
    return None
