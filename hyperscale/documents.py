"""Builds frozen values from the documents that JSON and YAML files hold."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeGuard, TypeVar

T = TypeVar("T")


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value of a document is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def build(cls: type[T], document: Mapping[str, Any]) -> T:
    """Return the dataclass `cls` filled from `document`: lists become tuples, absent keys None."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    return cls(**{name: _value(hints[name], document.get(name)) for name in names})


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next((kind for kind in typing.get_args(hint) if dataclasses.is_dataclass(kind)), hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(typing.get_args(hint)[0], item) for item in value)
    if isinstance(value, Mapping):
        of_value = (typing.get_args(hint) or (Any, Any))[1]
        return {key: _value(of_value, item) for key, item in value.items()}
    return value
