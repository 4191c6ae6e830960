"""The store of a run in a storage account of Azure, or of Azurite: blobs under `<run_id>/` of a container."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, ContainerClient

from hyperscale.errors import HyperscaleError
from hyperscale.names import CONTAINER
from hyperscale.node.storing.azure_requests import AzureRequests
from hyperscale.node.storing.credentials import Access
from hyperscale.node.storing.places import DEFAULT_CONTAINER, AccountPlace
from hyperscale.node.storing.stores import MissingBlobError, Scalar, Store, check_name
from hyperscale.tempo import at_tempo

T = TypeVar("T")

#: List Blobs, maxresults.
PAGE = 5_000
#: Blob Batch takes so many.
BATCH = 256
#: Files travel in blocks of this size; a blob appears when the last one is committed.
BLOCK_BYTES = 4 * 1024 * 1024
#: All of a heartbeat's fields are one value, as JSON: names of metadata are those of C#, values ASCII.
_FIELDS = "fields"
#: Metadata takes 8 KiB altogether (Setting and retrieving properties and metadata for Blob resources).
MAX_FIELDS_BYTES = 7 * 1024
_SHORT = 500
#: Between two looks at what may change.
POLL_SECONDS = 2.0


class _ContainerMissingError(HyperscaleError):
    """Nobody has made the container yet."""


class _BlobExistsError(HyperscaleError):
    """There is something of that name."""


class AzureBlobStore(Store):
    """A store in a container that several runs share; the first write makes it, and nothing ever removes it."""

    def __init__(self, place: AccountPlace, run_id: str, access: Access) -> None:
        """Use what the run `run_id` has at `place`.

        Args:
            place: an account; the names that follow it are container and folder.
            run_id: the folder of the run.
            access: who asks.

        Raises:
            HyperscaleError: when no container can have that name.
        """
        self.poll_seconds = at_tempo(POLL_SECONDS)
        container = CONTAINER.check(place.names[0] if place.names else DEFAULT_CONTAINER)
        self._folder = "".join(f"{name}/" for name in (*place.names[1:], run_id))
        self._where = f"{place.url}/{container}/{self._folder}"
        self._requests = AzureRequests(
            self._where,
            access,
            {
                "ContainerNotFound": lambda: _ContainerMissingError(f"there is no container {container}"),
                "BlobNotFound": lambda: MissingBlobError(f"there is no such blob in {self._where}"),
                "BlobAlreadyExists": lambda: _BlobExistsError("it exists"),
                "ConditionNotMet": lambda: _BlobExistsError("it exists"),
                "UnauthorizedBlobOverwrite": lambda: _BlobExistsError("it exists"),
                "ContainerAlreadyExists": lambda: _BlobExistsError("it exists"),
            },
        )
        self._client = ContainerClient(
            place.url,
            container,
            max_single_put_size=BLOCK_BYTES,
            max_block_size=BLOCK_BYTES,
            **self._requests.options(),
        )

    def create(self, name: str, data: bytes) -> bool:
        blob = self._blob(name)
        try:
            self._write(f"create {name}", lambda: blob.upload_blob(data, overwrite=False))
        except _BlobExistsError:
            return False
        return True

    def read(self, name: str) -> bytes:
        blob = self._blob(name)
        data: bytes = self._read(name, lambda: blob.download_blob().readall())
        return data

    def names(self, prefix: str) -> list[str]:
        start = self._start(prefix)

        def request() -> list[str]:
            return list(self._client.list_blob_names(name_starts_with=start, results_per_page=PAGE))

        found = self._list(f"list {prefix}*", request)
        return sorted((name[len(self._folder) :] for name in found), key=str.encode)

    def upload(self, name: str, path: Path) -> None:
        blob = self._blob(name)

        def request() -> None:
            with path.open("rb") as file:
                blob.upload_blob(file, overwrite=True)

        self._write(f"upload {name}", request)

    def download(self, name: str, path: Path) -> None:
        blob = self._blob(name)
        temporary = path.with_name(f".{path.name}.{uuid4().hex}")

        def request() -> None:
            with temporary.open("wb") as file:
                blob.download_blob().readinto(file)

        try:
            self._read(name, request)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        blob = self._blob(name)
        metadata = {_FIELDS: _as_metadata(fields)}
        self._write(f"beat {name}", lambda: blob.upload_blob(b"", overwrite=True, metadata=metadata))

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Scalar]]]:
        start = self._start(prefix)
        dates: list[datetime] = []

        def request() -> list[tuple[Any, datetime]]:
            pages = self._client.list_blobs(
                name_starts_with=start,
                include=["metadata"],
                results_per_page=PAGE,
                raw_response_hook=lambda response: dates.append(_date(response)),
            ).by_page()
            return [(blob, dates[-1]) for page in pages for blob in page]

        for blob, now in self._list(f"list {prefix}*", request):
            # What somebody else has put there is no heartbeat.
            with suppress(ValueError, KeyError, TypeError):
                fields = json.loads(blob.metadata[_FIELDS])
                age_seconds = max(0.0, (now - blob.last_modified).total_seconds())
                yield blob.name[len(self._folder) :], age_seconds, fields

    def now(self) -> float:
        if self._requests.now() is None:
            pages = self._client.list_blob_names(name_starts_with=self._folder, results_per_page=1).by_page()
            self._list("look into the store", lambda: list(next(pages, ())))
        found = self._requests.now()
        assert found is not None, "each answer has a date"
        return found

    def remove(self) -> None:
        names = iter([self._folder + name for name in self.names("")])
        while batch := list(itertools.islice(names, BATCH)):
            self._requests.ask("remove blobs", lambda batch=batch: self._delete(batch))  # type: ignore[misc]

    def close(self) -> None:
        self._client.close()

    def _delete(self, names: list[str]) -> None:
        for answer in self._client.delete_blobs(*names, raise_on_any_failure=False):
            if answer.status_code not in (202, 404):
                raise HttpResponseError(response=answer)

    def _blob(self, name: str) -> BlobClient:
        check_name(name)
        return self._client.get_blob_client(self._folder + name)

    def _start(self, prefix: str) -> str:
        folder = prefix.rpartition("/")[0]
        if folder:
            check_name(folder)
        return self._folder + prefix

    def _write(self, doing: str, request: Callable[[], T]) -> T:
        """Carry out `request`; make the container first where there is none."""
        with suppress(_ContainerMissingError):
            return self._requests.ask(doing, request)
        with suppress(_BlobExistsError):  # somebody else was faster
            self._requests.ask("make the container", self._client.create_container)
        return self._requests.ask(doing, request)

    def _read(self, name: str, request: Callable[[], T]) -> T:
        with suppress(_ContainerMissingError, MissingBlobError):
            return self._requests.ask(f"read {name}", request)
        raise MissingBlobError(f"there is no {name} in the store {self._where}")

    def _list(self, doing: str, request: Callable[[], list[T]]) -> list[T]:
        with suppress(_ContainerMissingError):
            return self._requests.ask(doing, request)
        return []


def _date(response: Any) -> datetime:
    return parsedate_to_datetime(response.http_response.headers["Date"])


def _as_metadata(fields: Mapping[str, Scalar]) -> str:
    """Return the fields as one line of ASCII without blanks, which proxies may change; long texts are cut."""
    for longest in (None, _SHORT, _SHORT // 10):
        short = {key: value[:longest] if isinstance(value, str) else value for key, value in fields.items()}
        text = json.dumps(short, separators=(",", ":")).replace(" ", "\\u0020")
        if len(text) <= MAX_FIELDS_BYTES:
            break
    return text
