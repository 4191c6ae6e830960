"""The arguments of an experiment as a program finds them in its command line: `--name value`.

As argparse reads them: true is `--name` alone (store_true), false and null are left out, a list is `--name a b c`
(nargs="+"). A value that starts with a hyphen is `--name=value`: it would be taken for another option.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hyperscale.suggestions import did_you_mean

#: The place of files that are kept, as a value of an argument.
OUTPUTS = "outputs"
_PLACE = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_KINDS = "a text, a number, a boolean or a list"


def mount_place(name: str) -> str:
    """Return what stands in `${{...}}` for the path of a mount."""
    return f"mounts.{name}"


def program_arguments(arguments: Mapping[str, Any], places: Mapping[str, str]) -> list[str]:
    """Return the words of a command line that say what `arguments` say.

    Args:
        arguments: by name; one that starts with a hyphen (`-m`) is taken as it is.
        places: what `${{outputs}}` and `${{mounts.NAME}}` stand for; others stay as they are.
    """
    return [word for name, value in arguments.items() for word in _words(_option(name), value, places)]


def argument_problems(arguments: Mapping[str, Any], places: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each argument that cannot be a word of a command line, and why.

    Args:
        arguments: of the experiment.
        places: what `${{...}}` may name.
    """
    for name, value in arguments.items():
        items = value if isinstance(value, list | tuple) else [value]
        if not all(_is_word(item) or (item is value and (item is None or isinstance(item, bool))) for item in items):
            yield name, f"is a {_kind_of(value)}; an argument of a program is {_KINDS}"
        for item in items:
            for place in _PLACE.findall(item) if isinstance(item, str) else ():
                if place not in places:
                    guess = did_you_mean(place, places) or f"; there are {', '.join(sorted(places))}"
                    yield name, f"${{{{{place}}}}} stands for nothing{guess}"


def _option(name: str) -> str:
    return name if name.startswith("-") else f"--{name}"


def _words(option: str, value: Any, places: Mapping[str, str]) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, list | tuple):
        return [option, *(_text(item, places) for item in value)] if value else []
    text = _text(value, places)
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def _text(value: Any, places: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), str(value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _kind_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return "map"
    return "list of something else" if isinstance(value, list | tuple) else "value"
