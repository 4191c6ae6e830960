"""A command with `{column}` in it, as a shell script: values travel beside it, and are never read as code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

#: What stands for something else than a column of that name.
SPECIAL_NAMES = ("key", "row_index", "scratch", "outputs")
#: `${HOME}` is the shell's, `{print $1}` awk's: only braces around one name are ours; doubled ones are plain ones.
_BRACES = re.compile(r"\{\{|\}\}|(?<!\$)\{(?P<name>[^{}\s$'\"`\\][^{}$'\"`\\]*)\}")
#: A `#` behind one of these begins a comment; what is escaped, or a value, is part of a word.
_BEFORE_A_WORD, _IN_A_WORD = " \t\n;&|()", "x"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class CommandTemplate:
    """A command, ready to be filled.

    Attributes:
        script: for `/bin/sh -c SCRIPT sh VALUE...`: each place is one of the positional parameters.
        names: of the values, in their order.
    """

    script: str
    names: tuple[str, ...]


def parse_command(text: str, columns: Collection[str]) -> CommandTemplate:
    """Return the script of a command.

    A place in double quotes, in single quotes or in none is written so that the shell takes the value as it is.

    Args:
        text: with `{column}`, and `{{` and `}}` for plain braces.
        columns: of the input.
    """
    names: list[str] = []
    script: list[str] = []
    at, nesting = 0, _Nesting()
    for found in _BRACES.finditer(text):
        before = text[at : found.start()]
        script.append(before)
        nesting.read(before)
        at = found.end()
        name = found["name"]
        if name is not None and (name in SPECIAL_NAMES or name in columns):
            if name not in names:
                names.append(name)
            script.append(_place(names.index(name) + 1, nesting.innermost))
            nesting.read(_IN_A_WORD)
        else:
            script.append(found[0] if name is not None else found[0][0])
            nesting.read(script[-1])
    return CommandTemplate("".join([*script, text[at:]]), tuple(names))


def unknown_names(text: str, columns: Collection[str]) -> Iterator[str]:
    """Yield what looks like the name of a column in `text` and is none."""
    for found in _BRACES.finditer(text):
        name = found["name"]
        if name is not None and _NAME.fullmatch(name) and name not in SPECIAL_NAMES and name not in columns:
            yield name


def _place(number: int, quote: str) -> str:
    """Return the parameter `number` where the shell's text is in `quote`: it is expanded once, and never split."""
    return {'"': f"${{{number}}}", "'": f"'\"${{{number}}}\"'"}.get(quote, f'"${{{number}}}"')


class _Nesting:
    """In which quotes and parentheses the shell is, as it reads a script from its start.

    A command within a command, `$(...)` or in backquotes, has quotes of its own, also where it stands in quotes.
    """

    def __init__(self) -> None:
        self._open: list[str] = []
        self._last, self._in_comment = "\n", False

    @property
    def innermost(self) -> str:
        """What was opened last and is still open: a quote, a backquote, a parenthesis; empty if nothing is."""
        return self._open[-1] if self._open else ""

    def read(self, text: str) -> None:
        """Read on."""
        for character in text:
            self._take(character)

    def _take(self, character: str) -> None:
        innermost, last, self._last = self.innermost, self._last, character
        if self._in_comment:
            self._in_comment = character != "\n"
        elif innermost == "'":
            if character == "'":
                self._open.pop()
        elif last == "\\":
            self._last = _IN_A_WORD
        elif character == innermost != "(" or (character == ")" and innermost == "("):
            self._open.pop()
        elif self._is_opening(character, last):
            self._open.append(character)
        elif innermost != '"' and character == "#" and last in _BEFORE_A_WORD:
            self._in_comment = True

    def _is_opening(self, character: str, last: str) -> bool:
        if self.innermost == '"':
            return character == "`" or (character == "(" and last == "$")
        return character in "`'\"("
