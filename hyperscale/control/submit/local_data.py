"""Which files of this machine a run reads, and the names that their contents have in its storage account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hyperscale.control.reading.input_check import input_path
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.remote.remote_data import RemoteData
from hyperscale.control.rendered.data_inputs import DataPlace
from hyperscale.names import PLAIN_FILE
from hyperscale.node.reading.file_rows import data_files
from hyperscale.node.storing.places import storage_uri
from hyperscale.uris import is_uri

#: Where uploaded files lie in the container of the store, beside the folders of runs.
UPLOADS = "inputs"
#: Read so much of a file at once: a file of any size takes this much memory.
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class LocalFile:
    """A file, and the name of the blob that it becomes."""

    path: Path
    blob: str
    bytes: int


@dataclass(frozen=True)
class LocalData:
    """A data input of the pipeline that lies on this machine.

    Attributes:
        key: the name of the pipeline's input.
        prefix: the blobs of it begin with this; of a single file its whole name.
        files: what it consists of.
    """

    key: str
    prefix: str
    files: tuple[LocalFile, ...]

    @property
    def bytes(self) -> int:
        """Return its size."""
        return sum(file.bytes for file in self.files)

    @property
    def is_folder(self) -> bool:
        """Return whether it is one, and no file."""
        return [file.blob for file in self.files] != [self.prefix]

    def uri(self, store_url: str) -> str:
        """Return how Azure ML reads it from the store's account with the identity of a node."""
        return storage_uri(store_url, self.prefix)


def data_places(
    remote: Mapping[str, RemoteData], uploaded: Sequence[LocalData], store_url: str
) -> dict[str, DataPlace]:
    """Return where the data is that nodes read, by the name of the pipeline's input."""
    return {
        **{key: DataPlace(data.uri, data.is_folder) for key, data in remote.items()},
        **{data.key: DataPlace(data.uri(store_url), data.is_folder) for data in uploaded},
    }


def local_data(loaded: LoadedExperiment) -> list[LocalData]:
    """Return the data inputs of the experiment that lie on this machine; every file of them is read once."""
    is_files = loaded.experiment.input.form == "files"
    found = []
    if loaded.experiment.input.form != "sweep" and not is_uri(loaded.experiment.input.place):
        found.append(_data("input", input_path(loaded), skips_hidden=is_files))
    for name, mount in loaded.experiment.mounts.items():
        if is_uri(mount.path):
            continue
        found.append(_data(f"mount_{name}", loaded.folder / mount.path, skips_hidden=False))
    return found


def _data(key: str, path: Path, *, skips_hidden: bool) -> LocalData:
    path = path.resolve()
    name = path.name if PLAIN_FILE.problem(path.name) is None else "data"
    if path.is_file():
        blob = f"{UPLOADS}/{file_hash(path)}/{name}"
        return LocalData(key, blob, (LocalFile(path, blob, path.stat().st_size),))
    found = sorted(PurePosixPath(inner) for inner, _ in data_files(path, skips_hidden=skips_hidden))
    digest = hashlib.sha256()
    for relative in found:
        digest.update(f"{file_hash(path / relative)} {relative}\n".encode("utf-8", "surrogateescape"))
    prefix = f"{UPLOADS}/{digest.hexdigest()}/{name}"
    files = (LocalFile(path / inner, f"{prefix}/{inner}", (path / inner).stat().st_size) for inner in found)
    return LocalData(key, prefix, tuple(files))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while piece := opened.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
