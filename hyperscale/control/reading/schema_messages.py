"""Says in plain words what breaks a rule of a JSON Schema: what is, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.control.reading.positions import ValuePath, dotted
from hyperscale.suggestions import did_you_mean
from hyperscale.uris import without_query

_MAX_SHOWN = 60
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "keys with values",
    "array": "a list",
    "null": "nothing",
}


@dataclass(frozen=True)
class Violation:
    """A rule that a value breaks.

    Attributes:
        path: of the value.
        value: what is.
        keyword: of the rule, such as "maximum".
        rule: the keyword's value.
        schema: that the rule is part of.
        about_key: whether it is about the key at `path`; `value` is the key then.
        said: the validator's own words.
        branches: what breaks the rules of each branch of an anyOf.
    """

    path: ValuePath
    value: Any
    keyword: str
    rule: Any
    schema: Mapping[str, Any]
    about_key: bool
    said: str
    branches: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class Complaint:
    """What to say about a value, and whether it is about its key."""

    path: ValuePath
    message: str
    at_key: bool = False


def complaints(violation: Violation) -> Iterator[Complaint]:
    """Yield what to say about `violation`."""
    if violation.keyword in ("oneOf", "not") and not isinstance(violation.value, Mapping):
        return  # about keys that stand together: a value without keys breaks the rule of its type, which is told
    if violation.schema.get("x-secret"):
        # Somebody may have put the secret itself here.
        yield Complaint(violation.path, f"what stands here is not shown, expected {_expected(violation.schema)}")
        return
    if violation.keyword == "additionalProperties" and violation.rule is False:
        yield from _unknown_keys(violation)
    elif violation.keyword == "required":
        yield from _missing_keys(violation)
    elif violation.keyword == "oneOf" and _is_choice(violation.rule):
        yield _not_one(violation)
    elif violation.keyword == "not" and "required" in violation.rule:
        yield _not_together(violation)
    elif telling := _telling_branches(violation):
        for branch in telling:
            yield from complaints(branch)
    else:
        yield Complaint(violation.path, _describe(violation), violation.about_key)


def _telling_branches(violation: Violation) -> list[Violation]:
    """Return what says more than "none of the branches fits": the branch of the value's own type broke it."""
    telling = [
        branch
        for branch in violation.branches
        if branch.keyword not in ("type", "const") or len(branch.path) > len(violation.path)
    ]
    if isinstance(violation.value, (dict, list)) or any(branch.keyword == "x-place" for branch in telling):
        return telling
    return []


def shown(value: Any) -> str:
    """Return `value` as a message shows it: short, texts in quotes."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _unknown_keys(violation: Violation) -> Iterator[Complaint]:
    known = violation.schema.get("properties", {})
    where = dotted(violation.path) or "an experiment"
    for key in violation.value:
        if key not in known:
            guess = did_you_mean(key, known) or f", expected one of {', '.join(known)}"
            yield Complaint((*violation.path, key), f"is not a key of {where}{guess}", at_key=True)


def _missing_keys(violation: Violation) -> Iterator[Complaint]:
    for key in violation.rule:
        if key not in violation.value:
            inner = violation.schema.get("properties", {}).get(key, {})
            title = f", expected {_example(inner)}" if inner.get("examples") else ""
            yield Complaint((*violation.path, key), f"is missing{title}")


def _example(schema: Mapping[str, Any]) -> str:
    example = schema["examples"][0]
    if isinstance(example, Mapping):
        return f"keys such as {', '.join(example)}"
    return f"a value such as {example}"


def _is_choice(rule: Any) -> bool:
    return all(set(branch) == {"required"} for branch in rule)


def _not_one(violation: Violation) -> Complaint:
    names = [branch["required"][0] for branch in violation.rule]
    given = [name for name in violation.value if name in names]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    if not given:
        return Complaint(violation.path, f"has none of {listed}, expected exactly one", at_key=True)
    return Complaint(
        (*violation.path, given[-1]), f"stands beside {given[0]}, expected exactly one of {listed}", at_key=True
    )


def _not_together(violation: Violation) -> Complaint:
    first, second = sorted(violation.rule["required"], key=list(violation.value).index)
    return Complaint((*violation.path, second), f"cannot stand beside {first}; remove one of them", at_key=True)


def _describe(violation: Violation) -> str:
    describe = _DESCRIPTIONS.get(violation.keyword)
    if violation.value is None and violation.keyword in ("type", "anyOf", "enum", "const"):
        return f"has no value, expected {_expected(violation.schema)}"
    return describe(violation) if describe else violation.said[:300]


def _expected(schema: Mapping[str, Any]) -> str:
    if "x-expected" in schema:
        return str(schema["x-expected"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("properties"):
        return f"keys such as {', '.join(list(schema['properties'])[:3])}"
    kinds = schema.get("type", "object")
    return " or ".join(_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _describe_type(violation: Violation) -> str:
    value, rule = violation.value, violation.rule
    advice = ""
    if rule == "string" and isinstance(value, (bool, int, float)):
        advice = "; put it in quotes"
    if rule == "array" and isinstance(value, str) and value.isprintable() and value:
        advice = f"; write [{value}]"
    if rule in ("integer", "number") and isinstance(value, str) and _is_number(value, rule):
        advice = "; remove the quotes"
    expected = _expected(violation.schema if rule == "object" else {"type": rule})
    return f"{shown(value)} is {_kind(value)}, expected {expected}{advice}"


def _is_number(text: str, kind: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]+" if kind == "integer" else r"[-+]?[0-9]+(\.[0-9]+)?", text) is not None


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, Sequence):
        return "several values"
    return "a whole number" if isinstance(value, int) else "a number"


def _describe_enum(violation: Violation) -> str:
    options = [str(option) for option in violation.rule]
    guess = did_you_mean(violation.value, options) if isinstance(violation.value, str) else ""
    return f"{shown(violation.value)} is not one of {', '.join(options)}{guess}"


def _describe_expected(violation: Violation) -> str:
    expected = violation.schema.get("x-expected")
    return f"{shown(violation.value)} is not {expected}" if expected else violation.said[:300]


def _bound(words: str) -> Callable[[Violation], str]:
    return lambda violation: f"{shown(violation.value)} is out of bounds, expected {words} {violation.rule}"


def _length(what: str, words: str) -> Callable[[Violation], str]:
    def describe(violation: Violation) -> str:
        count = len(violation.value)
        if count == 0:
            return "is empty, expected at least one value" if what != "characters" else "is an empty text"
        noun = what.removesuffix("s") if count == 1 else what
        return f"has {count} {noun}, expected {words} {violation.rule}"

    return describe


_DESCRIPTIONS: Mapping[str, Callable[[Violation], str]] = {
    "type": _describe_type,
    "enum": _describe_enum,
    "const": lambda violation: f"{shown(violation.value)} is not {shown(violation.rule)}",
    "pattern": _describe_expected,
    "anyOf": _describe_expected,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("more than"),
    "exclusiveMaximum": _bound("less than"),
    "minLength": _length("characters", "at least"),
    "maxLength": _length("characters", "at most"),
    "minItems": _length("values", "at least"),
    "maxItems": _length("values", "at most"),
    "minProperties": _length("keys", "at least"),
    "maxProperties": _length("keys", "at most"),
    "uniqueItems": lambda _: "holds a value twice",
    "x-available": lambda _: "is not available yet in this version; remove it",
    "x-place": lambda violation: f"{shown(without_query(violation.value))} {violation.said}",
}
