"""Refuses an experiment file that holds a secret, without repeating the secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.reading.yaml_file import YamlFile
from hyperscale.errors import Problem
from hyperscale.secret_words import find_secret


def add_secret_problems(parsed: YamlFile, text: str) -> None:
    """Add a problem for each secret in the values of `parsed` and in the lines of its `text`, comments too.

    Such values become doubtful: another problem of theirs could show the secret.
    """
    told = set()
    for path, value in _texts(parsed.document, ()):
        secret = find_secret(value)
        if secret:
            problem = parsed.positions.problem(path, _message(secret[0]))
            parsed.problems.append(problem)
            parsed.doubtful.add(path)
            told.add(problem.line)
    for number, line in enumerate(text.splitlines(), start=1):
        secret = find_secret(line)
        if secret and number not in told:
            parsed.problems.append(Problem(parsed.positions.file, number, secret[1] + 1, "", _message(secret[0])))


def _message(kind: str) -> str:
    return (
        f"holds {kind}; remove it, and renew it if others saw this file: here `az login` signs you in, "
        "on Azure the managed identity of compute.identity does"
    )


def _texts(value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
