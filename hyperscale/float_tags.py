"""How JSON holds the floats that it does not know: NaN is `{"$number": "NaN"}`, a user's own dict stays itself."""

from __future__ import annotations

import math
from typing import Any

#: The one key of a tag. A user's dict whose one key looks like this is stored with another `$` in front of it.
TAG = "$number"
_FLOATS = ("NaN", "Infinity", "-Infinity")


def tag(value: float) -> dict[str, str]:
    """Return the tag that stands for `value`, which is NaN or infinite."""
    return {TAG: "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def escape(document: dict[str, Any]) -> dict[str, Any]:
    """Return a user's dict as it is stored: as it is, unless it looks like a tag or like an escaped dict."""
    key = next(iter(document)) if len(document) == 1 else ""
    return {f"${key}": document[key]} if _looks_like_tag(key) else document


def without_tags(value: Any) -> Any:
    """Return what stored JSON stands for: floats in place of tags, and users' dicts as they were."""
    if isinstance(value, list):
        return [without_tags(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, item),) = value.items()
        if key == TAG and item in _FLOATS:
            return float(item)
        if key != TAG and _looks_like_tag(key):
            return {key[1:]: without_tags(item)}
    return {key: without_tags(item) for key, item in value.items()}


def _looks_like_tag(key: str) -> bool:
    return key.endswith(TAG) and not key.removesuffix(TAG).strip("$")
