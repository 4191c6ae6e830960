"""The rows of a call as a parallel script gets them: a pandas DataFrame, or a list of file paths."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PANDAS = "pandas"


@dataclass(frozen=True)
class MiniBatchContext:
    """What `run(mini_batch, mini_batch_context)` may know of its mini batch; the names are those of parallel jobs.

    Attributes:
        minibatch_index: the row_index of its first row: a row that is repeated alone has the same one again.
        partition_key_value: the values of the columns of input.group_by, by column; empty without it.
        dataset: always None; it was of the SDK v1.
    """

    minibatch_index: int
    partition_key_value: Mapping[str, Any] = field(default_factory=dict)
    dataset: None = None


def check_pandas() -> None:
    """See that rows can become DataFrames; pandas is imported no sooner than it is needed, as it takes its time.

    Raises:
        ModuleNotFoundError: when there is no pandas; says how to add it.
    """
    if importlib.util.find_spec(_PANDAS) is None:
        raise ModuleNotFoundError(
            "rows reach a parallel script as a pandas DataFrame: add pandas to the packages of environment "
            "(requirements or conda_file)"
        )


def file_paths(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of an input of files: absolute ones, on this machine."""
    return [row["path"] for row in rows]


def frame_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows of a table as a DataFrame whose index counts from 0."""
    return importlib.import_module(_PANDAS).DataFrame(list(rows))
