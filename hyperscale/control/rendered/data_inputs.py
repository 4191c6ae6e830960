"""What a pipeline file says of data: the rows and the mounts, as paths beside it or as addresses in the cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hyperscale import names
from hyperscale.control.remote.remote_data import RemoteData
from hyperscale.control.rendered.yaml_text import Plain
from hyperscale.experiment import Experiment
from hyperscale.uris import is_uri, split_pattern

_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class DataPlace:
    """Where data is, when that is not the path of the experiment: uploaded, fetched, or in the cloud all the time.

    Attributes:
        address: a URI, or an absolute path of this machine.
        is_folder: whether it is one, and no file.
    """

    address: str
    is_folder: bool


@dataclass(frozen=True)
class DataInput:
    """A data input of the pipeline.

    Attributes:
        name: of a mount; empty for the rows.
        input_key: the name of the pipeline's input.
        type: uri_file or uri_folder.
        path: relative to the pipeline file, or a URI.
        mode: ro_mount or download.
    """

    name: str
    input_key: Plain
    type: str
    path: str
    mode: str


def places_as_written(remote: Mapping[str, RemoteData]) -> dict[str, DataPlace]:
    """Return where remote data is for files that anybody may submit later: the latest version is the one of then."""
    return {key: DataPlace(data.written, data.is_folder) for key, data in remote.items()}


def rows_input(experiment: Experiment, folder: Path, out: Path, places: Mapping[str, DataPlace]) -> DataInput | None:
    """Return the data input that holds the rows; a sweep has none, it is in the experiment.

    Args:
        experiment: whose rows they are.
        folder: of the experiment file.
        out: where the rendered files will lie.
        places: where it is, by the name of the pipeline's input; what is not in it is where the experiment says.
    """
    rows = experiment.input
    if rows.form == "sweep":
        return None
    if rows.form == "files":
        return _data_input(folder, out, "", fixed_folder(rows.files or ""), "ro_mount", places, is_folder=True)
    return _data_input(folder, out, "", rows.place, "ro_mount", places, is_folder=False)


def mount_inputs(experiment: Experiment, folder: Path, out: Path, places: Mapping[str, DataPlace]) -> list[DataInput]:
    """Return a data input for each mount; the arguments are those of `rows_input`."""
    mounts = experiment.mounts.items()
    return [_data_input(folder, out, name, mount.path, mount.mode, places) for name, mount in mounts]


def fixed_folder(pattern: str) -> str:
    """Return the part of a glob before its first wildcard: the folder that every file it names is in."""
    if is_uri(pattern):
        return split_pattern(pattern)[0]
    parts = pattern.split("/")
    fixed = next((number for number, part in enumerate(parts) if _GLOB & set(part)), len(parts) - 1)
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")


def _data_input(
    folder: Path,
    out: Path,
    name: str,
    path: str,
    mode: str,
    places: Mapping[str, DataPlace],
    *,
    is_folder: bool | None = None,
) -> DataInput:
    names.DATA.check(PurePosixPath(path).name)
    key = Plain(names.INPUT.check(f"mount_{name}")) if name else Plain("input")
    place = places.get(key)
    address, is_folder = (place.address, place.is_folder) if place else (path, is_folder)
    if not is_uri(address):
        local = folder / address
        address = _relative(local, out / "pipelines")
        is_folder = local.is_dir() if is_folder is None else is_folder
    return DataInput(name, key, "uri_file" if is_folder is False else "uri_folder", address, mode)


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()
