"""Writes values as YAML text that every YAML parser reads back as the same values, on one line and in ASCII."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NEEDS_LONG_ESCAPE = re.compile(r"[^\x00-\uffff]")
_DELETE = "\x7f"
#: A longer key needs a question mark in front (YAML 1.2.2, section 7.4.2).
_LONGEST_SIMPLE_KEY = 1024


class Plain(str):
    """Text that goes into a file as it is: a name of ours, or one that a rule of `names` has checked."""

    __slots__ = ()


def quoted(value: Any) -> str:
    r"""Return `value` as YAML: strings in double quotes, lists and mappings in flow style.

    This is JSON in ASCII, but for what JSON does otherwise than YAML: characters beyond U+FFFF, which JSON
    writes as two, become `\U0001f600`; the delete character, which JSON leaves and YAML forbids, is escaped.
    """
    if isinstance(value, Plain):
        return value
    if isinstance(value, str):
        parts = _NEEDS_LONG_ESCAPE.split(value)
        beyond = [f"\\U{ord(character):08x}" for character in _NEEDS_LONG_ESCAPE.findall(value)]
        text = "".join(_escaped(part) + long for part, long in zip(parts, [*beyond, ""], strict=True))
        return f'"{text}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(key))}: {quoted(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(quoted(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def folded_json(document: Mapping[str, Any]) -> list[str]:
    r"""Return the lines of a folded YAML scalar (`>-`) that holds `document` as JSON, one line a key.

    `'` and `$` become `\u0027` and `\u0024`: the text can stand in single quotes in a command line, and no
    `${{` of a user is taken for an expression.
    """
    pairs = [f"{_shell_safe(key)}: {_shell_safe(value)}" for key, value in document.items()]
    lines = [f"{pair}," for pair in pairs[:-1]] + [f"{pair}}}" for pair in pairs[-1:]]
    return [f"{{{lines[0]}", *lines[1:]]


def _key(text: str) -> str:
    key = quoted(text)
    return key if len(key) <= _LONGEST_SIMPLE_KEY else f"? {key} "


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1].replace(_DELETE, "\\u007f")


def _shell_safe(value: Any) -> str:
    text = json.dumps(value, allow_nan=False)
    return text.replace("'", "\\u0027").replace("$", "\\u0024").replace(_DELETE, "\\u007f")
