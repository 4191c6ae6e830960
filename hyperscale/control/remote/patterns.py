"""Picks the files of a listing that a pattern matches, just as nodes do in the folder itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from hyperscale.control.remote.remote_files import Entry
from hyperscale.uris import WILDCARD


def matching(entries: Iterable[Entry], pattern: str) -> list[Entry]:
    """Return the `entries` whose path `pattern` matches, sorted by path; `**` stands for any folders."""
    parts = pattern.split("/")
    return sorted((entry for entry in entries if _fits(entry.path.split("/"), parts)), key=lambda entry: entry.path)


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        if not rest:
            return bool(names) and not any(name.startswith(".") for name in names)
        deeper = len(names) > 1 and not names[0].startswith(".")
        return _fits(names, rest) or (deeper and _fits(names[1:], pattern))
    return bool(names) and _is_named(names[0], first) and _fits(names[1:], rest)


def _is_named(name: str, pattern: str) -> bool:
    if not WILDCARD.search(pattern):
        return name == pattern
    # As in a shell, a name that starts with a dot is only meant where the pattern starts so.
    return (not name.startswith(".") or pattern.startswith(".")) and fnmatch.fnmatchcase(name, pattern)
