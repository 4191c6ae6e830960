"""A command with `{column}` in it, as a shell script: values travel beside it, and are never read as code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hyperscale.shell_reader import ShellReader

#: What stands for something else than a column of that name.
SPECIAL_NAMES = ("key", "row_index", "scratch", "outputs")
#: `${HOME}` is the shell's, `{print $1}` awk's: only braces around one name are ours; doubled ones are plain ones.
_BRACES = re.compile(r"\{\{|\}\}|(?<!\$)\{(?P<name>[^{}\s$'\"`\\][^{}$'\"`\\]*)\}")
#: What a place is to whoever reads the script: a part of a word.
_IN_A_WORD = "x"
#: Positional parameters are not the script's alone: its functions have their own, and `set` replaces them.
_VARIABLE = "hyperscale_{}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class CommandTemplate:
    """A command, ready to be filled.

    Attributes:
        script: for `/bin/sh -c SCRIPT sh VALUE...`: it begins by putting these into variables, and places are those.
        names: of the values, in their order.
    """

    script: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where the value of a row is put into a command.

    Attributes:
        before: the script from the place before this one, or its start, to here.
        name: of the value; None for the end of the command.
        reader: has read the script up to here; it reads on when the next place is asked for.
        behind: the text of the command from here on.
    """

    before: str
    name: str | None
    reader: ShellReader
    behind: str


def parse_command(text: str, columns: Collection[str]) -> CommandTemplate:
    """Return the script of a command.

    A place in double quotes, in single quotes or in none is written so that the shell takes the value as it is.

    Args:
        text: with `{column}`, and `{{` and `}}` for plain braces.
        columns: of the input.
    """
    names: list[str] = []
    script: list[str] = []
    for place in places(text, columns):
        script.append(place.before)
        if place.name is not None:
            if place.name not in names:
                names.append(place.name)
            script.append(_variable(names.index(place.name) + 1, place.reader.innermost))
    # On the line of the command: the shell counts lines in what it says of errors.
    start = "".join(f"{_VARIABLE.format(number)}=${{{number}}} " for number in range(1, len(names) + 1))
    return CommandTemplate("".join([start and f"{start.rstrip()}; ", *script]), tuple(names))


def places(text: str, columns: Collection[str]) -> Iterator[Place]:
    """Yield each place in the command `text`, and its end; the arguments are those of `parse_command`."""
    reader, at, before = ShellReader(), 0, ""
    for found in _BRACES.finditer(text):
        plain, name = text[at : found.start()], found["name"]
        at = found.end()
        is_place = name is not None and (name in SPECIAL_NAMES or name in columns)
        if not is_place:
            plain += found[0] if name is not None else found[0][0]
        reader.read(plain)
        before += plain
        if is_place:
            yield Place(before, name, reader, text[at:])
            reader.read(_IN_A_WORD)
            before = ""
    yield Place(before + text[at:], None, reader, "")


def unknown_names(text: str, columns: Collection[str]) -> Iterator[str]:
    """Yield what looks like the name of a column in `text` and is none."""
    for found in _BRACES.finditer(text):
        name = found["name"]
        if name is not None and _NAME.fullmatch(name) and name not in SPECIAL_NAMES and name not in columns:
            yield name


def _variable(number: int, quote: str) -> str:
    """Return the value `number` where the shell's text is in `quote`: it is put in once, and never split."""
    variable = f"${{{_VARIABLE.format(number)}}}"
    return {'"': variable, "'": f"'\"{variable}\"'"}.get(quote, f'"{variable}"')
