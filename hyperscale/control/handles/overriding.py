"""Overrides of an experiment file as Python has them, as the command line takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hyperscale.errors import ExperimentError


def as_set(overrides: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return `key=value` for each override; JSON is YAML, which is how a value is read.

    Raises:
        ExperimentError: when they are no mapping, or a value is nothing that YAML can hold.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ExperimentError(
            f"overrides are {overrides!r}, values by dotted key were expected",
            hint='give a dict, such as {"parallelism.workers": 8}',
        )
    return tuple(f"{key}={_text(key, value)}" for key, value in (overrides or {}).items())


def conditions(where: str | Sequence[str]) -> list[str]:
    """Return conditions of `--where`; one may stand for itself."""
    return [where] if isinstance(where, str) else list(where)


def _text(key: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ExperimentError(
            f"the override {key}: {error}", hint="give numbers, text, lists or dicts: what YAML can hold"
        ) from error
