"""What all workers of a consumer have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hyperscale.node.consuming.gpus import VISIBLE
from hyperscale.node.working.hidden_values import HiddenValues


@dataclass(frozen=True)
class WorkerSettings:
    """How workers are started; see `Context` for the fields that reach the activity.

    Attributes:
        entry, command, parallel_script: which of the three the activity is; the others are None.
        code_folder: the staged code: `hyperscale/` and `activity/`.
        scratch: each worker makes a folder of its own in it.
        key: the column of messages that names rows, if any.
        is_grouped: rows are groups of records, and arrive as lists.
        input_folder: where a row's relative `path` is, for an input of files; messages carry relative names.
        concurrency: calls in flight in one worker; above 1 the activity is async, and calls have one row.
        set_up_timeout_seconds, timeout_seconds: of the start, and of one call.
        logs: whose captured output is kept: failed, all or none.
        secrets: values by the environment variable that has them in workers: nothing may show one.
        adopts_orphans: this process has no children but workers, and becomes the parent of what they leave behind.
        gpus: the CUDA_VISIBLE_DEVICES of each worker, by its index; empty when there are no GPUs.
        threads: variables that keep libraries from starting more threads than there are cores.
        error_on_missing: whether a row without a result has failed, of a parallel script.
    """

    run_id: str
    consumer: str
    entry: str | None
    command: str | None
    code_folder: Path
    scratch: Path
    key: str | None
    input_folder: Path | None
    arguments: Mapping[str, Any]
    mounts: Mapping[str, str]
    environment_variables: Mapping[str, str]
    rows_per_call: int
    concurrency: int
    set_up_timeout_seconds: float
    timeout_seconds: float
    log_level: str
    logs: str
    adopts_orphans: bool
    is_grouped: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    gpus: Sequence[str] = ()
    threads: Mapping[str, str] = field(default_factory=dict)
    parallel_script: str | None = None
    error_on_missing: bool = False

    @property
    def rows_together(self) -> int:
        """Return how many rows a worker takes up at once: in a call, or in flight."""
        return max(self.rows_per_call, self.concurrency)

    @property
    def rows_held(self) -> int:
        """Return how many rows a worker holds at least, if there are: while it has half of them it is busy."""
        return self.rows_per_call if self.concurrency == 1 else 2 * self.concurrency

    @property
    def is_given_lists(self) -> bool:
        """Return whether a call has a list of rows, and one result for each; a group has one for all of its records."""
        return not self.is_grouped and (self.rows_per_call > 1 or self.parallel_script is not None)

    @cached_property
    def hidden(self) -> HiddenValues:
        """Return what must not stand in anything that is kept of what the activity says."""
        return HiddenValues.of({**os.environ, **self.secrets}, self.secrets)

    @property
    def activity_folder(self) -> Path:
        """Return the folder of the user's code."""
        return self.code_folder / "activity"

    @property
    def named(self) -> str:
        """Return what the activity is called in messages."""
        if self.parallel_script:
            return f"activity.parallel_script {self.parallel_script}"
        return f"activity.entry {self.entry}" if self.entry else "activity.command"

    def environment(self, worker_index: int) -> dict[str, str]:
        """Return the variables of a worker; what the experiment says of them wins."""
        gpus = {VISIBLE: self.gpus[worker_index]} if self.gpus else {}
        return {**self.threads, **os.environ, **gpus, **self.environment_variables, **self.secrets}

    def start_order(self) -> dict[str, Any]:
        """Return what every worker is told first; it learns its own place beside."""
        return {
            "run_id": self.run_id,
            "consumer": self.consumer,
            "entry": self.entry,
            "command": self.command,
            "parallel_script": self.parallel_script,
            "error_on_missing": self.error_on_missing,
            "activity_folder": str(self.activity_folder),
            "input_folder": None if self.input_folder is None else str(self.input_folder),
            "key": self.key,
            "is_grouped": self.is_grouped,
            "is_given_lists": self.is_given_lists,
            "concurrency": self.concurrency,
            "timeout_seconds": self.timeout_seconds,
            "arguments": dict(self.arguments),
            "mounts": dict(self.mounts),
            "log_level": self.log_level,
            "logs": self.logs,
            "secrets": list(self.secrets),
        }
