"""What every place of remote files offers, and the error of all of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from hyperscale.errors import HyperscaleError

T = TypeVar("T")


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
    """

    path: str
    is_folder: bool
    bytes: int | None
    version: str


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

    def used(self, path: str, use: Callable[[IO[bytes]], T]) -> T:
        """Return what `use` makes of the file at `path`: what it reads, here and there, travels, and little more."""

    def close(self) -> None:
        """End what is on its way, and close its connections; closing again does nothing."""


def trusted_authorities() -> str | None:
    """Return the file of authorities that this machine trusts instead of its own; None when it says nothing.

    The variable is that of requests and of Azure's SDK; aiohttp, which does not know it, is told.
    """
    return os.environ.get("REQUESTS_CA_BUNDLE") or None


class Waiting:
    """Waits for work in the event loop of another thread, and sees to it that none goes on which nobody waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use `loop`, which runs."""
        self._loop = loop
        self._running: set[Future[Any]] = set()

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` comes to; safe for several threads. Who is interrupted ends the work, too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._running.add(future)
        try:
            return future.result()
        except BaseException:
            self._cancel(future)
            raise
        finally:
            self._running.discard(future)

    def end(self) -> None:
        """End all work that other threads wait for."""
        for future in list(self._running):
            self._cancel(future)

    def _cancel(self, future: Future[Any]) -> None:
        if future.cancel():
            self._loop.call_soon_threadsafe(self._loop.set_exception_handler, _leave_out_cut_connections)
            # When this has come to its turn, what was cancelled has had its own.
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), self._loop).result()


def _leave_out_cut_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what `loop` has to tell, but that connections were not closed: of those that we have cut, it is no news."""
    if "client_connection" not in context:
        loop.default_exception_handler(context)
