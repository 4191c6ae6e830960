"""Where data of jobs is, and how it comes to a node and back: the service's addresses, and blobs of the account."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from emulator.execution.contents import Contents
from emulator.world import World

_DATASTORE = re.compile(r"azureml://(?:subscriptions/.+?/)?datastores/([^/]+)/paths/(.*)", re.IGNORECASE)
_WASBS = re.compile(r"wasbs?://([^@]+)@([^.]+)\.blob\.core\.windows\.net/?(.*)")
_ABFSS = re.compile(r"abfss://([^@]+)@([^.]+)\.dfs\.core\.windows\.net/?(.*)")
_HTTPS = re.compile(r"https://([^.]+)\.blob\.core\.windows\.net(?::\d+)?/([^/?]+)/?([^?]*)")
DEFAULT_DATASTORE = "workspaceblobstore"
#: Where logs and kept files of runs are.
ARTEFACTS = "workspaceartifactstore"


class DataError(Exception):
    """Data is not where a job says that it is."""


@dataclass(frozen=True)
class BlobPlace:
    """A blob, or all blobs below a folder, in a container of the storage account.

    Attributes:
        container, path: where it is.
        is_of_datastore: whether a datastore led there, which may hold a key for it.
    """

    container: str
    path: str
    is_of_datastore: bool = field(default=False, compare=False)


class Storage:
    """Brings blobs to this machine, each address once for each user of it, and takes folders back."""

    def __init__(
        self,
        service: Any,
        world: World,
        datastore_container: Callable[[str], str],
        folder: Path,
        contents: Contents,
    ) -> None:
        """Use `service`, a BlobServiceClient; keep what is fetched in `folder`, files of code in `contents`, too."""
        self._service, self._world, self._datastore_container = service, world, datastore_container
        self._folder, self._contents = folder, contents
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str, str], tuple[threading.Lock, Path]] = {}

    def place_of(self, uri: str) -> BlobPlace:
        """Return where `uri` points.

        Raises:
            DataError: when it points to nothing that the emulated service has.
        """
        with self._world.lock:
            asset = self._world.asset_of(uri)
            account = self._world.workspace.storage_account
        if asset:
            uri = str(asset.properties.get("dataUri") or asset.properties.get("codeUri"))
        if found := _DATASTORE.fullmatch(uri):
            return BlobPlace(self._datastore_container(found.group(1)), unquote(found.group(2)), is_of_datastore=True)
        if found := _WASBS.fullmatch(uri) or _ABFSS.fullmatch(uri):
            container, its_account, path = found.groups()
        elif found := _HTTPS.fullmatch(uri):
            its_account, container, path = found.groups()
        else:
            raise DataError(f"{uri} is no place of data that the emulator knows")
        if its_account != account:
            raise DataError(f"{uri} is in another storage account than {account}")
        return BlobPlace(container, unquote(path))

    def check_right(self, uri: str, identity_ids: Sequence[str], letter: str) -> None:
        """See that one of these identities may read ("r") or write ("w") what is at `uri`.

        Behind a datastore with a key, nobody needs a right (how-to-administrate-data-authentication.md).

        Raises:
            DataError: when none may.
        """
        place = self.place_of(uri)
        with self._world.lock:
            if place.is_of_datastore and not self._world.identity_datastores:
                return
            directory, account = self._world.directory, self._world.workspace.storage_path
            found = [directory.identity(path) for path in identity_ids]
            rights = directory.data_rights([each for each in found if each], account, "blob")
        if letter not in rights.get("*", "") + rights.get(place.container, ""):
            raise DataError(
                f"{uri}: AuthorizationPermissionMismatch: This request is not authorized to perform this operation "
                f"using this permission, on container {place.container}."
            )

    def fetch_file(self, user: str, uri: str) -> Path:
        """Return a copy of one blob; `user` (a job) gets the same copy each time."""
        place = self.place_of(uri)

        def bring(folder: Path) -> None:
            client = self._service.get_blob_client(place.container, place.path)
            self._download(client, folder / place.path.rpartition("/")[2], uri)

        return self._once(user, uri, "file", bring) / place.path.rpartition("/")[2]

    def fetch_folder(self, user: str, uri: str) -> Path:
        """Return a folder with a copy of all blobs below an address; `user` (a job) gets the same folder each time."""

        def bring(folder: Path) -> None:
            for _, file, client in self._blobs_below(uri, folder):
                self._download(client, file, uri)

        return self._once(user, uri, "folder", bring)

    def fetch_code(self, uri: str) -> Path:
        """Return a folder with the files of a snapshot, and their bytecode: the same one each time, to copy from."""
        with self._world.lock:
            asset = self._world.asset_of(uri)
        if asset and asset.files:
            return asset.files

        def bring(folder: Path) -> None:
            for blob, file, client in self._blobs_below(uri, folder):
                file.parent.mkdir(parents=True, exist_ok=True)
                if digest := blob.content_settings.content_md5:
                    self._contents.place(bytes(digest), file, partial(self._download, client, uri=uri))
                else:
                    self._download(client, file, uri)
            if asset:
                self._contents.keep_snapshot(asset, folder)

        return self._once("snapshots", uri, "folder", bring)

    def _blobs_below(self, uri: str, folder: Path) -> Iterator[tuple[Any, Path, Any]]:
        """Yield the properties of each blob below an address, the file of it in `folder`, and its client."""
        from azure.core.exceptions import ResourceNotFoundError

        place = self.place_of(uri)
        prefix = f"{place.path.rstrip('/')}/" if place.path.strip("/") else ""
        container = self._service.get_container_client(place.container)
        try:
            for blob in container.list_blobs(name_starts_with=prefix):
                yield blob, folder / blob.name.removeprefix(prefix), container.get_blob_client(blob.name)
        except ResourceNotFoundError:
            raise DataError(f"{uri}: there is no container {place.container}") from None

    def put(self, folder: Path, uri: str) -> None:
        """Copy all files of `folder` to below an address."""
        place = self.place_of(uri)
        container = self._service.get_container_client(place.container)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{place.path.rstrip('/')}/{file.relative_to(folder).as_posix()}"
            with file.open("rb") as content:
                container.upload_blob(name.lstrip("/"), content, overwrite=True)

    def keep_files(self, folder: Path, run_id: str) -> None:
        """Keep what a step left in `folder`, the outputs of its working folder, with its run."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        for file in files:
            container = self._datastore_container(ARTEFACTS)
            name = f"ExperimentRun/dcid.{run_id}/outputs/{file.relative_to(folder).as_posix()}"
            with file.open("rb") as content:
                self._service.get_blob_client(container, name).upload_blob(content, overwrite=True)

    def put_file(self, file: Path, uri: str) -> None:
        """Copy a file to an address."""
        place = self.place_of(uri)
        with file.open("rb") as content:
            self._service.get_blob_client(place.container, place.path).upload_blob(content, overwrite=True)

    def _once(self, user: str, uri: str, kind: str, bring: Callable[[Path], None]) -> Path:
        with self._lock:
            key = (user, uri, kind)
            lock, folder = self._places.setdefault(key, (threading.Lock(), self._folder / f"{len(self._places):05d}"))
        with lock:
            if not folder.exists():
                coming = folder.with_suffix(".coming")
                coming.mkdir(parents=True, exist_ok=True)
                bring(coming)
                coming.rename(folder)
        return folder

    def _download(self, client: Any, target: Path, uri: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            stream = client.download_blob()
        except ResourceNotFoundError:
            raise DataError(f"{uri}: there is no such blob ({client.container_name}/{client.blob_name})") from None
        with target.open("wb") as file:
            stream.readinto(file)
