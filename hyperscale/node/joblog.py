"""The run as GNU parallel would have logged it, so that scripts which read its --joblog keep working."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.ledger import SUCCEEDED

#: The columns of GNU parallel's --joblog (its manual, section "--joblog").
HEADER = ("Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command")


class JobLog:
    """A file with a line for each row that has an outcome, in order of rows."""

    def __init__(self, path: Path, entry: str) -> None:
        """Open `path`, which is overwritten; `entry` names the activity."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._entry = entry
        self._write(HEADER)

    def add(self, outcome: Mapping[str, Any], key: str | None) -> None:
        """Add a row; a failed one never has exit value 0."""
        failure = outcome.get("failure") or {}
        exit_value = 0 if outcome["outcome"] == SUCCEEDED else failure.get("exit_code") or 1
        command = f"{self._entry} {outcome['row_index'] if key is None else key}"
        times = f"{outcome['started_at']:.3f}", f"{outcome['seconds']:10.3f}"
        ends = exit_value, failure.get("signal") or 0
        self._write((outcome["row_index"] + 1, outcome["consumer"], *times, 0, 0, *ends, " ".join(command.split())))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, values: tuple[Any, ...]) -> None:
        self._file.write("\t".join(map(str, values)) + "\n")
