"""What `${{...}}` and `$[[...]]` mean to the service: names of inputs and outputs, and parts that may be left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_OPTIONAL_PART = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_OUTPUT_OF_A_STEP = re.compile(r"parent\.jobs\.([^.]+)\.outputs\.([^.]+)")


class ExpressionError(Exception):
    """An expression names what has no value."""


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """Return `text` with each `${{name}}` replaced by its value, and without optional parts that lack one.

    A name whose value is None is an optional input that nobody gave: it may only stand in an optional part.

    Raises:
        ExpressionError: when a name is not known, or has no value where it needs one.
    """

    def part(match: re.Match[str]) -> str:
        inner = match.group(1)
        is_given = all(_known(name, values) is not None for name in _EXPRESSION.findall(inner))
        return inner if is_given else ""

    def value(match: re.Match[str]) -> str:
        found = _known(match.group(1), values)
        if found is None:
            raise ExpressionError(f"${{{{{match.group(1)}}}}} is optional, was not given, and stands outside of $[[ ]]")
        return found

    return _EXPRESSION.sub(value, _OPTIONAL_PART.sub(part, text))


def outputs_named_in(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return (step, output) for each output of another step that the input `values` of a step name."""
    names = [name for value in values for name in _EXPRESSION.findall(value)]
    return [found.groups() for name in names if (found := _OUTPUT_OF_A_STEP.fullmatch(name))]  # type: ignore[misc]


def only_name(text: str) -> str | None:
    """Return the name in `text` when it is one expression and nothing else."""
    found = _EXPRESSION.fullmatch(text.strip())
    return found.group(1) if found else None


def _known(name: str, values: Mapping[str, str | None]) -> str | None:
    if name not in values:
        raise ExpressionError(f"${{{{{name}}}}} names nothing; there are: {', '.join(sorted(values)) or 'none'}")
    return values[name]
