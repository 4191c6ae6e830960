"""A command with `{column}` in it, as a shell script: values travel beside it, and are never read as code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

#: What stands for something else than a column of that name.
SPECIAL_NAMES = ("key", "row_index", "scratch", "outputs")
#: `${HOME}` is the shell's, `{print $1}` awk's: only braces around one name are ours; doubled ones are plain ones.
_BRACES = re.compile(r"\{\{|\}\}|(?<!\$)\{(?P<name>[^{}\s$'\"`\\][^{}$'\"`\\]*)\}")
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
    script, at, quote = [], 0, ""
    for found in _BRACES.finditer(text):
        before = text[at : found.start()]
        script.append(before)
        quote = _quote_after(before, quote)
        at = found.end()
        name = found["name"]
        if name is None:
            script.append(found[0][0])
        elif name in SPECIAL_NAMES or name in columns:
            if name not in names:
                names.append(name)
            script.append(_place(names.index(name) + 1, quote))
        else:
            script.append(found[0])
    return CommandTemplate("".join([*script, text[at:]]), tuple(names))


def unknown_names(text: str, columns: Collection[str]) -> Iterator[str]:
    """Yield what looks like the name of a column in `text` and is none."""
    for found in _BRACES.finditer(text):
        name = found["name"]
        if name is not None and _NAME.fullmatch(name) and name not in SPECIAL_NAMES and name not in columns:
            yield name


def _place(number: int, quote: str) -> str:
    """Return the parameter `number` where the shell's text is in `quote`: it is expanded once, and never split."""
    return {"": f'"${{{number}}}"', '"': f"${{{number}}}", "'": f"'\"${{{number}}}\"'"}[quote]


def _quote_after(text: str, quote: str) -> str:
    """Return in which quotes the shell is after `text`, when it was in `quote` before."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
    return quote
