"""What the parameters of a function say of the rows that it can be given: columns, their types, and a few values."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

#: The type of a column, for the type of a parameter.
_TYPES: Mapping[str, str] = MappingProxyType({"int": "integer", "float": "number", "bool": "boolean", "str": "string"})
#: Values for the first rows, where nothing is known but the type.
_VALUES: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "integer": (1, 2, 3),
        "number": (1.0, 2.0, 3.0),
        "boolean": (True, False, True),
        "string": ("a", "b", "c"),
    }
)
SAMPLE_ROWS = 3
Callable = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MISSING = object()


@dataclass(frozen=True)
class Parameter:
    """One parameter, and the column that it gets its values from.

    Attributes:
        name: of both.
        type: of the column: integer, number, boolean or string.
        values: for the first rows.
        is_guess: whether nothing in the source says of which type it is.
        is_positional: whether it cannot be given by its name.
    """

    name: str
    type: str
    values: tuple[Any, ...]
    is_guess: bool = False
    is_positional: bool = False


def parameters_of(function: Callable) -> list[Parameter]:
    """Return the parameters that rows have to give, or can: those with a default that is no plain value are left out.

    Args and keyword dictionaries (`*args`, `**kwargs`) take what is given, and need nothing.
    """
    signature = function.args
    positional = [*signature.posonlyargs, *signature.args]
    defaults = [_MISSING] * (len(positional) - len(signature.defaults)) + [
        _literal(each) for each in signature.defaults
    ]
    pairs = list(zip(positional, defaults, strict=True))
    pairs += [
        (each, _MISSING if default is None else _literal(default))
        for each, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    ]
    only_positional = set(signature.posonlyargs)
    found = [_parameter(each, default, is_positional=each in only_positional) for each, default in pairs]
    return [each for each in found if each is not None]


def takes_row(function: Callable) -> bool:
    """Return whether `function` is one of a row already: (row), or (row, context)."""
    signature = function.args
    names = [each.arg for each in (*signature.posonlyargs, *signature.args)]
    needed = names[: len(names) - len(signature.defaults)]
    return names[:1] == ["row"] and needed in (["row"], ["row", "context"]) and None not in signature.kw_defaults


def columns_of_row(function: Callable | None) -> list[Parameter]:
    """Return a column for each `row["name"]` and `row.get("name")` in `function`; of which type is anybody's guess.

    If there are none, or the function is made when its module runs, there is one column to be renamed.
    """
    found = [] if function is None else sorted(_named(function, "row"))
    names = dict.fromkeys(name for _, name in found) or {"value": None}
    return [Parameter(name, "number", _VALUES["number"], is_guess=True) for name in names]


def _named(function: ast.AST, row: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield line and column of each name that the variable `row` is asked for, and the name."""
    for node in ast.walk(function):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice if _is_name(node.value, row) else None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0] if _is_name(node.func.value, row) and node.args else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield (key.lineno, key.col_offset), key.value


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _parameter(argument: ast.arg, default: Any, *, is_positional: bool) -> Parameter | None:
    """Return the column of a parameter; None for one whose default is the function's own affair."""
    known, options = _annotated(argument.annotation)
    if default is not _MISSING:
        kind = next((name for kind, name in _TYPES.items() if type(default).__name__ == kind), None)
        if kind is None:
            return None
        # `rate: float = 1` is a number.
        kind = "number" if kind == "integer" and known == "number" else kind
        return Parameter(argument.arg, kind, (default,) * SAMPLE_ROWS, is_positional=is_positional)
    kind = known or "number"
    values = tuple(options[index % len(options)] for index in range(SAMPLE_ROWS)) if options else _VALUES[kind]
    return Parameter(argument.arg, kind, values, is_guess=known is None, is_positional=is_positional)


def _annotated(annotation: ast.expr | None) -> tuple[str | None, tuple[Any, ...]]:
    """Return the type that an annotation means, None if it is not one of a cell; and the values that it allows."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return _annotated(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:
            return None, ()
    if isinstance(annotation, ast.Name):
        return _TYPES.get(annotation.id), ()
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):  # int | None
        return next((each for each in map(_annotated, (annotation.left, annotation.right)) if each[0]), (None, ()))
    if isinstance(annotation, ast.Subscript):
        name = ast.unparse(annotation.value).rpartition(".")[2]
        if name == "Optional":
            return _annotated(annotation.slice)
        if name == "Literal":
            literal = _literal(annotation.slice)
            options = literal if isinstance(literal, tuple) else (literal,)
            kinds = {_TYPES.get(type(each).__name__) for each in options}
            return (kinds.pop(), options) if len(kinds) == 1 else (None, ())
    return None, ()


def _literal(node: ast.expr) -> Any:
    """Return the value of a constant; None for what has to be worked out."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
