"""What an unquoted YAML text means, and a warning where YAML's readers do not agree about it.

PyYAML reads YAML 1.1, editors and most other tools 1.2: `no` is false or a text, `010` is 8 or 10. A value
that means two things is refused; one that only 1.1 misses (`1e-3`) is read as 1.2 reads it.
"""

from __future__ import annotations

import math
import re

_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OTHER_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,40})")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_ODD_NUMBER = re.compile(r"[-+]?([0-9]+_[0-9_]*(\.[0-9_]*)?|0[0-9]+(\.[0-9]*)?|0b[01_]+|0o[0-7]+|0x[0-9a-fA-F_]+)")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")


#: Longer texts are shown by how they begin; from 4,300 digits on, Python makes no text of a number.
_MAX_SHOWN = 60


class AmbiguousTextError(ValueError):
    """An unquoted text that YAML's readers do not agree about; the message says what to write."""


def plain_value(text: str) -> str | int | float | bool | None:
    """Return the value of the unquoted `text`.

    Raises:
        AmbiguousTextError: when it means different things to different readers of YAML.
    """
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    _refuse_ambiguous(text)
    return text


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise AmbiguousTextError(f"{_short(text)} is too large for a number of 64 bits")
    return value


def _refuse_ambiguous(text: str) -> None:
    quoted = f'"{_short(text)}" for the text'
    if text.lower() in _OTHER_TRUTHS and text in (text.lower(), text.upper(), text.capitalize()):
        truth = _OTHER_TRUTHS[text.lower()]
        raise AmbiguousTextError(f"{text} means {truth} to some readers of YAML; write {truth}, or {quoted}")
    if _ODD_NUMBER.fullmatch(text):
        raise AmbiguousTextError(
            f"{_short(text)} is not the same number to all readers of YAML; write {_plain_number(text)}, or {quoted}"
        )
    if _SEXAGESIMAL.fullmatch(text):
        raise AmbiguousTextError(f"{_short(text)} is a number in base 60 to some readers of YAML; write {quoted}")
    if _DATE.fullmatch(text):
        raise AmbiguousTextError(f"{_short(text)} is a date to some readers of YAML; write {quoted}")
    if _NO_NUMBER.fullmatch(text):
        raise AmbiguousTextError(f"{text} is not a finite number; write a number, or {quoted}")


def _plain_number(text: str) -> str:
    """Return the number as everybody would read it: 1000 for 1_000, 8 for 08, 15 for 0b1111."""
    digits = text.replace("_", "")
    if len(digits) > _MAX_SHOWN:
        return "a number of at most 64 bits"
    if digits.lower().startswith(("0b", "0o", "0x")):
        return str(int(digits, 0))
    return re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", digits)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
