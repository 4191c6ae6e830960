"""Where each value of the experiment file stands, so that a problem can name file, line and column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hyperscale.errors import Problem

#: Keys and list indices from the top of the document to a value.
ValuePath = tuple[str | int, ...]
_SET = "--set"


@dataclass(frozen=True)
class Position:
    """A place in a file; line and column count from 1, and are 0 for a value of the command line."""

    file: str
    line: int
    column: int


@dataclass
class Positions:
    """The places of the values and keys of one file, and of the values that `--set` put in their place.

    Attributes:
        file: as the user wrote it.
        values: value to its place.
        keys: value to the place of its key.
    """

    file: str
    values: dict[ValuePath, Position] = field(default_factory=dict)
    keys: dict[ValuePath, Position] = field(default_factory=dict)

    def problem(self, path: ValuePath, message: str, *, at_key: bool = False) -> Problem:
        """Return the problem of the value at `path`, placed there or at the nearest value around it."""
        position = self.find(path, at_key=at_key)
        name = dotted(path)
        if position.file == set_source(path):
            name = ""
        return Problem(position.file, position.line, position.column, name, message)

    def find(self, path: ValuePath, *, at_key: bool = False) -> Position:
        """Return the place of the value (or key) at `path`, or of the nearest one around it."""
        if at_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            known = self.values.get(path[:length])
            if known is not None:
                is_around = length < len(path)
                return self.keys.get(path[:length], known) if is_around else known
        return Position(self.file, 0, 0)

    def override(self, path: ValuePath, inside: Iterable[ValuePath]) -> None:
        """Note that `--set` gave the value at `path`, and with it those at the paths `inside` it."""
        for known in (self.values, self.keys):
            for inner in [other for other in known if other[: len(path)] == path]:
                del known[inner]
        place = Position(set_source(path), 0, 0)
        self.values |= {path: place} | {path + inner: place for inner in inside}

    def sorted(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return `problems` once each: those of the file in its order, of the command line, of other files."""
        return sorted(dict.fromkeys(problems), key=self._rank)

    def _rank(self, problem: Problem) -> tuple[int, str, int, int]:
        if problem.file == self.file:
            return 0, "", problem.line, problem.column
        if problem.file.startswith(_SET):
            return 1, "", 0, 0
        return 2, problem.file, problem.line, problem.column


def set_source(path: ValuePath) -> str:
    """Return what stands in place of a file for a value given by `--set`."""
    return f"{_SET} {dotted(path)}"


def dotted(path: ValuePath) -> str:
    """Return `path` as people write it, such as `compute.locations[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
