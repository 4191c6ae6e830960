"""What runs have left behind, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from hyperscale.control.follow.left_behind import LeftBehind
from hyperscale.control.text_table import LONGEST_NAME, text_table
from hyperscale.node.azure.azure_times import shown_time

HEADER = ("what", "name", "run", "age", "cores", "owner", "expires", "why")


def left_lines(found: Sequence[LeftBehind], now: float, width: int) -> list[str]:
    """Return the table, and a line with the cores of quota that are held."""
    lines = text_table(HEADER, [_cells(left, now) for left in found], width, LONGEST_NAME)
    cores = sum(left.cores for left in found)
    return [*lines, *([f"quota held: {cores:,} cores"] if cores else [])]


def _cells(left: LeftBehind, now: float) -> tuple[object, ...]:
    hours = left.age_hours(now)
    age = "" if hours is None else f"{hours:.1f}h" if hours < 48 else f"{hours / 24:.0f}d"
    cores = left.cores if left.kind == "cluster" else ""
    expires = shown_time(left.expires_at)
    return (left.kind, left.name, left.run, age, cores, left.owner, expires, left.reason)
