"""Says figures as people read them, and those of a whole run in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any


def counted(count: int, noun: str) -> str:
    """Return `count` and its noun, such as `1 node` or `2,000 nodes`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    if size < 1024:
        return counted(size, "byte")
    value, units = size / 1024, ["KiB", "MiB", "GiB", "TiB"]
    # By what is shown, not by what is: 1,023.96 KiB would be told as 1,024.0.
    while round(value, 1) >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.1f} {units[0]}"


def length(seconds: float) -> str:
    """Return a length of time for people, down to microseconds."""
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        text = f"{seconds * factor:.3g}"
        if seconds * factor < 1000 and "e" not in text:
            return f"{text}{unit}"
        if seconds < 1e-9:
            return f"0{unit}"
    return duration(seconds)


def float_text(value: float) -> str:
    """Return a value of a table with six digits; a whole number with all of its own."""
    return f"{value:.15g}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def time_text(at: float) -> str:
    """Return Unix seconds for people, anywhere."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Return a length of time for people: 4.2s, 38m12s, 3h05m."""
    if round(seconds) < 60:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def rate_text(rows_per_second: float) -> str:
    """Return a rate for people: two digits that mean something, thousands separated."""
    if 0 < rows_per_second < 0.001:
        return "<0.001"
    return f"{rows_per_second:.2g}" if rows_per_second < 0.995 else f"{rows_per_second:,.1f}"


def last_line(results: Mapping[str, Any]) -> str:
    """Return the countable line of run_results.json: its figures in a fixed form."""
    rows = results["rows"]
    counts = " ".join(f"{name}={rows[name]:,}" for name in ("succeeded", "failed", "missing", "total"))
    pace = f"in {duration(results['seconds'])} ({rate_text(results['rows_per_second'])} rows/s)"
    cost = results.get("cost_usd")
    word = "Stopped." if rows["missing"] else "Done."
    return " ".join([word, counts, pace, *([f"${cost:,.2f}"] if cost is not None else [])])


def retried_lines(results: Mapping[str, Any]) -> list[str]:
    """Return what became of the rows that a retry ran itself, by run_results.json; an empty list for another run."""
    retried = results.get("retried")
    if not retried:
        return []
    counts = " ".join(f"{name}={retried[name]:,}" for name in ("succeeded", "failed", "missing"))
    return [f"{counted(retried['total'], 'row')} of run {results['lineage'][-2]} retried: {counts}; all rows together:"]


def usd(amount: float) -> str:
    """Return an amount of money; of less than a cent the first two digits that are not 0."""
    if amount >= 0.00995 or amount <= 0:
        return f"${amount:,.2f}"
    if amount < 0.0001:
        return "<$0.0001"
    rounded = float(f"{amount:.2g}")
    return f"${rounded:.{1 - math.floor(math.log10(rounded))}f}"


def usd_per_rows(rows: int, low: float, high: float | None = None) -> str:
    """Return what rows cost, such as `$0.27 per 1,000 rows`: of as many as cost a cent or more, if that many can.

    Args:
        rows: at least 1.
        low: what all of them cost.
        high: the other end, of what is not known yet.
    """
    named = {1: "row", 1_000: "1,000 rows", 1_000_000: "1,000,000 rows"}
    count = next((count for count in named if low * count >= 0.01 * rows), max(named))
    ends = dict.fromkeys(usd(cost * count / rows) for cost in (low, low if high is None else high))
    return f"{' to '.join(ends)} per {named[count]}"
