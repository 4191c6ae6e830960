"""What a pipeline file says of data: the rows and the mounts, as paths beside it or as addresses in the cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hyperscale import names
from hyperscale.control.rendered.yaml_text import Plain
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Experiment

_GLOB = frozenset("*?[")


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


def rows_input(experiment: Experiment, folder: Path, out: Path, uris: Mapping[str, str]) -> DataInput:
    """Return the data input that holds the rows.

    Args:
        experiment: whose rows they are.
        folder: of the experiment file.
        out: where the rendered files will lie.
        uris: where files of this machine were uploaded to, by the name of the pipeline's input.

    Raises:
        ExperimentError: when that form of input is not available yet.
    """
    rows = experiment.input
    if rows.form == "files":
        data = _data_input(folder, out, "", fixed_folder(rows.files or ""), "ro_mount", is_folder=True)
        return _uploaded(data, uris)
    path = getattr(rows, rows.form)
    if not isinstance(path, str):
        raise ExperimentError(f"input.{rows.form} is not available yet", hint="give the rows as csv or files")
    return _uploaded(_data_input(folder, out, "", path, "ro_mount", is_folder=False), uris)


def mount_inputs(experiment: Experiment, folder: Path, out: Path, uris: Mapping[str, str]) -> list[DataInput]:
    """Return a data input for each mount; the arguments are those of `rows_input`."""
    mounts = experiment.mounts.items()
    return [_uploaded(_data_input(folder, out, name, mount.path, mount.mode), uris) for name, mount in mounts]


def fixed_folder(pattern: str) -> str:
    """Return the part of a glob before its first wildcard: the folder that every file it names is in."""
    parts = pattern.split("/")
    fixed = next((number for number, part in enumerate(parts) if _GLOB & set(part)), len(parts) - 1)
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")


def _data_input(
    folder: Path, out: Path, name: str, path: str, mode: str, *, is_folder: bool | None = None
) -> DataInput:
    names.DATA.check(PurePosixPath(path).name)
    key = Plain(names.INPUT.check(f"mount_{name}")) if name else Plain("input")
    if "://" in path or path.startswith("azureml:"):
        return DataInput(name, key, "uri_file" if is_folder is False else "uri_folder", path, mode)
    local = folder / path
    kind = "uri_folder" if (local.is_dir() if is_folder is None else is_folder) else "uri_file"
    return DataInput(name, key, kind, _relative(local, out / "pipelines"), mode)


def _uploaded(data: DataInput, uris: Mapping[str, str]) -> DataInput:
    return replace(data, path=uris.get(data.input_key, data.path))


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()
