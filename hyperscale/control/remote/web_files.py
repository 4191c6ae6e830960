"""The one door to fsspec's files of web servers: fetches by https, and says in our words what a server answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import aiohttp
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.http import HTTPFileSystem

from hyperscale.causes import TRUST_HINT, causes, distrust, said_by_the_system, why_unanswered
from hyperscale.control.remote.remote_files import Entry, RemoteError, Waiting, trusted_authorities
from hyperscale.errors import is_about_a_file
from hyperscale.uris import Uri

T = TypeVar("T")

#: Nothing is said of the whole: a large file on a slow line takes hours.
CONNECT_SECONDS = 15
SILENCE_SECONDS = 60


class WebFiles:
    """One file of a web server: paths are empty, a web server lists nothing."""

    def __init__(self, uri: Uri) -> None:
        """Use the address `uri`; nothing is asked yet."""
        self._uri = uri
        self._sessions: list[aiohttp.ClientSession] = []
        # What is an archive by its name has to stay one, even where a server calls that an encoding.
        is_archive = uri.file_name.endswith((".gz", ".zst"))
        self._system: Any = HTTPFileSystem(
            get_client=self._new_session,
            client_kwargs={"auto_decompress": not is_archive},
            skip_instance_cache=True,
        )
        self._waiting = Waiting(self._system.loop)

    def look(self, path: str) -> Entry:
        """Return what the server says of the file."""
        del path
        info = self._ask(lambda: self._waiting.result(self._system._info(self._uri.text)))
        if not str(info.get("url", "https:")).startswith("https:"):
            raise RemoteError(
                f"{self._uri.shown} leads to an address of http, where anybody on the way can change what comes",
                hint="name an address that stays with https",
            )
        version = " ".join(str(info[field]) for field in ("ETag", "Last-Modified", "Content-MD5") if info.get(field))
        return Entry("", False, info.get("size"), version)

    def files(self, folder: str) -> list[Entry]:
        """Refuse: a web server tells no files."""
        del folder
        raise RemoteError(f"{self._uri.shown} cannot be listed: a web server does not tell its files")

    def fetch(self, path: str, target: Path) -> None:
        """Write the file into `target`."""
        del path
        self._ask(lambda: self._waiting.result(self._system._get_file(self._uri.text, str(target))))

    def head(self, path: str, most_bytes: int) -> bytes:
        """Return the beginning of the file; the connection is left there."""
        del path

        def read() -> bytes:
            # Without blocks it is one request whose answer is read as far as it is wanted: not all servers know ranges.
            with self._system.open(self._uri.text, block_size=0) as stream:
                pieces: list[bytes] = []
                while (left := most_bytes - sum(map(len, pieces))) > 0 and (piece := stream.read(left)):
                    pieces.append(piece)
                return b"".join(pieces)

        return self._ask(read)

    def used(self, path: str, use: Callable[[IO[bytes]], T]) -> T:
        """Return what `use` makes of the file, of which ranges are read."""
        del path

        def read() -> T:
            with self._system.open(self._uri.text) as file:
                return use(file)

        return self._ask(read)

    def close(self) -> None:
        """End what is on its way, and close its connections."""
        self._waiting.end()
        for session in self._sessions:
            self._waiting.result(session.close())

    async def _new_session(self, **options: Any) -> aiohttp.ClientSession:
        self._sessions.append(_new_session(**options))
        return self._sessions[-1]

    def _ask(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except (OSError, aiohttp.ClientError, FSTimeoutError, ValueError) as error:
            if _is_of_this_disk(error):
                raise
            problem = _problem(self._uri, error)
        raise problem  # outside of the block above: the error may hold the whole address


def _new_session(**options: Any) -> aiohttp.ClientSession:
    """Return a session with the machine's proxy and authorities, that does not wait for ever."""
    trusted = ssl.create_default_context(cafile=trusted_authorities())
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
        headers={"Accept-Encoding": "identity"},
        trust_env=True,
        **options,
    )


def _is_of_this_disk(error: Exception) -> bool:
    """Return whether `error` is about a file here, not about the server; what is not there is never a file of ours."""
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and is_about_a_file(error)


def _problem(uri: Uri, error: Exception) -> RemoteError:
    """Return our error for what a request ended with."""
    found = list(causes(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in found)

    refused = next((cause for cause in found if isinstance(cause, aiohttp.ClientResponseError)), None)
    if refused is not None:
        return _refused(uri, refused.status)
    if why := distrust(error):
        return _unreadable(uri, f"the certificate of {uri.name} is not trusted here: {why}", TRUST_HINT)
    if has(ssl.SSLError):
        return _unreadable(uri, f"{uri.name} does not talk TLS", "see that the address is one of https")
    if has(socket.gaierror):
        hint = "correct the address, or see that this machine reaches the network"
        return _unreadable(uri, f"there is no host {uri.name}, or this machine cannot look it up", hint)
    if has(TimeoutError, asyncio.TimeoutError, FSTimeoutError):
        return _unreadable(uri, f"{uri.name} does not answer")
    if has(aiohttp.ClientConnectorError):
        told = said_by_the_system(error)
        return _unreadable(uri, f"{uri.name} does not answer ({told})" if told else f"{uri.name} does not answer")
    if has(aiohttp.ClientError, ConnectionError):
        hint = "try again; what has come is thrown away, nothing of it is used"
        return _unreadable(uri, "the connection was cut before all of it had come", hint)
    if has(FileNotFoundError):
        return _refused(uri, 404)
    return _unreadable(uri, why_unanswered(error))


def _unreadable(uri: Uri, why: str, hint: str = "try again later") -> RemoteError:
    return RemoteError(f"{uri.shown} cannot be read: {why}", hint=hint)


def _refused(uri: Uri, status: int) -> RemoteError:
    if status in (401, 403, 407):
        hint = (
            "https is for what everybody may read; what is private is read with your login as "
            "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
        )
        return _unreadable(uri, f"the server lets nobody in without a login ({status})", hint)
    if status in (404, 410):
        return RemoteError(f"{uri.shown} is not there ({status})", hint="correct the address")
    if status == 429 or status >= 500:
        return _unreadable(uri, f"the server answers {status} just now")
    return _unreadable(uri, f"the server answers {status}", "correct the address")
