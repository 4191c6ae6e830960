"""Picks the files of a listing that a pattern matches, just as nodes do in the folder itself."""

from __future__ import annotations

from collections.abc import Iterable

from hyperscale.control.remote.remote_files import Entry
from hyperscale.node.reading.file_rows import matches


def matching(entries: Iterable[Entry], pattern: str) -> list[Entry]:
    """Return the `entries` whose path `pattern` matches, sorted by path; `**` stands for any folders."""
    parts = pattern.split("/")
    return sorted((entry for entry in entries if matches(entry.path.split("/"), parts)), key=lambda entry: entry.path)
