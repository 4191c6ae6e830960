"""Fills in what an experiment file leaves out, from the defaults that schema.json holds."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """Return a copy of the valid `value` with every default of `schema`, and short forms written out.

    A schema whose `x-short-for` names a property takes a text in place of the whole object.
    """
    if "x-short-for" in schema:
        if not isinstance(value, dict):
            value = {schema["x-short-for"]: value}
        schema = next(branch for branch in schema["anyOf"] if branch.get("type") == "object")
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    properties = schema.get("properties", {})
    filled = {}
    for name, inner in properties.items():
        if name in value:
            filled[name] = with_defaults(inner, value[name])
        elif "default" in inner:
            filled[name] = with_defaults(inner, inner["default"])
    others = schema.get("additionalProperties")
    inner_of_others = others if isinstance(others, Mapping) else {}
    for name in value.keys() - properties.keys():
        filled[name] = with_defaults(inner_of_others, value[name])
    return {name: filled[name] for name in [*properties, *value] if name in filled}
