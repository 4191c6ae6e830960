"""What all workers of a consumer have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class WorkerSettings:
    """How workers are started; see `Context` for the fields that reach the activity.

    Attributes:
        code_folder: the staged code: `hyperscale/` and `activity/`.
        scratch: each worker makes a folder of its own in it.
        key: the column that names rows, if any.
        input_folder: where a row's relative `path` is, for an input of files; messages carry relative names.
        set_up_timeout_seconds, timeout_seconds: of the start, and of one call.
    """

    run_id: str
    consumer: str
    entry: str
    code_folder: Path
    scratch: Path
    key: str | None
    input_folder: Path | None
    arguments: Mapping[str, Any]
    mounts: Mapping[str, str]
    environment_variables: Mapping[str, str]
    rows_per_call: int
    set_up_timeout_seconds: float
    timeout_seconds: float
    log_level: str
