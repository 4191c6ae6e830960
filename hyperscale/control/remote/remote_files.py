"""What every place of remote files offers, and the error of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from hyperscale.errors import HyperscaleError


class RemoteError(HyperscaleError):
    """Remote data cannot be had; the message says why."""


@dataclass(frozen=True)
class Entry:
    """What is known of a file, or of a folder, without reading it.

    Attributes:
        path: below the folder that was listed; empty for what was looked at itself.
        is_folder: whether it is one.
        bytes: its size; None when the place does not tell, or for a folder.
        version: another one says that the content may be another; empty when the place does not tell.
        media_type: of a web server's answer, such as text/csv.
    """

    path: str
    is_folder: bool
    bytes: int | None
    version: str
    media_type: str = ""


class RemoteFiles(Protocol):
    """A web server, or a container of a storage account; every method raises RemoteError or AzureError."""

    def look(self, path: str) -> Entry:
        """Return what is at `path`."""

    def files(self, folder: str) -> list[Entry]:
        """Return all files below `folder`, of all depths."""

    def fetch(self, path: str, target: Path) -> None:
        """Write the file at `path` into `target`."""

    def head(self, path: str, most_bytes: int) -> bytes:
        """Return the beginning of the file at `path`: all of a short one."""

    def opened(self, path: str) -> IO[bytes]:
        """Return the file at `path` for reading here and there: what is read travels, and little more."""

    def close(self) -> None:
        """Close its connections."""


def trusted_authorities() -> str | None:
    """Return the file of authorities that this machine trusts instead of its own; None when it says nothing.

    The variable is that of requests and of Azure's SDK; aiohttp, which does not know it, is told.
    """
    return os.environ.get("REQUESTS_CA_BUNDLE") or None


@contextmanager
def whole_or_nothing(target: Path) -> Iterator[Path]:
    """Give a name beside `target` to write to; it becomes `target` when the block ends well, and is gone otherwise."""
    coming = target.with_name(f".{target.name}.coming")
    coming.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield coming
        coming.replace(target)
    finally:
        coming.unlink(missing_ok=True)
