"""Turns YAML text into values whose every key and value knows its line and column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from hyperscale.control.reading.positions import Position, Positions, ValuePath
from hyperscale.control.reading.yaml_scalars import AmbiguousTextError, plain_value
from hyperscale.errors import Problem

#: Aliases of aliases can stand for more values than a machine can hold ("billion laughs"). A long file may have more of
#: them than a short one, as thousands of jobs that are one but for their compute: so many for each value that is
#: written, but never more than the last number.
FEW_ALIASED_VALUES = 100_000
ALIASED_VALUES_PER_WRITTEN = 20
MOST_ALIASED_VALUES = 1_000_000
#: libyaml's composer recurses without a bound of its own, and would end the process.
MAX_DEPTH = 100
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "value", "merge")}
_END_OF_FILE = "found unexpected end of stream"
_ADVICE = {
    "mapping values are not allowed": "put a text that holds ': ' in quotes, or indent this line like its neighbours",
    "did not find expected key": "indent this line like its neighbours; put a text that starts with a sign in quotes",
    "did not find expected ','": "a comma is missing, or the bracket{opened} is not closed",
    "cannot start any token": "put the text in quotes",
    "found undefined alias": "put a text that starts with * in quotes",
    "expected a single document": "keep one experiment in a file",
    _END_OF_FILE: "close the quotes",
}


@dataclass
class YamlFile:
    """What a YAML text says.

    Attributes:
        document: dicts with text keys, lists, and scalars that JSON knows too.
        positions: where they stand.
        problems: what could not be read.
        doubtful: the values that problems are about; what else is wrong with them is not worth telling.
    """

    positions: Positions
    document: Any = None
    problems: list[Problem] = field(default_factory=list)
    doubtful: set[ValuePath] = field(default_factory=set)


def parse_yaml(text: str, file: str) -> YamlFile:
    """Return what `text` says; `file` names it in problems."""
    parsed = YamlFile(Positions(file))
    try:
        depth, written = _measured(text)
        if depth > MAX_DEPTH:
            parsed.problems.append(Problem(file, 0, 0, "", f"is nested more than {MAX_DEPTH} levels deep"))
            return parsed
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        parsed.problems.extend(_syntax_problems(error, text, file))
        return parsed
    try:
        parsed.document = None if node is None else _Builder(parsed, _most_aliased(written)).value(node, ())
    except _TooManyValuesError as error:
        parsed.document = None
        parsed.problems.append(parsed.positions.problem(error.path, str(error), at_key=True))
    return parsed


class _TooManyValuesError(Exception):
    def __init__(self, path: ValuePath, message: str) -> None:
        super().__init__(message)
        self.path = path


class _Builder:
    """Walks the nodes; an alias is the node that it stands for, met once more."""

    def __init__(self, parsed: YamlFile, most_aliased: int) -> None:
        self._parsed = parsed
        self._positions = parsed.positions
        self._met: set[int] = set()
        self._most_aliased = self._aliased_values_left = most_aliased

    def value(self, node: yaml.Node, path: ValuePath) -> Any:
        self._positions.values[path] = self._position(node)
        self._count(node, path)
        if len(path) > MAX_DEPTH:
            raise _TooManyValuesError(path[:1], f"its aliases nest more than {MAX_DEPTH} levels deep")
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
            return self._scalar(node, path)
        return self._doubt(path, f"the tag {node.tag.replace(_TAG, '!!')} is not known here; remove it")

    def _count(self, node: yaml.Node, path: ValuePath) -> None:
        if id(node) in self._met:
            self._aliased_values_left -= 1
        self._met.add(id(node))
        if self._aliased_values_left < 0:
            raise _TooManyValuesError(path[:1], f"its aliases stand for more than {self._most_aliased:,} values")

    def _mapping(self, node: yaml.MappingNode, path: ValuePath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged = {**self._merged(value_node, path), **merged}
                continue
            key = self._key(key_node, path)
            inner = (*path, key)
            if key in found:
                first = self._positions.keys[inner].line
                self._add(self._position(key_node), inner, f"is given twice, first in line {first}")
                continue
            self._positions.keys[inner] = self._position(key_node)
            found[key] = self.value(value_node, inner)
        return {**merged, **found}

    def _merged(self, node: yaml.Node, path: ValuePath) -> dict[str, Any]:
        """Return the keys that `<<: *alias` brings in; of several mappings the first wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for each in nodes:
            place = self._positions.values[path]
            value = self.value(each, path)
            self._positions.values[path] = place
            if not isinstance(value, dict):
                self._add(self._position(node), path, "<< takes a mapping, or a list of mappings")
                continue
            merged = {**value, **merged}
        return merged

    def _key(self, node: yaml.Node, path: ValuePath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._add(self._position(node), path, "a key must be text, not a mapping or list")
            return f"<line {node.start_mark.line + 1}>"
        text = str(node.value)
        if not node.style and not _is_text(text):
            self._add(self._position(node), path, f'the key {text or "null"} is not text; write "{text}" in quotes')
            self._parsed.doubtful.add((*path, text))
        return text

    def _scalar(self, node: yaml.ScalarNode, path: ValuePath) -> Any:
        text = str(node.value)
        if node.style:
            return text
        try:
            return plain_value(text)
        except AmbiguousTextError as error:
            return self._doubt(path, str(error), text)

    def _doubt(self, path: ValuePath, message: str, value: Any = None) -> Any:
        self._parsed.doubtful.add(path)
        self._parsed.problems.append(self._positions.problem(path, message))
        return value

    def _add(self, position: Position, path: ValuePath, message: str) -> None:
        problem = self._positions.problem(path, message)
        self._parsed.problems.append(Problem(position.file, position.line, position.column, problem.path, message))

    def _position(self, node: yaml.Node) -> Position:
        return Position(self._positions.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _is_text(text: str) -> bool:
    try:
        return isinstance(plain_value(text), str)
    except AmbiguousTextError:
        return False


def _measured(text: str) -> tuple[int, int]:
    """Return how many levels deep `text` is, as far as that matters, and how many keys and values it writes."""
    depth = deepest = written = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        written += isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest, written


def _most_aliased(written: int) -> int:
    return min(MOST_ALIASED_VALUES, max(FEW_ALIASED_VALUES, ALIASED_VALUES_PER_WRITTEN * written))


def _syntax_problems(error: yaml.YAMLError, text: str, file: str) -> list[Problem]:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        column = error.position - before.rfind("\n")
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML; remove it"
        return [Problem(file, before.count("\n") + 1, column, "", message)]
    mark = getattr(error, "problem_mark", None)
    line = mark.line if mark else 0
    tabs = _lines_indented_by_tabs(text)
    if line + 1 in tabs:
        return [Problem(file, tab, column, "", "a tab indents this line; use spaces") for tab, column in tabs.items()]
    said = ": ".join(str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
    opened = getattr(error, "context_mark", None) or mark
    advice = next((f" ({advice})" for start, advice in _ADVICE.items() if start in said), "")
    # The end of the file says nothing about a quote that was left open far above it.
    place = opened if _END_OF_FILE in said else mark
    elsewhere = f" of line {opened.line + 1}" if opened and "\n" in text else ""
    message = f"is not YAML: {said}{advice.format(opened=elsewhere)}"
    return [Problem(file, place.line + 1 if place else 1, place.column + 1 if place else 0, "", message)]


def _lines_indented_by_tabs(text: str) -> dict[int, int]:
    """Return the lines whose indentation holds a tab, each with the tab's column."""
    tabs = {}
    for number, line in enumerate(text.splitlines(), start=1):
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indentation:
            tabs[number] = indentation.index("\t") + 1
    return tabs
