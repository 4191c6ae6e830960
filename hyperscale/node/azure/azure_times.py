"""Reads the times that Azure and our tags write: ISO 8601, whose fractions of a second have any length."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?")


def unix_seconds(text: str) -> float | None:
    """Return the time that `text` tells, to the second; a time without zone is UTC; None when it tells none."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    day, hour, zone = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{hour}{'+00:00' if zone in (None, 'Z') else zone}").timestamp()
    except ValueError:
        return None


def shown_time(seconds: float | None) -> str:
    """Return a time for people, in UTC; empty when nobody knows it."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")
