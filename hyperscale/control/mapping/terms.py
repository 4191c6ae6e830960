"""On which terms rows are mapped: how many workers, attempts and seconds; checked, and as settings of workers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale.errors import HyperscaleError
from hyperscale.failures import RetryPolicy
from hyperscale.node.consuming.gpus import find_gpus, share_gpus
from hyperscale.node.consuming.worker_settings import WorkerSettings

#: What `context.run_id` and the consumer are called where there is neither.
NAME = "map-rows"
_WHOLE = ("workers", "rows_ahead", "rows_per_call", "max_attempts")
_SECONDS = ("timeout_seconds", "set_up_timeout_seconds")


@dataclass(frozen=True)
class Terms:
    """What `map_rows` was asked for, named as its arguments are.

    Raises:
        HyperscaleError: when a value cannot be used.
    """

    workers: int
    rows_ahead: int
    rows_per_call: int
    max_attempts: int
    retry_delay_seconds: float
    timeout_seconds: float | None
    set_up_timeout_seconds: float
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Check the values."""
        for name in _WHOLE:
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise HyperscaleError(f"map_rows: {name} is {number!r}: a whole number from 1 on was expected")
        for name in _SECONDS:
            seconds = getattr(self, name)
            if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
                raise HyperscaleError(f"map_rows: {name} is {seconds!r}: a number of seconds above 0 was expected")
        delay = self.retry_delay_seconds
        if not (isinstance(delay, int | float) and 0 <= delay < math.inf):
            raise HyperscaleError(
                f"map_rows: retry_delay_seconds is {delay!r}: a number of seconds from 0 on was expected"
            )
        try:
            json.dumps(dict(self.arguments))
        except (TypeError, ValueError) as error:
            raise HyperscaleError(
                f"map_rows: arguments cannot be written as JSON: {error}",
                hint="what a function needs besides may stand around it, as always in Python: it travels along",
            ) from error

    @property
    def policy(self) -> RetryPolicy:
        """Return what becomes of rows whose attempts fail."""
        return RetryPolicy(self.max_attempts, self.retry_delay_seconds)

    def settings(self, folder: Path) -> WorkerSettings:
        """Return how workers are started; `folder` gets links to this package, and to where the caller works."""
        (folder / "hyperscale").symlink_to(Path(hyperscale.__file__).parent)
        # Where workers work, and whose frames are the user's own: as in a run the folder of the code.
        (folder / "activity").symlink_to(Path.cwd())
        return WorkerSettings(
            run_id=NAME,
            consumer=NAME,
            entry="hyperscale.control.mapping.mapped:Mapped",
            command=None,
            code_folder=folder,
            scratch=folder / "scratch",
            key=None,
            input_folder=None,
            arguments=self.arguments,
            mounts={},
            environment_variables={},
            rows_per_call=self.rows_per_call,
            concurrency=1,
            set_up_timeout_seconds=self.set_up_timeout_seconds,
            timeout_seconds=math.inf if self.timeout_seconds is None else self.timeout_seconds,
            log_level="info",
            logs="all",
            adopts_orphans=False,
            gpus=share_gpus(find_gpus(os.environ), self.workers),
        )
