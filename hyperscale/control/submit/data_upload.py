"""Brings files of this machine into the storage account of a run, each content once, in flat memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from azure.storage.blob import ContainerClient

from hyperscale.control.submit.local_data import LocalData, LocalFile
from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.azure_requests import AzureRequests
from hyperscale.node.storing.credentials import access_to
from hyperscale.node.storing.places import account_place

#: A file travels in blocks of this size, and its blob appears when the last one is committed. A blob takes 50,000
#: blocks (Scalability targets for Blob storage): files of up to 390 GiB.
BLOCK_BYTES = 8 * 1024 * 1024
#: Blocks of one large file, or small files, that travel at the same time.
AT_ONCE = 4
SMALL_FILES_AT_ONCE = 8
#: List Blobs, maxresults.
PAGE = 5_000
#: Requests that Azure does not answer are made again so often, by the SDK, which repeats a block and not a file.
RETRIES = 8
ANSWER_SECONDS = 120


class _BlobExistsError(HyperscaleError):
    """There is something of that name already."""


class Uploads:
    """Puts blobs into the container of a store."""

    def __init__(self, store_url: str) -> None:
        """Use the container that `store_url` names."""
        place = account_place(store_url, "store")
        self._folder = "".join(f"{name}/" for name in place.names[1:])
        self._requests = AzureRequests(
            f"{place.url}/{place.names[0]}",
            access_to(place, os.environ),
            {"BlobAlreadyExists": lambda: _BlobExistsError("it exists")},
        )
        self._client = ContainerClient(
            place.url,
            place.names[0],
            max_single_put_size=BLOCK_BYTES,
            max_block_size=BLOCK_BYTES,
            **{**self._requests.options(), "retry_total": RETRIES, "read_timeout": ANSWER_SECONDS},
        )

    def bring(self, data: LocalData, told: Callable[[int], None] = lambda _: None) -> int:
        """Upload what is not there yet of `data`, and return how many bytes that was.

        Args:
            data: names follow from contents, so what is there under its name is the same.
            told: is called with the bytes of each file that has arrived.

        Raises:
            AzureError: when the account refuses, or does not answer.
        """
        there = self._requests.ask(f"list {data.prefix}", lambda: self._names(data.prefix))
        missing = [file for file in data.files if self._folder + file.blob not in there]

        def send(file: LocalFile) -> None:
            self._send(file)
            told(file.bytes)

        if len(missing) == 1:
            send(missing[0])
        elif missing:
            with ThreadPoolExecutor(SMALL_FILES_AT_ONCE, thread_name_prefix="upload") as threads:
                try:
                    list(threads.map(send, missing))
                except BaseException:
                    # Without this, Ctrl-C would wait for ten thousand files.
                    threads.shutdown(wait=False, cancel_futures=True)
                    raise
        return sum(file.bytes for file in missing)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _names(self, prefix: str) -> set[str]:
        return set(self._client.list_blob_names(name_starts_with=self._folder + prefix, results_per_page=PAGE))

    def _send(self, file: LocalFile) -> None:
        blob = self._client.get_blob_client(self._folder + file.blob)
        with file.path.open("rb") as opened, suppress(_BlobExistsError):
            self._requests.ask(
                f"upload {file.path.name}",
                lambda: blob.upload_blob(opened, length=file.bytes, overwrite=False, max_concurrency=AT_ONCE),
            )
