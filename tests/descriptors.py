"""What a process has open: tests compare it before and after, as garbage collection closes much that nobody closed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

_FOLDER = Path("/proc/self/fd")


def open_descriptors() -> list[str]:
    """Return where each descriptor of this process leads, sorted.

    Raises:
        pytest.skip.Exception: where the system does not tell.
    """
    if not _FOLDER.is_dir():
        pytest.skip("/proc/self/fd says what is open: there is none here")
    found = []
    for descriptor in _FOLDER.iterdir():
        with suppress(FileNotFoundError):  # that of the list itself
            found.append(str(descriptor.readlink()))
    return sorted(found)
