"""What is known of one remote input or mount of an experiment, and of what was fetched of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: How much of remote data a command needs here. `plan`: what tells counts and sizes; `rows`: all rows can be read;
#: `run`: the same, and all mounts and files lie on this machine.
Reads = Literal["plan", "rows", "run"]


@dataclass(frozen=True)
class Beginning:
    """What the beginning of a file of rows tells, or the end of a Parquet file.

    Attributes:
        columns: names, in order.
        row_bytes: mean size of a row's values in a message, in bytes.
    """

    columns: tuple[str, ...]
    row_bytes: float


@dataclass(frozen=True)
class RemoteData:
    """A data input of the pipeline that does not lie on this machine.

    Attributes:
        key: the name of the pipeline's input.
        written: the address in the experiment file; of `files` that of the fixed folder.
        uri: by which Azure ML reads it: the same, but the version of an asset is fixed.
        is_folder: whether it is one.
        bytes, files: its size; None where the place does not tell.
        copy: where it lies on this machine, None when it was not fetched.
        listing: of `files`, path below the folder and size of each that matches, sorted by path.
        beginning: of an input that was not fetched.
    """

    key: str
    written: str
    uri: str
    is_folder: bool
    bytes: int | None
    files: int | None
    copy: Path | None = None
    listing: tuple[tuple[str, int], ...] | None = None
    beginning: Beginning | None = None
