"""The one door to adlfs: reads blobs of a storage account with the login that everything else here has."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from adlfs import AzureBlobFileSystem
from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

from hyperscale.control.remote.remote_files import Entry, RemoteError, Waiting, trusted_authorities
from hyperscale.node.storing.azure_requests import ANSWER_SECONDS, CONNECT_SECONDS, AzureRequests
from hyperscale.node.storing.credentials import access_to
from hyperscale.node.storing.patience import StorageUnavailableError
from hyperscale.node.storing.places import account_place

T = TypeVar("T")

#: Whoever waits at a terminal is told soon: the SDK's own would be a minute.
RETRIES = 2
RETRY_SECONDS = 1
#: Less than the role that a run needs, which writes.
_ROLE = "have the role Storage Blob Data Reader on the account assigned to you; that may take 30 minutes to work"
#: One request brings so much of a large blob, and the SDK sees that all of them are of the same version. They come one
#: after the other: those that the SDK would send beside each other go on by themselves when we are interrupted.
BLOCK_BYTES = 16 * 1024 * 1024


class AccountFiles:
    """The blobs of one container."""

    def __init__(self, account: str, container: str) -> None:
        """Use `container` of `account`; nothing is asked yet.

        Raises:
            AzureError: when the connection string in the environment is for another account.
        """
        place = account_place(f"https://{account}.blob.core.windows.net/{container}", "store")
        access = access_to(place, os.environ)
        if hasattr(access.credential, "get_token"):
            access = replace(access, refused=_ROLE)
        self._container = container
        self._requests = AzureRequests(place.url, access, {})
        self._system: Any = _Account(account, place.url, access.credential)
        self._waiting = Waiting(self._system.loop)
        logging.getLogger("adlfs").setLevel(logging.WARNING)

    def look(self, path: str) -> Entry:
        """Return what is at `path`."""
        info = self._ask("look for", path, lambda: self._waiting.result(self._system._info(self._full(path))))
        is_folder = info["type"] == "directory"
        return Entry("", is_folder, None if is_folder else int(info["size"]), _version(info))

    def files(self, folder: str) -> list[Entry]:
        """Return all blobs below `folder`."""
        start = f"{self._full(folder)}/"
        found = self._ask(
            "list", folder, lambda: self._waiting.result(self._system._find(start.rstrip("/"), detail=True))
        )
        return [
            Entry(name.removeprefix(start), False, int(info["size"]), _version(info))
            for name, info in found.items()
            if info["type"] == "file" and name.startswith(start)
        ]

    def fetch(self, path: str, target: Path) -> None:
        """Write the blob at `path` into `target`."""
        self._ask("fetch", path, lambda: self._waiting.result(self._system._get_file(self._full(path), str(target))))

    def head(self, path: str, most_bytes: int) -> bytes:
        """Return the beginning of the blob at `path`."""
        read = lambda: self._waiting.result(self._system._cat_file(self._full(path), start=0, end=most_bytes))  # noqa: E731
        return cast(bytes, self._ask("read", path, read)) if self.look(path).bytes else b""

    def used(self, path: str, use: Callable[[IO[bytes]], T]) -> T:
        """Return what `use` makes of the blob at `path`, of which ranges are read."""

        def read() -> T:
            with self._system.open(self._full(path), block_size=BLOCK_BYTES) as file:
                return use(file)

        return self._ask("read", path, read)

    def close(self) -> None:
        """End what is on its way, and close its connections."""
        self._waiting.end()
        self._waiting.result(self._system.service_client.close())

    def _full(self, path: str) -> str:
        return f"{self._container}/{path.strip('/')}".rstrip("/")

    def _ask(self, doing: str, path: str, request: Callable[[], T]) -> T:
        name = path.strip("/") or self._container
        try:
            return self._requests.ask(f"{doing} {name}", request)
        except FileNotFoundError:
            problem = RemoteError(f"there is no {name} in the container {self._container}", hint="correct the address")
        except StorageUnavailableError as error:
            hint = "see that the name of the account is right and that this machine reaches it, and try again"
            problem = RemoteError(str(error), hint=hint)
        raise problem


class _Account(AzureBlobFileSystem):  # type: ignore[misc]
    """adlfs with a client of our making: with our login, our authorities, and nothing from variables of adlfs's own."""

    cachable = False

    def __init__(self, account: str, url: str, credential: Any) -> None:
        self._url, self._login = url, credential
        super().__init__(account_name=account, credential="ours", max_concurrency=1)

    def do_connect(self) -> None:
        is_login = hasattr(self._login, "get_token")
        authorities = trusted_authorities()
        self.service_client = BlobServiceClient(
            self._url,
            credential=_InThreads(self._login) if is_login else self._login,
            retry_policy=ExponentialRetry(initial_backoff=0, increment_base=RETRY_SECONDS, retry_total=RETRIES),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            **dict.fromkeys(("max_single_get_size", "max_chunk_get_size"), BLOCK_BYTES),
            **({"connection_verify": authorities} if authorities else {}),
        )


class _InThreads:
    """The login of this program for clients that wait in an event loop: az takes a second or two."""

    def __init__(self, login: Any) -> None:
        self._login = login

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        return await asyncio.to_thread(self._login.get_token, *scopes, **options)

    async def close(self) -> None:
        """Keep it: others use it, too."""


def _version(info: dict[str, Any]) -> str:
    return str(info.get("etag") or info.get("last_modified") or "")
