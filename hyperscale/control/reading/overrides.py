"""Applies `--set key=value` to what an experiment file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperscale.control.reading.positions import Position, ValuePath, dotted, set_source
from hyperscale.control.reading.yaml_file import YamlFile, parse_yaml
from hyperscale.errors import Problem


def apply_overrides(parsed: YamlFile, overrides: Sequence[str]) -> None:
    """Put the value of each `key=value` in the place of the file's, in the order given.

    A key is a path of names with dots between them; a value is read as YAML, so that `[a, b]` is a list.
    Problems are added to those of `parsed`.
    """
    for override in overrides:
        key, equals, text = override.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path):
            source = f"--set {key}" if equals else "--set"
            parsed.problems.append(Problem(source, 0, 0, "", "expected KEY=VALUE, such as parallelism.workers=8"))
        else:
            _apply(parsed, path, text)


def _apply(parsed: YamlFile, path: ValuePath, text: str) -> None:
    value, problems, doubtful = _parse_value(path, text)
    holder = _holder(parsed, path)
    if holder is None:
        return
    holder[str(path[-1])] = value.document
    parsed.positions.override(path, value.positions.values)
    parsed.problems[:] = [problem for problem in parsed.problems if not _is_inside(problem.path, dotted(path))]
    parsed.doubtful = {other for other in parsed.doubtful if other[: len(path)] != path} | doubtful
    parsed.problems.extend(problems)


def _parse_value(path: ValuePath, text: str) -> tuple[YamlFile, list[Problem], set[ValuePath]]:
    """Return the value of `text`, what is wrong with it, and which values the problems are about."""
    source = set_source(path)
    value = parse_yaml(text, source)
    problems = [Problem(source, 0, 0, problem.path, problem.message) for problem in value.problems]
    doubtful = {(*path, *inner) for inner in value.doubtful}
    return value, problems, doubtful | {path} if problems else doubtful


def _holder(parsed: YamlFile, path: ValuePath) -> dict[str, Any] | None:
    """Return the mapping that holds the value at `path`; mappings that are missing are made."""
    holder = parsed.document
    for length, name in enumerate(path[:-1], start=1):
        around = path[:length]
        if holder.get(name) is None:
            holder[str(name)] = {}
            parsed.positions.values[around] = Position(set_source(path), 0, 0)
        holder = holder[name]
        if not isinstance(holder, dict):
            message = f"{dotted(around)} has no keys to set"
            parsed.problems.append(Problem(set_source(path), 0, 0, "", message))
            return None
    return holder  # type: ignore[no-any-return]


def _is_inside(name: str, around: str) -> bool:
    return name == around or name.startswith((f"{around}.", f"{around}["))
