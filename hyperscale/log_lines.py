"""One way to write a log: each line has a time, a level, who speaks, a sentence for people and fields for machines.

2026-11-28T17:34:09.123Z INFO    seed       264 rows are in the queue  {"event": "seeded", "rows": 264}
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def fields(event: str, **values: Any) -> dict[str, Any]:
    """Return what a logger takes as `extra`: the name of what has happened, and what machines want to know of it."""
    return {"event": event, "fields": values}


class LogLines(logging.Formatter):
    """Makes a line of a record; what has no event of its own is named after the module that tells it."""

    def __init__(self, speaker: str, hide: Callable[[str], str]) -> None:
        """Name `speaker` in each line, and pass each line through `hide`, which takes secrets away."""
        super().__init__()
        self._speaker, self._hide = speaker, hide

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`, without its end."""
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        told = {"event": getattr(record, "event", record.name.rpartition(".")[2]), **getattr(record, "fields", {})}
        if record.exc_info:
            told["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        sentence = " ".join(record.getMessage().split())
        data = json.dumps(told, ensure_ascii=False, default=str)
        return self._hide(f"{at[:23]}Z {record.levelname:<7} {self._speaker:<10} {sentence}  {data}")


class LogFile(logging.Handler):
    """Appends lines to a file that several processes write to: each line is one write."""

    def __init__(self, path: Path, lines: LogLines) -> None:
        """Append to `path`, which is made if it does not exist."""
        super().__init__()
        self.setFormatter(lines)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line of `record`; a full disk costs the log, and nothing else."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, f"{self.format(record)}\n".encode(errors="replace"))

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)
        super().close()
